//! Where credentials live: sealed records that no crash, full disk, locked keyring or second process loses.
//!
//! A [`Vault`] stands on four host traits: [`Files`] holds sealed records, [`SecretStore`] the one key, [`Lock`] keeps
//! processes apart and [`Entropy`] draws keys and names. Over memory hosts it is a vault that forgets; there is no
//! second implementation.
//!
//! Reading comes to an [`Outcome`], and nothing flattens it. A refresh is a [`Rotation`]: an intent and a reserved file
//! are on disk before the refresh token is spent, the next generation before its access token is handed out, and the
//! old one stays until the new one was accepted ([`Vault::drop_superseded`]). Sign-out raises an [`Epoch`] that needs
//! no key and no lock; whatever was written under an earlier epoch is void.
//!
//! A dropped future stops between two file operations, as a crash does: nothing is lost, and the next call goes on
//! from there. But a lock that it held is free at once, so call these methods from a task that is not cancelled.
//!
//! `docs/vault-format.md` describes the files.

mod account;
mod aside;
mod destroy;
mod device_key;
mod disk;
mod epoch;
mod error;
#[cfg(feature = "test-support")]
pub mod fuzzing;
mod glance;
mod index;
mod inspect;
mod install;
mod keys;
mod load;
mod names;
mod open;
mod outcome;
mod payload;
mod prompt;
mod reading;
mod record;
mod reseal;
mod revocation;
mod rotation;
mod save;
mod session;
mod shelf;
mod sign_ins;
mod still;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::{Either, select};

use crate::host::{Clock, Entropy, FileName, Files, Held, Host, Lock, LockError, SecretStore};

pub use account::{AccountKey, Epoch};
pub use aside::SetAside;
pub use error::VaultError;
pub use glance::Glance;
pub use index::Resident;
pub use inspect::{
    FileKind, InspectError, InspectedAccount, InspectedFile, InspectedGeneration, InspectedToken, InspectedTokens,
    Inspection, MachineBinding, Verdict,
};
pub use keys::{Fingerprint, Fingerprinter};
pub use load::{Damage, Intent, Stored};
pub use outcome::{LockedReason, Outcome, UnreadableReason};
pub use prompt::{PromptFate, PromptTurn, RaisedPrompt};
pub use revocation::{Enrolment, PendingRevocation, Revocable, Revocation, RevocationId};
pub use rotation::{AccountGuard, Rotation, Spends};

use disk::Disk;
use keys::Keys;
use outcome::Closed;

/// How long a reader or a sign-out waits for somebody who is just writing, before it goes on without the lock.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a writer waits for another, before it says that the lock is busy. Writing takes milliseconds.
const WRITERS_PATIENCE: Duration = Duration::from_secs(15);

/// The parts of a host that a vault stands on. It does not keep the host: one that brings its own runtime has to live as
/// long as the vault, or else no file can be read any more.
#[derive(Clone)]
pub struct VaultHost {
    /// Keeps sealed records.
    pub files: Arc<dyn Files>,
    /// Keeps the 32-byte vault key.
    pub secrets: Arc<dyn SecretStore>,
    /// Excludes other processes.
    pub lock: Arc<dyn Lock>,
    /// Tells the ages of queued and set-aside things, and paces second tries.
    pub clock: Arc<dyn Clock>,
    /// Draws keys, nonces and names.
    pub entropy: Arc<dyn Entropy>,
}

impl From<&Host> for VaultHost {
    fn from(host: &Host) -> Self {
        Self {
            files: Arc::clone(&host.files),
            secrets: Arc::clone(&host.secrets),
            lock: Arc::clone(&host.lock),
            clock: Arc::clone(&host.clock),
            entropy: Arc::clone(&host.entropy),
        }
    }
}

/// The durable store of credentials. Several may stand on the same host parts, in one process or many.
pub struct Vault {
    disk: Disk,
    secrets: Arc<dyn SecretStore>,
    lock: Arc<dyn Lock>,
    clock: Arc<dyn Clock>,
    opened: Mutex<Option<Arc<Keys>>>,
}

impl Vault {
    /// A vault over these parts. Does nothing yet: the vault is born when something is first stored.
    #[must_use]
    pub fn new(host: VaultHost) -> Self {
        Self {
            disk: Disk { files: host.files, entropy: host.entropy },
            secrets: host.secrets,
            lock: host.lock,
            clock: host.clock,
            opened: Mutex::new(None),
        }
    }

    /// Makes fingerprints of tokens under this vault's key. [`Outcome::Empty`] as long as nothing was ever stored.
    pub async fn fingerprinter(&self) -> Outcome<Fingerprinter> {
        self.keys().await.map(|keys| keys.fingerprinter.clone()).into()
    }

    /// What a status display calls the place where the key is, for example `Secret Service` or `unprotected file`.
    #[must_use]
    pub fn key_store(&self) -> &'static str {
        self.secrets.describe()
    }

    /// Whether there are locks that work between processes where this vault is: without them nobody may refresh.
    ///
    /// # Errors
    /// [`VaultError::Lock`] with [`LockError::Unsupported`]: the vault has to be put elsewhere.
    pub async fn check_locks(&self) -> Result<(), VaultError> {
        match self.lock_within(&names::vault_lock(), PATIENCE).await {
            Err(LockError::Unsupported) => Err(LockError::Unsupported.into()),
            // Held by somebody, or refused for now: whoever needs it will be told.
            _ => Ok(()),
        }
    }

    /// The short lock: nobody else replaces files of this account while it is held.
    async fn files_lock(&self, account: AccountKey) -> Result<Box<dyn Held>, LockError> {
        self.lock_within(&names::Of(account).files_lock(), WRITERS_PATIENCE).await
    }

    /// The short lock, if it can be had soon: its holder may be a process that was stopped.
    async fn files_lock_soon(&self, account: AccountKey) -> Option<Box<dyn Held>> {
        self.lock_within(&names::Of(account).files_lock(), PATIENCE).await.ok()
    }

    async fn lock_within(&self, name: &FileName, patience: Duration) -> Result<Box<dyn Held>, LockError> {
        let deadline = self.clock.monotonic().saturating_add(patience);
        match select(self.lock.acquire(name), self.clock.sleep_until(deadline)).await {
            Either::Left((held, _)) => held,
            Either::Right(((), _)) => Err(LockError::Busy),
        }
    }

    /// Wall time in milliseconds.
    fn wall_millis(&self) -> u64 {
        u64::try_from(self.clock.wall().as_millis()).unwrap_or(u64::MAX)
    }

    fn remember(&self, keys: Option<Arc<Keys>>) {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    fn remembered(&self) -> Option<Arc<Keys>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("key_store", &self.key_store()).finish_non_exhaustive()
    }
}
