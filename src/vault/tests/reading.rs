//! Every outcome, and what leads to it.

use super::*;
use crate::host::SecretStoreError;

#[tokio::test]
async fn what_was_saved_is_what_is_loaded() {
    let machine = Machine::new();
    let vault = machine.process();
    let saved = vault.first_save(till(), &credentials(1), Epoch::default()).await.unwrap();
    vault.save_session(till(), Epoch::default(), b"state").await.unwrap();

    let stored = machine.process().load(till()).await.value().unwrap();
    assert_eq!(saved, Generation::FIRST);
    assert_eq!(stored.credentials.identity, credentials(1).identity);
    assert_eq!(stored.credentials.refresh_token, Some(refresh_token(1)));
    let (token, expected) = (&stored.credentials.access_tokens[0], &credentials(1).access_tokens[0]);
    assert_eq!(token.token, expected.token);
    assert_eq!(token.expires_at, expected.expires_at);
    assert_eq!(token.scopes, expected.scopes);
    assert_eq!(stored.session.as_deref(), Some(b"state".as_slice()));
    assert!(stored.previous.is_empty() && stored.damaged.is_empty() && stored.intent.is_none());
    assert_eq!(vault.residents().await.unwrap().iter().map(|it| it.account).collect::<Vec<_>>(), [till()]);
}

#[tokio::test]
async fn nothing_stored_is_empty_and_writes_nothing() {
    let machine = Machine::new();
    machine.keyring.fail_with(SecretStoreError::Locked);
    assert!(matches!(machine.process().load(till()).await, Outcome::Empty));
    assert!(machine.files.log().is_empty());
}

#[tokio::test]
async fn another_account_is_empty() {
    let machine = Machine::signed_in(1).await;
    assert!(matches!(machine.process().load(AccountKey::from_name("other")).await, Outcome::Empty));
}

#[tokio::test]
async fn a_locked_key_store_is_locked_and_never_empty() {
    let machine = Machine::signed_in(1).await;
    let troubles = [
        (SecretStoreError::Locked, LockedReason::KeyStoreLocked),
        (SecretStoreError::Timeout, LockedReason::KeyStoreSlow),
        (SecretStoreError::Unavailable, LockedReason::KeyStoreUnavailable),
    ];
    for (trouble, reason) in troubles {
        machine.keyring.fail_with(trouble);
        let outcome = machine.process().load(till()).await;
        assert!(matches!(outcome, Outcome::Locked(found) if found == reason), "{outcome:?}");
    }
    machine.keyring.recover();
    assert_eq!(current(&machine.process().load(till()).await), Some(1));
}

/// B14
#[tokio::test]
async fn a_folder_that_is_refused_is_locked_and_nothing_is_written() {
    let machine = Machine::signed_in(1).await;
    machine.files.refuse(Some(crate::host::FileError::NoAccess));
    let (vault, before) = (machine.process(), machine.files.contents());
    let outcome = vault.load(till()).await;
    assert!(matches!(outcome, Outcome::Locked(LockedReason::FolderRefused)), "{outcome:?}");
    let saved = vault.first_save(till(), &credentials(2), Epoch::default()).await;
    assert!(matches!(saved, Err(VaultError::Locked(LockedReason::FolderRefused))), "{saved:?}");
    machine.files.refuse(None);
    assert_eq!(machine.files.contents(), before);
    assert_eq!(current(&vault.load(till()).await), Some(1));
}

/// B3
#[tokio::test]
async fn a_missing_key_with_a_record_is_unreadable_and_never_empty() {
    let mut machine = Machine::signed_in(1).await;
    machine.keyring = SwitchableSecretStore::new();
    let outcome = machine.process().load_once(till()).await;
    assert!(matches!(outcome, Outcome::Unreadable(UnreadableReason::KeyMissing)), "{outcome:?}");
    let saved = machine.process().first_save(till(), &credentials(2), Epoch::default()).await;
    assert!(matches!(saved, Err(VaultError::Unreadable(UnreadableReason::KeyMissing))), "{saved:?}");
}

