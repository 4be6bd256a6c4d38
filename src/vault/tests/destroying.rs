//! Destroying what may be destroyed, and nothing else.

use super::*;

/// A till whose generation 2 was stored and never accepted.
async fn unaccepted() -> (Machine, Vault) {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    let guard = vault.lock_account(till()).await.unwrap();
    let rotation = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
    vault.commit(&rotation, &credentials(2)).await.unwrap();
    drop(rotation);
    (machine, vault)
}

fn generations(stored: &Stored) -> Vec<u64> {
    let previous = stored.previous.iter().map(|it| it.generation.number());
    std::iter::once(stored.credentials.generation.number()).chain(previous).collect()
}

#[tokio::test]
async fn a_foreign_current_generation_is_destroyed_and_its_predecessor_takes_over() {
    let (machine, vault) = unaccepted().await;
    vault.destroy_generation(till(), generation(2)).await.unwrap();
    let stored = machine.reboot(Survivors::Durable).process().load(till()).await.value().unwrap();
    assert_eq!(generations(&stored), [1]);
}

#[tokio::test]
async fn it_is_destroyed_even_where_a_crash_left_no_current_file() {
    let (machine, vault) = unaccepted().await;
    let of = names::Of(till());
    machine.files.rename(&of.current(), &of.kept(generation(2))).await.unwrap();
    vault.destroy_generation(till(), generation(2)).await.unwrap();
    assert!(!machine.files.contents().contains_key(&of.kept(generation(2))));
    assert_eq!(generations(&vault.load(till()).await.value().unwrap()), [1]);
}

#[tokio::test]
async fn an_older_generation_is_destroyed_alone_and_an_unknown_one_not_at_all() {
    let (_machine, vault) = unaccepted().await;
    vault.destroy_generation(till(), generation(9)).await.unwrap();
    assert_eq!(generations(&vault.load(till()).await.value().unwrap()), [2, 1]);
    vault.destroy_generation(till(), generation(1)).await.unwrap();
    assert_eq!(generations(&vault.load(till()).await.value().unwrap()), [2]);
}

#[tokio::test]
async fn a_power_cut_while_destroying_leaves_the_predecessor() {
    for change in 0..3 {
        for survivors in Survivors::ALL {
            let (machine, vault) = unaccepted().await;
            machine.files.cut_after(change);
            let destroyed = vault.destroy_generation(till(), generation(2)).await;
            let outcome = machine.reboot(survivors).process().load_once(till()).await;
            let found = current(&outcome);
            assert!(found == Some(1) || (destroyed.is_err() && found == Some(2)), "{change} {survivors:?} {outcome:?}");
        }
    }
}

#[tokio::test]
async fn destroying_all_credentials_leaves_the_session_s_state() {
    let (_machine, vault) = unaccepted().await;
    vault.save_session(till(), Epoch::default(), b"state").await.unwrap();
    vault.destroy_credentials(till()).await.unwrap();
    assert!(matches!(vault.load(till()).await, Outcome::Empty));
    assert_eq!(vault.load_session(till()).await.value().as_deref(), Some(b"state".as_slice()));
}

#[tokio::test]
async fn a_newer_release_s_generation_is_not_destroyed() {
    let (machine, vault) = unaccepted().await;
    let name = names::Of(till()).current();
    machine.files.put(&name, super::reading::newer(&machine.file(&name)));
    let before = machine.files.contents();
    vault.destroy_credentials(till()).await.unwrap_err();
    vault.destroy_generation(till(), generation(1)).await.unwrap_err();
    assert_eq!(machine.files.contents(), before);
}
