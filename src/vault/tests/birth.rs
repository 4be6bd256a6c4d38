//! A vault's birth while the key store is slow.

use std::sync::Mutex;

use super::*;
use crate::host::{BoxFuture, SecretStore, SecretStoreError, memory::MemorySecretStore};

/// A key store that waits for a person before it stores anything, longer than anybody waits for it.
#[derive(Clone, Default)]
struct Late {
    inner: MemorySecretStore,
    waiting: Arc<Mutex<Vec<(String, Secret)>>>,
}

impl Late {
    /// The person answers at last.
    async fn unlock(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap());
        for (name, secret) in waiting {
            self.inner.store(&name, secret).await.unwrap();
        }
    }
}

impl SecretStore for Late {
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        self.inner.load(name)
    }

    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        self.waiting.lock().unwrap().push((name.to_owned(), secret));
        Box::pin(std::future::ready(Err(SecretStoreError::Timeout)))
    }

    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        self.inner.remove(name)
    }

    fn describe(&self) -> &'static str {
        "late"
    }
}

/// 1. A's vault is born while the keyring asks the person; A gives up. 2. B, whose keyring answers at once, is faster
/// with a key of its own and signs in. 3. The person answers A's question. 4. B's credentials are still there.
#[tokio::test]
async fn a_key_that_is_stored_too_late_never_replaces_another() {
    let machine = Machine::new();
    let late = Late::default();
    let process = |secrets: Arc<dyn SecretStore>| {
        let host = VaultHost {
            files: Arc::new(machine.files.clone()),
            secrets,
            lock: Arc::new(machine.lock.clone()),
            clock: Arc::new(machine.clock.clone()),
            entropy: machine.entropy.clone(),
        };
        Vault::new(host)
    };
    let a = process(Arc::new(late.clone()));
    let gave_up = a.first_save(till(), &credentials(1), Epoch::default()).await;
    assert!(matches!(gave_up, Err(VaultError::Locked(LockedReason::KeyStoreSlow))), "{gave_up:?}");
    assert_eq!(machine.files.contents().len(), 0, "an installation whose key may arrive under its name");

    let b = process(Arc::new(late.inner.clone()));
    b.first_save(till(), &credentials(1), Epoch::default()).await.unwrap();
    late.unlock().await;
    let restarted = process(Arc::new(late.inner.clone()));
    assert_eq!(current(&restarted.load(till()).await), Some(1));
}
