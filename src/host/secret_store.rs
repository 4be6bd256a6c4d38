//! Where the operating system guards keys.

use super::{BoxFuture, MaybeSendSync};
use crate::Secret;

/// Why a key could not be read or written. Not finding one is no error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretStoreError {
    /// The store exists and is locked now. It opens by itself later, or the person unlocks it.
    #[error("the key store is locked")]
    Locked,
    /// The machine has no key store that Mainstay could use.
    #[error("this machine offers no key store")]
    Unavailable,
    /// The store has an entry and cannot give it back: another user's, damaged, or invalidated.
    #[error("the key store cannot give the key back: {0}")]
    Unreadable(String),
    /// The store did not answer in time.
    #[error("the key store did not answer in time")]
    Timeout,
}

/// The OS keyring, Android Keystore, WebCrypto, or memory. Holds the vault key and device keys, nothing else.
///
/// A locked store is asked again by itself, at least every 30 s. One that asks the person to unlock it does so once: if
/// they dismiss that, it looks in silence from then on, and says [`Locked`](SecretStoreError::Locked), until it finds
/// itself unlocked or is told to [ask again](SecretStore::ask_again).
pub trait SecretStore: MaybeSendSync {
    /// The secret stored under `name`; `None` only if the store is open and has none.
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>>;
    /// Stores a secret under `name`, replacing what was there.
    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>>;
    /// Removes the secret; no error if there is none.
    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>>;
    /// A person wants to go on now: a store that asked them to unlock it, and was dismissed, may ask once more when it is
    /// next called. Does nothing where nobody is ever asked.
    fn ask_again(&self) {}
    /// What a status display calls this store, for example `memory` or `Secret Service`.
    fn describe(&self) -> &'static str;
}