#[tokio::test]
async fn a_key_that_the_store_cannot_give_back_is_unreadable() {
    let machine = Machine::signed_in(1).await;
    machine.keyring.fail_with(SecretStoreError::Unreadable("invalidated".to_owned()));
    let outcome = machine.process().load_once(till()).await;
    assert!(matches!(outcome, Outcome::Unreadable(UnreadableReason::KeyUnreadable)), "{outcome:?}");
}

#[tokio::test]
async fn a_wrong_key_is_told_from_damage() {
    let machine = Machine::signed_in(1).await;
    let name = format!("mainstay-vault-{}", hexadecimal(&machine.file(&names::install())[12..28]));
    crate::host::SecretStore::store(&machine.keyring, &name, Secret::new(vec![9; 32])).await.unwrap();
    let outcome = machine.process().load_once(till()).await;
    assert!(matches!(outcome, Outcome::Unreadable(UnreadableReason::WrongKey)), "{outcome:?}");
}

#[tokio::test]
async fn a_missing_install_file_is_unreadable_and_no_new_vault_is_born_over_the_records() {
    let machine = Machine::signed_in(1).await;
    machine.files.remove(&names::install()).await.unwrap();
    let outcome = machine.process().load_once(till()).await;
    assert!(matches!(outcome, Outcome::Unreadable(UnreadableReason::InstallMissing)), "{outcome:?}");
    let saved = machine.process().first_save(till(), &credentials(2), Epoch::default()).await;
    assert!(matches!(saved, Err(VaultError::Unreadable(UnreadableReason::InstallMissing))), "{saved:?}");
}

/// I4
#[tokio::test]
async fn a_newer_release_s_record_is_too_new_and_never_touched() {
    let machine = Machine::signed_in(1).await;
    let name = names::Of(till()).current();
    machine.files.put(&name, newer(&machine.file(&name)));
    let before = machine.files.contents();
    let vault = machine.process();

    assert!(matches!(vault.load(till()).await, Outcome::TooNew { version: 2 }));
    let guard = vault.lock_account(till()).await.unwrap();
    let begun = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await;
    assert!(matches!(begun, Err(VaultError::TooNew { version: 2 })), "{begun:?}");
    let saved = vault.first_save(till(), &credentials(2), Epoch::default()).await;
    assert!(matches!(saved, Err(VaultError::TooNew { version: 2 })), "{saved:?}");
    let aside = vault.set_aside(till(), UnreadableReason::Damaged).await;
    assert!(matches!(aside, Err(VaultError::TooNew { version: 2 })), "{aside:?}");
    assert_eq!(machine.files.contents(), before);

    vault.sign_out(till()).await.unwrap();
    assert_eq!(machine.file(&name), before[&name], "void by its epoch, and still not ours to remove");
}

#[tokio::test]
async fn a_session_of_a_newer_release_is_never_replaced() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    vault.save_session(till(), Epoch::default(), b"state").await.unwrap();
    let name = names::Of(till()).single(names::Single::Session);
    machine.files.put(&name, newer(&machine.file(&name)));
    let saved = vault.save_session(till(), Epoch::default(), b"older").await;
    assert!(matches!(saved, Err(VaultError::TooNew { version: 2 })), "{saved:?}");
}

/// B6
#[tokio::test]
async fn a_damaged_generation_falls_back_to_the_one_that_is_kept() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    let guard = vault.lock_account(till()).await.unwrap();
    let rotation = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
    vault.commit(&rotation, &credentials(2)).await.unwrap();
    drop(rotation);
    let name = names::Of(till()).current();
    machine.files.put(&name, machine.file(&name)[..100].to_vec());

    let stored = vault.load(till()).await.value().unwrap();
    assert_eq!(stored.credentials.generation, generation(1));
    assert_eq!(stored.damaged, [Damage { file: name.clone(), reason: UnreadableReason::Damaged }]);

    rotate(&vault).await.unwrap();
    assert_eq!(current(&vault.load(till()).await), Some(2));
    let aside = vault.set_aside_list().await.unwrap();
    assert_eq!(aside.len(), 1, "the damaged file is kept: {aside:?}");
    assert_eq!(aside[0].original, name);
}

