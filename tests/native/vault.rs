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
    Credentials { generation, identity, access_tokens: Vec::new(), refresh_token }
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
