//! Sign-out: at once, without a key, whatever else is going on.

use super::*;
use crate::host::SecretStoreError;

fn credential_files(machine: &Machine) -> Vec<String> {
    let names = machine.files.contents().into_keys().map(|name| name.as_str().to_owned());
    names.filter(|name| name.starts_with(&till().to_string()) && !name.ends_with("epoch")).collect()
}

#[tokio::test]
async fn signing_out_leaves_nothing_but_the_epoch_and_a_queued_revocation() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    rotate(&vault).await.unwrap();
    vault.save_session(till(), Epoch::default(), b"state").await.unwrap();
    vault.store_device_key(till(), Epoch::default(), &Secret::from_text("key")).await.unwrap();
    assert_eq!(vault.sign_out(till()).await.unwrap(), Epoch::new(1));

    assert!(matches!(machine.process().load(till()).await, Outcome::Empty));
    assert!(matches!(vault.load_device_key(till()).await, Outcome::Empty));
    assert!(matches!(vault.load_session(till()).await, Outcome::Empty));
    assert_eq!(credential_files(&machine), [""; 0]);
    let queue = vault.due_revocations().await.value().unwrap();
    assert_eq!(queue.len(), 1);
    assert_eq!(queue[0].revocation.token, refresh_token(2));
    assert_eq!(queue[0].revocation.issuer, "https://login.example");
}

#[tokio::test]
async fn signing_out_works_while_the_key_store_is_locked_and_revokes_later() {
    let machine = Machine::signed_in(1).await;
    machine.keyring.fail_with(SecretStoreError::Locked);
    let vault = machine.process();
    vault.sign_out(till()).await.unwrap();
    assert_eq!(credential_files(&machine), [""; 0]);
    assert!(matches!(vault.due_revocations().await, Outcome::Locked(_) | Outcome::Value(_)));

    machine.keyring.recover();
    let restarted = machine.process();
    assert!(matches!(restarted.load(till()).await, Outcome::Empty));
    assert_eq!(restarted.due_revocations().await.value().unwrap()[0].revocation.token, refresh_token(1));
}

#[tokio::test]
async fn signing_out_never_waits_for_a_rotation_and_the_rotation_loses() {
    let machine = Machine::signed_in(1).await;
    let (a, b) = (machine.process(), machine.process());
    let guard = a.lock_account(till()).await.unwrap();
    let rotation = a.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
    b.sign_out(till()).await.unwrap();
    let lost = a.commit(&rotation, &credentials(2)).await;
    assert!(matches!(lost, Err(VaultError::SignedOut)), "{lost:?}");
    assert!(matches!(machine.process().load(till()).await, Outcome::Empty));
}

#[tokio::test]
async fn signing_out_does_not_hang_on_a_process_that_was_stopped_while_writing() {
    let machine = Machine::signed_in(1).await;
    let stopped = machine.process().files_lock(till()).await.unwrap();
    let vault = machine.process();
    let mut sign_out = std::pin::pin!(vault.sign_out(till()));
    assert!(is_pending(sign_out.as_mut()));
    machine.clock.advance(PATIENCE);
    sign_out.await.unwrap();

    drop(stopped);
    assert!(matches!(machine.process().load(till()).await, Outcome::Empty), "void by its epoch");
    assert_eq!(credential_files(&machine), [""; 0], "and destroyed when it is next loaded");
}

#[tokio::test]
async fn a_sign_out_cut_at_any_point_is_either_not_begun_or_final() {
    let machine = Machine::signed_in(1).await;
    let before = machine.files.log().len();
    machine.process().sign_out(till()).await.unwrap();
    let changes = machine.files.log().len() - before;
    for change in 0..=changes {
        for survivors in Survivors::ALL {
            let machine = Machine::signed_in(1).await;
            let vault = machine.process();
            machine.files.cut_after(change);
            let signed_out = vault.sign_out(till()).await;
            let machine = machine.reboot(survivors);
            let outcome = machine.process().load_once(till()).await;
            if signed_out.is_ok() {
                assert!(matches!(outcome, Outcome::Empty), "{change} {survivors:?}: {outcome:?}");
            } else {
                let whole = current(&outcome) == Some(1) || matches!(outcome, Outcome::Empty);
                assert!(whole, "{change} {survivors:?}: {outcome:?}");
            }
        }
    }
}

