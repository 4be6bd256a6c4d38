//! Tests of the vault, on disks that lose power, fill up and are tampered with.

mod birth;
mod careless;
mod cloning;
mod crash;
mod destroying;
mod fixtures;
mod format;
mod fuzzed;
mod hostile;
mod inspecting;
mod meanwhile;
mod reading;
mod records;
mod resealing;
mod revoking;
mod rotating;
mod setting_aside;
mod signing_out;

use std::sync::Arc;

use mainstay_core::{Generation, Timestamp};

use super::*;
use crate::{
    Credentials, Identity, Secret, StoredAccessToken,
    host::{FileName, Files, memory::MemoryLock},
    test_support::{FaultyFiles, SeededEntropy, Survivors, SwitchableSecretStore, VirtualClock},
};

/// In every token, so that a leak can be searched for.
const CANARY: &str = "canary-7f3a";

/// A machine: a disk, a keyring, locks and a clock, which any number of processes share.
#[derive(Clone)]
struct Machine {
    files: FaultyFiles,
    keyring: SwitchableSecretStore,
    lock: MemoryLock,
    clock: VirtualClock,
    entropy: Arc<SeededEntropy>,
}

impl Machine {
    fn new() -> Self {
        Self {
            files: FaultyFiles::new(),
            keyring: SwitchableSecretStore::new(),
            lock: MemoryLock::new(),
            clock: VirtualClock::default(),
            entropy: Arc::new(SeededEntropy::new(1)),
        }
    }

    /// A process that was just started.
    fn process(&self) -> Vault {
        self.process_over(Arc::new(self.files.clone()))
    }

    /// The same, with something between the vault and the disk.
    fn process_over(&self, files: Arc<dyn Files>) -> Vault {
        Vault::new(VaultHost {
            files,
            secrets: Arc::new(self.keyring.clone()),
            lock: Arc::new(self.lock.clone()),
            clock: Arc::new(self.clock.clone()),
            entropy: self.entropy.clone(),
        })
    }

    /// The machine after its power came back. All processes are gone, and with them their locks.
    fn reboot(&self, survivors: Survivors) -> Self {
        Self { files: self.files.reopen(survivors), lock: MemoryLock::new(), ..self.clone() }
    }

    /// A machine whose till is signed in with generation `number`.
    async fn signed_in(number: u64) -> Self {
        let machine = Self::new();
        machine.process().first_save(till(), &credentials(number), Epoch::default()).await.unwrap();
        machine
    }

    fn file(&self, name: &FileName) -> Vec<u8> {
        self.files.contents().get(name).cloned().unwrap_or_else(|| panic!("no file {}", name.as_str()))
    }
}

fn till() -> AccountKey {
    AccountKey::from_name("till")
}

fn generation(number: u64) -> Generation {
    Generation::new(number).unwrap()
}

/// Generation `number`, recognisable by its tokens.
fn credentials(number: u64) -> Credentials {
    Credentials {
        generation: generation(number),
        identity: Identity {
            issuer: "https://login.example".to_owned(),
            subject: Some("ada".to_owned()),
            tenant: vec![("shop".to_owned(), "7".to_owned())],
        },
        access_tokens: vec![StoredAccessToken {
            token: Secret::from_text(&format!("{CANARY}-access-{number}")),
            token_type: "Bearer".to_owned(),
            audience: None,
            scopes: vec!["sell".to_owned()],
            received_at: Timestamp::from_millis(1000),
            expires_at: Timestamp::from_millis(901_000),
        }],
        refresh_token: Some(refresh_token(number)),
        dpop_key: None,
    }
}

fn refresh_token(number: u64) -> Secret {
    Secret::from_text(&format!("{CANARY}-refresh-{number}"))
}

/// The current generation's number, if the outcome is a value whose tokens are the right ones.
fn current(outcome: &Outcome<Stored>) -> Option<u64> {
    let Outcome::Value(stored) = outcome else { return None };
    let number = stored.credentials.generation.number();
    assert_eq!(stored.credentials.refresh_token, Some(refresh_token(number)), "another generation's token");
    Some(number)
}

/// One whole refresh, from the generation that is on disk to the next.
async fn rotate(vault: &Vault) -> Result<(), VaultError> {
    let Outcome::Value(stored) = vault.load_once(till()).await else { return Err(UnreadableReason::Disk.into()) };
    let guard = vault.lock_account(till()).await?;
    let rotation = vault.begin_rotation(guard, stored.credentials.generation, Spends::RefreshToken).await?;
    let next = credentials(rotation.next().number());
    vault.commit(&rotation, &next).await?;
    vault.drop_superseded(till(), rotation.next()).await
}

/// Polls once.
fn is_pending(future: std::pin::Pin<&mut impl Future>) -> bool {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending()
}
