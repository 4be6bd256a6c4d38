//! The operating system's keyring, behind a thread of its own.

mod system;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures_util::future::{Either, select};

use self::{system::SystemRing, worker::Worker};
use crate::{
    Secret,
    host::{BoxFuture, Clock, MaybeSend, SecretStore, SecretStoreError},
};

/// How long a call waits for the keyring unless told otherwise. A person who types a password takes longer: the next
/// try finds the keyring open.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest secret, in bytes. Windows takes 2,560; keys are far smaller, and nothing else belongs in a keyring.
const LIMIT: usize = 1024;

/// One thread for the process, however many stores there are: on Windows, calls from several threads are not ordered.
static SYSTEM: LazyLock<Arc<Worker>> = LazyLock::new(|| Arc::new(Worker::new(|| Box::new(SystemRing))));

/// Keys in the keyring of the person who is logged in: Secret Service on Linux and BSD, Credential Manager on Windows,
/// Keychain on macOS. Never falls back to anything weaker.
///
/// Calls to a keyring block, and a locked one may block until somebody answers its prompt. All of them run on one thread
/// that does nothing else, so a hung keyring blocks that thread and no other; whoever asked is told
/// [`SecretStoreError::Timeout`]. A call that was given up while it waited for its turn never happens; one that the
/// keyring was working on may still happen later.
///
/// On Linux a locked keyring asks the person once. If that is dismissed, nobody is asked again before the keyring was
/// seen unlocked, the person wants to try now ([`Session::try_now`](crate::Session::try_now)), or the process started anew.
pub struct KeyringSecretStore {
    worker: Arc<Worker>,
    clock: Arc<dyn Clock>,
    patience: Duration,
    asks: bool,
}

impl KeyringSecretStore {
    /// The keyring of this machine. `clock` times calls out. Does nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { worker: Arc::clone(&SYSTEM), clock, patience: PATIENCE, asks: true }
    }

    /// Waits this long for an answer instead of 5 s.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Never asks the person: a locked keyring is locked, for whoever only looks. On Linux; elsewhere the system decides.
    #[must_use]
    pub fn without_asking(mut self) -> Self {
        self.asks = false;
        self
    }

    fn ask<T: MaybeSend + Send + 'static>(
        &self,
        name: &str,
        question: impl FnOnce(&dyn Ring, &str) -> Result<T, SecretStoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, SecretStoreError>> {
        let deadline = self.clock.monotonic().saturating_add(self.patience);
        let (asks, name) = (self.asks, name.to_owned());
        let answer = self.worker.ask(move |ring| {
            ring.dismissed |= !asks;
            ring.ask(&name, |ring| question(ring, &name))
        });
        Box::pin(async move {
            match select(answer, self.clock.sleep_until(deadline)).await {
                Either::Left((Ok(answer), _)) => answer,
                // There is no such thread: it could not be started, or the keyring's library gave up.
                Either::Left((Err(_gone), _)) => Err(SecretStoreError::Unavailable),
                Either::Right(((), _)) => Err(SecretStoreError::Timeout),
            }
        })
    }
}

impl SecretStore for KeyringSecretStore {
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        self.ask(name, |ring, name| ring.load(name))
    }

    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        if secret.expose().len() > LIMIT {
            let error = SecretStoreError::Unreadable("too large for a keyring".to_owned());
            return Box::pin(std::future::ready(Err(error)));
        }
        self.ask(name, move |ring, name| ring.store(name, &secret))
    }

    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        self.ask(name, |ring, name| ring.remove(name))
    }

    fn ask_again(&self) {
        // Nobody waits for it: the next question comes after it.
        drop(self.worker.ask(|ring| ring.dismissed = false));
    }

    fn describe(&self) -> &'static str {
        system::NAME
    }
}

impl std::fmt::Debug for KeyringSecretStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyringSecretStore").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// A keyring, one blocking call at a time. Locked, it asks the person.
trait Ring {
    fn load(&self, name: &str) -> Result<Option<Secret>, SecretStoreError>;
    fn store(&self, name: &str, secret: &Secret) -> Result<(), SecretStoreError>;
    fn remove(&self, name: &str) -> Result<(), SecretStoreError>;
    /// Whether it would have to ask the person. Asks nobody.
    fn is_locked(&self, name: &str) -> bool;
}

/// A keyring that asks once.
struct Asking {
    ring: Box<dyn Ring>,
    /// Whether the person was asked to unlock it, and did not; or is not to be asked.
    dismissed: bool,
}

impl Asking {
    fn ask<T>(
        &mut self,
        name: &str,
        question: impl FnOnce(&dyn Ring) -> Result<T, SecretStoreError>,
    ) -> Result<T, SecretStoreError> {
        if self.dismissed && self.ring.is_locked(name) {
            return Err(SecretStoreError::Locked);
        }
        let answer = question(&*self.ring);
        self.dismissed = matches!(answer, Err(SecretStoreError::Locked));
        answer
    }
}
