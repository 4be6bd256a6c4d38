//! The driver's own state, sealed like everything else.

use super::{AccountKey, Epoch, Outcome, Vault, VaultError, names::Single};

impl Vault {
    /// Saves the driver's state for an account, for [`Stored::session`](super::Stored::session). Needs no credentials.
    ///
    /// # Errors
    /// [`VaultError::SignedOut`] if the account's epoch is past `epoch`: a late state of a signed-out session is dropped.
    pub async fn save_session(&self, account: AccountKey, epoch: Epoch, state: &[u8]) -> Result<(), VaultError> {
        self.save_record(account, Single::Session, epoch, state).await
    }

    /// The state saved last, of an account that may have no credentials: a sign-in under way, or one that was refused.
    pub async fn load_session(&self, account: AccountKey) -> Outcome<Vec<u8>> {
        self.load_of_epoch(account, Single::Session).await.map(|state| state.to_vec()).into()
    }
}