/// The negative control: whoever was told that he is signed out is signed in again after the power came back.
#[tokio::test]
async fn a_sign_out_in_a_folder_that_is_not_synced_is_forgotten() {
    let machine = Machine::signed_in(1).await;
    let how = careless::Carelessness::ForgetsTheFolder;
    let vault = machine.process_over(Arc::new(careless::CarelessFiles { disk: machine.files.clone(), how }));
    vault.sign_out(till()).await.unwrap();
    let outcome = machine.reboot(Survivors::Durable).process().load_once(till()).await;
    assert_eq!(current(&outcome), Some(1), "{outcome:?}");
}

#[tokio::test]
async fn a_sign_in_that_began_before_a_sign_out_is_not_stored() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    let base = vault.epoch(till()).await.unwrap();
    vault.sign_out(till()).await.unwrap();
    let late = vault.first_save(till(), &credentials(2), base).await;
    assert!(matches!(late, Err(VaultError::SignedOut)), "{late:?}");
    let session = vault.save_session(till(), base, b"late").await;
    assert!(matches!(session, Err(VaultError::SignedOut)), "{session:?}");
    let key = vault.store_device_key(till(), base, &Secret::from_text("late")).await;
    assert!(matches!(key, Err(VaultError::SignedOut)), "{key:?}");

    let base = vault.epoch(till()).await.unwrap();
    vault.first_save(till(), &credentials(1), base).await.unwrap();
    assert_eq!(current(&vault.load(till()).await), Some(1));
}

#[tokio::test]
async fn a_lost_or_damaged_epoch_file_never_takes_the_epoch_back() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    let base = vault.sign_out(till()).await.unwrap();
    vault.first_save(till(), &credentials(1), base).await.unwrap();
    for content in [None, Some(b"torn".to_vec())] {
        let name = names::Of(till()).epoch();
        machine.files.remove(&name).await.unwrap();
        if let Some(content) = content {
            machine.files.put(&name, content);
        }
        let stored = vault.load(till()).await.value().unwrap();
        assert_eq!(stored.epoch, base);
        rotate(&vault).await.unwrap();
    }
    assert!(vault.sign_out(till()).await.unwrap() > base);
    assert!(matches!(vault.load(till()).await, Outcome::Empty));
}

/// Found by a fuzzer: a kept generation of a vault that was put back from a backup, later than the epoch's own file.
#[tokio::test]
async fn a_sign_out_leaves_nothing_of_an_epoch_later_than_the_one_that_was_noted() {
    for epoch in [Epoch::new(5), Epoch::LAST, Epoch::new(u64::MAX)] {
        let machine = Machine::signed_in(1).await;
        let elsewhere = keys::Keys::derive(*b"installation-id.", 0, &keys::Key::new([0x42; 32]));
        let header = record::Header { kind: record::Kind::Credentials, account: till(), generation: 1, epoch };
        let file = record::seal(&elsewhere, &header, [0; 24], b"whatever").unwrap();
        machine.files.put(&names::Of(till()).kept(generation(9)), file);
        let vault = machine.process();
        vault.sign_out(till()).await.unwrap();
        let outcome = vault.load_once(till()).await;
        assert!(matches!(outcome, Outcome::Empty), "{epoch:?}: {outcome:?}");
        let base = vault.epoch(till()).await.unwrap();
        vault.first_save(till(), &credentials(1), base).await.unwrap();
        assert_eq!(current(&vault.load_once(till()).await), Some(1), "{epoch:?}");
    }
}
