//! The vault on a real folder.

use std::sync::Arc;

use mainstay::{
    Credentials, Identity, Secret,
    host::{Host, SecretStore, memory::MemorySecretStore},
    native::{self, FileSecretStore, FolderFiles, TokioSpawn},
    vault::{AccountKey, Epoch, Outcome, Spends, UnreadableReason, Vault},
};
use mainstay_core::Generation;
use tempfile::TempDir;

use super::handle;

fn till() -> AccountKey {
    AccountKey::from_name("till")
}

fn credentials(generation: Generation) -> Credentials {
    let identity = Identity { issuer: "https://login.example".to_owned(), subject: None, tenant: Vec::new() };
    let refresh_token = Some(Secret::from_text(&format!("refresh-{}", generation.number())));
    Credentials { generation, identity, access_tokens: Vec::new(), refresh_token, dpop_key: None }
}

fn host(folder: &TempDir, secrets: Arc<dyn SecretStore>) -> Host {
    native::host_with(&Arc::new(TokioSpawn::on(handle())), folder.path().join("vault"), secrets).unwrap()
}

fn key_file(folder: &TempDir) -> Arc<dyn SecretStore> {
    Arc::new(FileSecretStore::unprotected(Arc::new(FolderFiles::new(folder.path().join("keys"), handle()))))
}

#[tokio::test]
async fn a_session_survives_the_process_with_its_key_in_a_file_that_says_so() {
    let folder = TempDir::new().unwrap();
    let vault = Vault::new((&host(&folder, key_file(&folder))).into());
    assert_eq!(vault.key_store(), "unprotected file");
    assert!(matches!(vault.load(till()).await, Outcome::Empty));
    vault.first_save(till(), &credentials(Generation::FIRST), Epoch::default()).await.unwrap();

    let vault = Vault::new((&host(&folder, key_file(&folder))).into());
    let guard = vault.lock_account(till()).await.unwrap();
    let rotation = vault.begin_rotation(guard, Generation::FIRST, Spends::RefreshToken).await.unwrap();
    vault.commit(&rotation, &credentials(rotation.next())).await.unwrap();
    drop(rotation);

    let vault = Vault::new((&host(&folder, key_file(&folder))).into());
    let Outcome::Value(stored) = vault.load(till()).await else { panic!("not signed in") };
    assert_eq!(stored.credentials.generation, Generation::FIRST.next());
    assert_eq!(stored.previous.len(), 1);
}

#[tokio::test]
async fn a_key_that_was_only_in_memory_leaves_an_unreadable_vault_and_no_empty_one() {
    let folder = TempDir::new().unwrap();
    let memory = || Arc::new(MemorySecretStore::new());
    let vault = Vault::new((&host(&folder, memory())).into());
    vault.first_save(till(), &credentials(Generation::FIRST), Epoch::default()).await.unwrap();
    let vault = Vault::new((&host(&folder, memory())).into());
    assert!(matches!(vault.load_once(till()).await, Outcome::Unreadable(UnreadableReason::KeyMissing)));
}

#[cfg(unix)]
#[tokio::test]
async fn hostile_files_in_the_place_of_a_record_are_unreadable_in_no_time() {
    for odd in ["link", "folder", "fifo", "giant"] {
        let folder = TempDir::new().unwrap();
        let vault = Vault::new((&host(&folder, key_file(&folder))).into());
        vault.first_save(till(), &credentials(Generation::FIRST), Epoch::default()).await.unwrap();
        let current = folder.path().join("vault").join(format!("{}.current", till()));
        std::fs::remove_file(&current).unwrap();
        match odd {
            "link" => std::os::unix::fs::symlink(folder.path().join("vault/vault.install"), &current).unwrap(),
            "folder" => std::fs::create_dir(&current).unwrap(),
            "fifo" => drop(std::process::Command::new("mkfifo").arg(&current).status().unwrap()),
            _ => std::fs::File::create(&current).unwrap().set_len(1 << 30).unwrap(),
        }
        let outcome = vault.load_once(till()).await;
        assert!(matches!(outcome, Outcome::Unreadable(UnreadableReason::Disk)), "{odd}: {outcome:?}");
        assert_eq!(vault.set_aside(till(), UnreadableReason::Disk).await.unwrap(), 1, "{odd}");
        vault.first_save(till(), &credentials(Generation::FIRST), Epoch::default()).await.unwrap();
        assert!(matches!(vault.load(till()).await, Outcome::Value(_)), "{odd}");
    }
}

/// B8
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_one_of_many_parallel_reads_is_one_whole_generation_and_never_an_older_one() {
    let folder = TempDir::new().unwrap();
    let secrets = key_file(&folder);
    let open = || Vault::new((&host(&folder, Arc::clone(&secrets))).into());
    let writer = open();
    writer.first_save(till(), &credentials(Generation::FIRST), Epoch::default()).await.unwrap();
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readers = (0..8).map(|_| {
        let (vault, done) = (open(), Arc::clone(&done));
        tokio::spawn(async move {
            let (mut newest, mut reads) = (Generation::FIRST, 0u32);
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                let outcome = vault.load_once(till()).await;
                let Outcome::Value(stored) = outcome else { panic!("read {reads}: {outcome:?}") };
                let read = stored.credentials;
                assert_eq!(read.refresh_token, credentials(read.generation).refresh_token);
                assert!(read.generation >= newest, "{:?} after {newest:?}", read.generation);
                newest = read.generation;
                reads += 1;
            }
            reads
        })
    });
    let readers: Vec<_> = readers.collect();
    let mut current = Generation::FIRST;
    for _ in 0..60 {
        let guard = writer.lock_account(till()).await.unwrap();
        let rotation = writer.begin_rotation(guard, current, Spends::RefreshToken).await.unwrap();
        current = rotation.next();
        writer.commit(&rotation, &credentials(current)).await.unwrap();
        writer.drop_superseded(till(), current).await.unwrap();
    }
    done.store(true, std::sync::atomic::Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn vaults_that_are_born_together_have_one_key() {
    let folder = TempDir::new().unwrap();
    let secrets = key_file(&folder);
    let accounts: Vec<_> = (0..8).map(|number| AccountKey::from_name(&format!("cashier-{number}"))).collect();
    let saves = accounts.iter().map(|account| {
        let (vault, account) = (Vault::new((&host(&folder, Arc::clone(&secrets))).into()), *account);
        tokio::spawn(async move { vault.first_save(account, &credentials(Generation::FIRST), Epoch::default()).await })
    });
    for save in saves.collect::<Vec<_>>() {
        save.await.unwrap().unwrap();
    }
    let vault = Vault::new((&host(&folder, secrets)).into());
    for account in accounts {
        assert!(matches!(vault.load_once(account).await, Outcome::Value(_)));
    }
    let keys = std::fs::read_dir(folder.path().join("keys")).unwrap().count();
    assert_eq!(keys, 1);
}
