//! Destroying what a promise allows to be destroyed: foreign credentials, and kept ones after their limit.

use mainstay_core::Generation;

use super::{
    AccountKey, Vault, VaultError,
    names::{Of, Part, Single},
    save::refuse_too_new,
};

impl Vault {
    /// Destroys one generation. If it is the current one, the newest kept one takes its place, in one step.
    ///
    /// # Errors
    /// [`VaultError::TooNew`], and the file system's: the generation may still be there.
    pub async fn destroy_generation(&self, account: AccountKey, generation: Generation) -> Result<(), VaultError> {
        let _held = self.files_lock(account).await?;
        let shelf = self.shelf_unlocked(account).await?;
        let current = Of(account).current();
        let mut others = shelf.generations.iter().filter(|book| book.credentials.generation != generation);
        let heir = others.next().map(|book| &book.name);
        let doomed = shelf.generations.iter().find(|book| book.credentials.generation == generation);
        match (doomed.map(|book| &book.name), heir) {
            (Some(doomed), Some(heir)) if *doomed == current => {
                self.disk.files.rename(heir, &current).await?;
                Ok(self.disk.files.sync_folder().await?)
            }
            (Some(doomed), _) => Ok(self.disk.remove(std::slice::from_ref(doomed)).await?),
            (None, _) => Ok(()),
        }
    }

    /// Destroys every kept generation of an account and leaves it known: its session record stays.
    ///
    /// # Errors
    /// [`VaultError::TooNew`], and the file system's: some may still be there.
    pub async fn destroy_credentials(&self, account: AccountKey) -> Result<(), VaultError> {
        let _held = self.files_lock(account).await?;
        let mut doomed = vec![Of(account).single(Single::Intent)];
        for name in self.disk.files.list().await? {
            if matches!(Of(account).part(&name), Some(Part::Current | Part::Kept(_))) {
                refuse_too_new(&self.disk.read(&name).await?.unwrap_or_default())?;
                doomed.push(name);
            }
        }
        Ok(self.disk.remove(&doomed).await?)
    }
}
