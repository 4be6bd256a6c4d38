//! Sign-ins that wait for their browser: sealed like everything else, so that they survive the death of the app.
//!
//! They hold no credential, and they expire; what they mean is the driver's.

use super::{Vault, VaultError, WRITERS_PATIENCE, names, outcome::Closed, record::Kind};
use crate::{Secret, host::MaybeSend};

impl Vault {
    /// Changes what waits, one process at a time, and durably before it returns. `change` is given what is there, if it can
    /// be read, and says what to store and what to return; nothing to store: nothing is written. A vault that was never born
    /// is born.
    ///
    /// # Errors
    /// [`VaultError::TooNew`]: a newer release's is left alone. [`VaultError::Locked`] and the file system's: what was there is
    /// still there.
    pub async fn update_sign_ins<T: MaybeSend>(
        &self,
        change: impl FnOnce(Option<Secret>) -> (Option<Secret>, T) + MaybeSend,
    ) -> Result<T, VaultError> {
        self.keys_or_birth().await?;
        let _held = self.lock_within(&names::index_lock(), WRITERS_PATIENCE).await?;
        self.refuse_too_new_of_vault(&names::sign_ins()).await?;
        let there = match self.read_of_vault(&names::sign_ins(), Kind::SignIns).await {
            Ok(content) => Some(Secret::new(content.to_vec())),
            // Worth a new sign-in at most, and that is what follows.
            Err(Closed::Empty | Closed::Unreadable(_)) => None,
            Err(closed) => return Err(closed.into()),
        };
        let (stored, answer) = change(there);
        if let Some(content) = stored {
            self.replace_of_vault(&names::sign_ins(), Kind::SignIns, content.expose()).await?;
        }
        Ok(answer)
    }
}
