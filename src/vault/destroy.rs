//! Destroying what a promise allows to be destroyed: foreign credentials, and kept ones after their limit.

use mainstay_core::Generation;

use super::{
    AccountKey, Vault, VaultError,
    names::{Of, Part, Single},
};

impl Vault {
    /// Destroys one generation. If it is the current one, the newest kept one takes its place, in one step.
    ///
    /// # Errors
    /// The file system's: the generation may still be there.
    pub async fn destroy_generation(&self, account: AccountKey, generation: Generation) -> Result<(), VaultError> {
        let _held = self.files_lock(account).await?;
        let shelf = self.shelf_unlocked(account).await?;
        let is_current = shelf.current()? == Some(generation);
        let heir = shelf.generations.get(1).map(|book| book.credentials.generation).filter(|_| is_current);
        match heir {
            Some(heir) => {
                self.disk.files.rename(&Of(account).kept(heir), &Of(account).current()).await?;
                Ok(self.disk.files.sync_folder().await?)
            }
            None if is_current => Ok(self.disk.remove(&[Of(account).current()]).await?),
            None => Ok(self.disk.remove(&[Of(account).kept(generation)]).await?),
        }
    }

    /// Destroys every kept generation of an account and leaves it known: its session record stays.
    ///
    /// # Errors
    /// The file system's: some may still be there.
    pub async fn destroy_credentials(&self, account: AccountKey) -> Result<(), VaultError> {
        let _held = self.files_lock(account).await?;
        let names = self.disk.files.list().await?;
        let credentials = |part| matches!(part, Some(Part::Current | Part::Kept(_)));
        let mut doomed: Vec<_> = names.into_iter().filter(|name| credentials(Of(account).part(name))).collect();
        doomed.push(Of(account).single(Single::Intent));
        Ok(self.disk.remove(&doomed).await?)
    }
}
