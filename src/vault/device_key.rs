//! A device key, sealed in the vault where no operating system guards one.

use zeroize::Zeroizing;

use super::{
    AccountKey, Epoch, Outcome, Vault, VaultError,
    names::{Of, Single},
    outcome::Closed,
    payload::{self, GenerationV1},
    record::{self, Header, Kind},
};
use crate::Secret;

impl Vault {
    /// Stores the account's device key, replacing one that was there. Sign-out destroys it.
    ///
    /// What the server calls it is noted with the credentials first: whoever finishes a sign-out, in whichever process and
    /// however late, finds what has to be withdrawn and a token to do that with.
    ///
    /// # Errors
    /// [`VaultError::SignedOut`] if the account's epoch is past `epoch`.
    pub async fn store_device_key(
        &self,
        account: AccountKey,
        epoch: Epoch,
        key: &Secret,
        enrolled_as: &str,
    ) -> Result<(), VaultError> {
        self.keys_or_birth().await?;
        let held = self.files_lock(account).await?;
        self.note_enrolment(account, epoch, enrolled_as).await?;
        drop(held);
        self.save_record(account, Single::DeviceKey, epoch, key.expose()).await
    }

    /// Writes the newest generation again, with the name in it. The caller holds the files lock.
    async fn note_enrolment(&self, account: AccountKey, epoch: Epoch, enrolled_as: &str) -> Result<(), VaultError> {
        let mut shelf = self.shelf_unlocked(account).await?;
        if shelf.epoch > epoch {
            return Err(VaultError::SignedOut);
        }
        shelf.repeated.enrolled_as = Some(enrolled_as.to_owned());
        let Some(newest) = shelf.generations.first() else { return Ok(()) };
        let generation = newest.credentials.generation;
        let payload = GenerationV1::new(&newest.credentials, generation, newest.kept.clone(), shelf.repeated);
        let header = Header { kind: Kind::Credentials, account, generation: generation.number(), epoch: newest.epoch };
        let keys = self.keys_for_records().await?;
        let file = record::seal(&keys, &header, self.disk.draw_bytes(), &payload::encode(&payload)?)?;
        // Not taken back if a sign-out overtakes it: the tokens in it are what that has to revoke.
        Ok(self.disk.replace(&newest.name, file).await?)
    }

    /// The account's device key.
    pub async fn load_device_key(&self, account: AccountKey) -> Outcome<Secret> {
        self.load_of_epoch(account, Single::DeviceKey).await.map(|key| Secret::new(key.to_vec())).into()
    }

    /// Destroys the account's device key; no error if there is none.
    ///
    /// # Errors
    /// The file system's, and [`VaultError::TooNew`].
    pub async fn remove_device_key(&self, account: AccountKey) -> Result<(), VaultError> {
        let _held = self.files_lock(account).await?;
        if let Err(Closed::TooNew(version)) = self.load_record(account, Single::DeviceKey).await {
            return Err(VaultError::TooNew { version });
        }
        Ok(self.disk.remove(&[Of(account).single(Single::DeviceKey)]).await?)
    }

    /// A record that an account has one of, unless the account was signed out since it was written.
    pub(super) async fn load_of_epoch(
        &self,
        account: AccountKey,
        single: Single,
    ) -> Result<Zeroizing<Vec<u8>>, Closed> {
        let (epoch, content) = self.load_record(account, single).await?;
        if epoch < self.read_epoch(account).await? { Err(Closed::Empty) } else { Ok(content) }
    }
}
