//! What a vault with many accounts costs whoever opens one of them.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use mainstay::{
    Generation,
    host::{
        Host,
        memory::{MemoryFiles, MemoryLock, MemorySecretStore},
    },
    test_support::{SeededEntropy, VirtualClock},
    vault::{AccountKey, Epoch, Outcome as Read, Vault, VaultHost},
};

use crate::{Compared, CountedFiles, Operations, Outcome, Pairs, rotation::credentials, till::native_host};

/// How one of many accounts is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// As it should be.
    OneAlone,
    /// What must not be: all of them are read to find it.
    AmongAll,
}

/// What opening one account asks of the disk, in a process that was just started, where there are so many.
///
/// # Errors
/// Whatever the vault says.
pub async fn open_one_of(accounts: u32, how: Opening) -> Outcome<Operations> {
    let files = CountedFiles::new(Arc::new(MemoryFiles::new()));
    let host = VaultHost {
        files: Arc::new(files.clone()),
        secrets: Arc::new(MemorySecretStore::new()),
        lock: Arc::new(MemoryLock::new()),
        clock: Arc::new(VirtualClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
    };
    fill(&Vault::new(host.clone()), accounts).await?;
    let vault = Vault::new(host);
    let before = files.done();
    if how == Opening::AmongAll {
        for resident in vault.residents().await? {
            open(&vault, resident.account).await?;
        }
    }
    open(&vault, account(accounts / 2)).await?;
    Ok(files.done() - before)
}

/// Opens one of `accounts` on a real disk, against opening the only one that there is.
///
/// # Errors
/// Whatever the vault says.
pub async fn time_one_of(accounts: u32, rounds: u32) -> Outcome<Compared> {
    let (alone, many) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (alone, many) = (Filled::new(alone.path(), 1).await?, Filled::new(many.path(), accounts).await?);
    let mut pairs = Pairs::default();
    for round in 0..rounds {
        let which = account(round.wrapping_mul(7919) % accounts);
        if round % 2 == 0 {
            let floor = open(&alone.vault, account(0)).await?;
            pairs.push(floor, open(&many.vault, which).await?);
        } else {
            let ours = open(&many.vault, which).await?;
            pairs.push(open(&alone.vault, account(0)).await?, ours);
        }
    }
    Ok(pairs.compared())
}

/// A vault, and the host whose runtime ends with it.
struct Filled {
    vault: Vault,
    _host: Host,
}

impl Filled {
    async fn new(folder: &Path, accounts: u32) -> Outcome<Self> {
        let host = native_host(folder)?;
        let vault = Vault::new(VaultHost::from(&host));
        fill(&vault, accounts).await?;
        Ok(Self { vault, _host: host })
    }
}

fn account(number: u32) -> AccountKey {
    AccountKey::from_name(&format!("cashier-{number}"))
}

async fn fill(vault: &Vault, accounts: u32) -> Outcome<()> {
    for number in 0..accounts {
        let account = account(number);
        vault.first_save(account, &credentials(Generation::FIRST), Epoch::default()).await?;
        vault.save_session(account, Epoch::default(), b"state").await?;
    }
    Ok(())
}

/// Opens and decrypts an account, and says how long it took.
pub(crate) async fn open(vault: &Vault, account: AccountKey) -> Outcome<Duration> {
    let start = Instant::now();
    let read = vault.load_once(account).await;
    let time = start.elapsed();
    if matches!(read, Read::Value(_)) { Ok(time) } else { Err(format!("the vault is not readable: {read:?}").into()) }
}
