//! What a vault with many accounts costs whoever opens one of them.

use std::sync::Arc;

use mainstay::{
    Generation,
    host::memory::{MemoryFiles, MemoryLock, MemorySecretStore},
    test_support::{SeededEntropy, VirtualClock},
    vault::{AccountKey, Epoch, Outcome as Read, Vault, VaultHost},
};

use crate::{CountedFiles, Operations, Outcome, rotation::credentials};

/// What opening one account asks of the disk, in a process that was just started, where there are so many.
///
/// # Errors
/// Whatever the vault says.
pub async fn open_one_of(accounts: u32) -> Outcome<Operations> {
    let files = CountedFiles::new(Arc::new(MemoryFiles::new()));
    let host = VaultHost {
        files: Arc::new(files.clone()),
        secrets: Arc::new(MemorySecretStore::new()),
        lock: Arc::new(MemoryLock::new()),
        clock: Arc::new(VirtualClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
    };
    let filling = Vault::new(host.clone());
    let account = |number: u32| AccountKey::from_name(&format!("cashier-{number}"));
    for number in 0..accounts {
        let account = account(number);
        filling.first_save(account, &credentials(Generation::FIRST), Epoch::default()).await?;
        filling.save_session(account, Epoch::default(), b"state").await?;
    }
    let vault = Vault::new(host);
    let before = files.done();
    match vault.load_once(account(accounts / 2)).await {
        Read::Value(_) => Ok(files.done() - before),
        other => Err(format!("the vault is not readable: {other:?}").into()),
    }
}