#[tokio::test]
async fn a_damaged_session_costs_no_credentials() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    vault.save_session(till(), Epoch::default(), b"state").await.unwrap();
    let name = names::Of(till()).single(names::Single::Session);
    machine.files.put(&name, b"torn".to_vec());
    let stored = vault.load(till()).await.value().unwrap();
    assert_eq!(stored.session, None);
    assert_eq!(stored.damaged.len(), 1);
}

#[tokio::test]
async fn an_unreadable_account_is_tried_three_times_on_the_host_s_clock() {
    let machine = Machine::signed_in(1).await;
    let name = names::Of(till()).current();
    let good = machine.file(&name);
    machine.files.put(&name, b"torn".to_vec());
    let vault = machine.process();
    let mut load = std::pin::pin!(vault.load(till()));
    for _ in 0..2 {
        assert!(is_pending(load.as_mut()));
        machine.clock.advance(std::time::Duration::from_millis(250));
        if !machine.files.contents()[&name].starts_with(b"torn") {
            break;
        }
    }
    machine.files.put(&name, good);
    assert_eq!(current(&load.await), Some(1));
}

#[tokio::test]
async fn records_swapped_between_accounts_or_installations_do_not_open() {
    let machine = Machine::signed_in(1).await;
    let other = AccountKey::from_name("other");
    machine.files.put(&names::Of(other).current(), machine.file(&names::Of(till()).current()));
    let outcome = machine.process().load_once(other).await;
    assert!(matches!(outcome, Outcome::Unreadable(UnreadableReason::Misplaced)), "{outcome:?}");

    let mut elsewhere = Machine::new();
    elsewhere.entropy = Arc::new(SeededEntropy::new(2));
    elsewhere.process().first_save(other, &credentials(1), Epoch::default()).await.unwrap();
    elsewhere.files.put(&names::Of(till()).current(), machine.file(&names::Of(till()).current()));
    let outcome = elsewhere.process().load_once(till()).await;
    assert!(matches!(outcome, Outcome::Unreadable(UnreadableReason::Misplaced)), "{outcome:?}");
}

#[tokio::test]
async fn no_file_and_no_name_holds_a_token_in_the_clear() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    rotate(&vault).await.unwrap();
    vault.store_device_key(till(), Epoch::default(), &Secret::from_text(CANARY), "key-1").await.unwrap();
    vault.save_session(till(), Epoch::default(), CANARY.as_bytes()).await.unwrap();
    vault.set_aside(till(), UnreadableReason::Damaged).await.unwrap();
    vault.first_save(till(), &credentials(3), Epoch::default()).await.unwrap();
    vault.sign_out(till()).await.unwrap();

    let encoded = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, CANARY);
    for (name, content) in machine.files.contents() {
        for needle in [CANARY, &encoded[..14]] {
            let found = content.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!found && !name.as_str().contains(needle), "{needle} is in {}", name.as_str());
        }
    }
}

/// Found by a fuzzer: it was unreadable, and could not be set aside, so nobody could sign in.
#[tokio::test]
async fn a_newer_release_s_vault_whose_key_is_not_where_ours_would_be_is_too_new() {
    let machine = Machine { keyring: SwitchableSecretStore::new(), ..Machine::signed_in(1).await };
    let canary = machine.file(&names::canary());
    machine.files.put(&names::canary(), newer(&canary));
    let outcome = machine.process().load_once(till()).await;
    assert!(matches!(outcome, Outcome::TooNew { version: 2 }), "{outcome:?}");
}

/// The file as a release with format 2 would have written it: the checksum is right.
pub(super) fn newer(file: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let mut file = file[..file.len() - 8].to_vec();
    file[9] = 2;
    let checksum = Sha256::digest(&file);
    file.extend_from_slice(&checksum[..8]);
    file
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
