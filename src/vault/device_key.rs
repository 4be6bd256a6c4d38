//! A device key, sealed in the vault where no operating system guards one.

use zeroize::Zeroizing;

use super::{
    AccountKey, Epoch, Outcome, Vault, VaultError,
    names::{Of, Single},
    outcome::Closed,
};
use crate::Secret;

impl Vault {
    /// Stores the account's device key, replacing one that was there. Sign-out destroys it.
    ///
    /// # Errors
    /// [`VaultError::SignedOut`] if the account's epoch is past `epoch`.
    pub async fn store_device_key(&self, account: AccountKey, epoch: Epoch, key: &Secret) -> Result<(), VaultError> {
        self.save_record(account, Single::DeviceKey, epoch, key.expose()).await
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
