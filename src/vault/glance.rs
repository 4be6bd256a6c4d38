//! What can be told of an account without its key, in two small reads.

use mainstay_core::Generation;

use super::{AccountKey, Epoch, Vault, VaultError, names::Of, record::Sealed};

/// Where an account stands, as far as its files tell without a key: whether another process did something to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
    /// The account's epoch: grows with every sign-out.
    pub epoch: Epoch,
    /// The current generation, if it is of this epoch.
    pub generation: Option<Generation>,
}

impl Vault {
    /// Looks at an account. A hint, not a reading: what it says is not authenticated.
    ///
    /// # Errors
    /// As [`epoch`](Vault::epoch).
    pub async fn glance(&self, account: AccountKey) -> Result<Glance, VaultError> {
        let epoch = self.epoch(account).await?;
        let current = self.disk.read(&Of(account).current()).await?;
        let record = current.as_deref().and_then(|file| Sealed::parse(file).ok());
        let record = record.filter(|record| record.epoch >= epoch);
        Ok(Glance { epoch, generation: record.and_then(|record| Generation::new(record.generation)) })
    }
}
