//! Refreshing, journaled.

use super::*;
use crate::host::FileError;

#[tokio::test]
async fn a_rotation_stores_the_next_generation_and_keeps_the_old_one_until_it_was_accepted() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    let guard = vault.lock_account(till()).await.unwrap();
    let rotation = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
    assert_eq!(rotation.credentials().refresh_token, Some(refresh_token(1)));
    vault.commit(&rotation, &credentials(2)).await.unwrap();

    let stored = machine.process().load(till()).await.value().unwrap();
    assert_eq!(stored.credentials.generation, generation(2));
    assert_eq!(stored.previous[0].refresh_token, Some(refresh_token(1)));
    assert_eq!(stored.intent, None, "the intent is closed");

    vault.drop_superseded(till(), generation(2)).await.unwrap();
    assert!(machine.process().load(till()).await.value().unwrap().previous.is_empty());
}

#[tokio::test]
async fn nothing_is_dropped_for_a_generation_that_is_not_stored() {
    let machine = Machine::signed_in(1).await;
    let dropped = machine.process().drop_superseded(till(), generation(2)).await;
    assert!(matches!(dropped, Err(VaultError::Superseded { .. })), "{dropped:?}");
    assert_eq!(current(&machine.process().load(till()).await), Some(1));
}

#[tokio::test]
async fn generations_that_were_never_accepted_are_all_kept_up_to_three() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    for number in 1..6 {
        let guard = vault.lock_account(till()).await.unwrap();
        let rotation = vault.begin_rotation(guard, generation(number), Spends::RefreshToken).await.unwrap();
        vault.commit(&rotation, &credentials(number + 1)).await.unwrap();
    }
    let stored = vault.load(till()).await.value().unwrap();
    let previous: Vec<_> = stored.previous.iter().map(|it| it.generation.number()).collect();
    assert_eq!((stored.credentials.generation.number(), previous), (6, vec![5, 4, 3]));
}

#[tokio::test]
async fn an_interrupted_rotation_leaves_an_intent_that_names_the_token() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    let guard = vault.lock_account(till()).await.unwrap();
    let rotation = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
    let fingerprint = rotation.fingerprint().unwrap();
    drop(rotation);

    let restarted = machine.reboot(Survivors::Durable).process();
    let stored = restarted.load(till()).await.value().unwrap();
    assert_eq!(stored.intent, Some(Intent { generation: generation(1), fingerprint }));
    let fingerprinter = restarted.fingerprinter().await.value().unwrap();
    assert_eq!(fingerprinter.fingerprint(&refresh_token(1)), fingerprint);
}

#[tokio::test]
async fn a_damaged_intent_counts_as_an_open_one() {
    let machine = Machine::signed_in(1).await;
    machine.files.put(&names::Of(till()).single(names::Single::Intent), b"torn".to_vec());
    let stored = machine.process().load(till()).await.value().unwrap();
    assert_eq!(stored.intent.map(|intent| intent.generation), Some(generation(1)));
}

#[tokio::test]
async fn a_rotation_that_spends_nothing_leaves_no_intent() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    let guard = vault.lock_account(till()).await.unwrap();
    drop(vault.begin_rotation(guard, generation(1), Spends::Nothing).await.unwrap());
    assert_eq!(vault.load(till()).await.value().unwrap().intent, None);
}

#[tokio::test]
async fn an_abandoned_rotation_leaves_nothing_behind() {
    let machine = Machine::signed_in(1).await;
    let before = machine.files.contents();
    let vault = machine.process();
    let guard = vault.lock_account(till()).await.unwrap();
    let rotation = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
    vault.abandon(rotation).await.unwrap();
    assert_eq!(machine.files.contents(), before);
}

#[tokio::test]
async fn what_a_dead_rotation_reserved_is_swept_up_by_the_next() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    for _ in 0..3 {
        let guard = vault.lock_account(till()).await.unwrap();
        drop(vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap());
    }
    let reserved = machine.files.contents().keys().filter(|name| name.as_str().contains(".new-")).count();
    assert_eq!(reserved, 1);
}

#[tokio::test]
async fn a_full_disk_stops_a_refresh_before_its_token_is_spent() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    machine.files.set_full(true);
    let guard = vault.lock_account(till()).await.unwrap();
    let begun = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await;
    assert!(matches!(begun, Err(VaultError::Files(FileError::NoSpace))), "{begun:?}");
    assert_eq!(current(&machine.process().load(till()).await), Some(1));
}

#[tokio::test]
async fn a_disk_that_fills_up_during_the_refresh_has_room_for_the_next_generation() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    let guard = vault.lock_account(till()).await.unwrap();
    let rotation = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
    machine.files.set_full(true);
    vault.commit(&rotation, &credentials(2)).await.unwrap();
    assert_eq!(current(&machine.process().load(till()).await), Some(2));
}

#[tokio::test]
async fn a_failed_commit_can_be_tried_again_wherever_it_failed() {
    for change in 0.. {
        let machine = Machine::signed_in(1).await;
        let vault = machine.process();
        let guard = vault.lock_account(till()).await.unwrap();
        let rotation = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
        let before = machine.files.log().len();
        machine.files.fail_after(change, FileError::Io("bad sector".to_owned()));
        let first = vault.commit(&rotation, &credentials(2)).await;
        if machine.files.log().len() - before <= change {
            return first.unwrap();
        }
        assert!(current(&machine.process().load_once(till()).await).is_some(), "change {change}");
        vault.commit(&rotation, &credentials(2)).await.unwrap();
        assert_eq!(current(&machine.process().load(till()).await), Some(2), "change {change}");
        assert_eq!(current(&machine.reboot(Survivors::Durable).process().load(till()).await), Some(2));
    }
}

#[tokio::test]
async fn only_one_process_at_a_time_may_refresh() {
    let machine = Machine::signed_in(1).await;
    let (a, b) = (machine.process(), machine.process());
    let guard = a.lock_account(till()).await.unwrap();
    let mut waiting = std::pin::pin!(b.lock_account(till()));
    assert!(is_pending(waiting.as_mut()));
    drop(guard);
    waiting.await.unwrap();
}

#[tokio::test]
async fn a_process_that_was_stopped_while_writing_makes_writers_busy_and_readers_not() {
    let machine = Machine::signed_in(1).await;
    let _stopped = machine.process().files_lock(till()).await.unwrap();
    let vault = machine.process();
    assert_eq!(current(&vault.load(till()).await), Some(1));
    let guard = vault.lock_account(till()).await.unwrap();
    let mut begin = std::pin::pin!(vault.begin_rotation(guard, generation(1), Spends::RefreshToken));
    assert!(is_pending(begin.as_mut()));
    machine.clock.advance(WRITERS_PATIENCE);
    let begun = begin.await;
    assert!(matches!(begun, Err(VaultError::Lock(LockError::Busy))), "{begun:?}");
}

#[tokio::test]
async fn whoever_comes_second_is_told_to_adopt() {
    let machine = Machine::signed_in(1).await;
    let (a, b) = (machine.process(), machine.process());
    rotate(&a).await.unwrap();
    let guard = b.lock_account(till()).await.unwrap();
    let begun = b.begin_rotation(guard, generation(1), Spends::RefreshToken).await;
    assert!(matches!(begun, Err(VaultError::Superseded { current: Some(it) }) if it == generation(2)), "{begun:?}");
}

#[tokio::test]
async fn a_sign_in_during_a_rotation_wins_and_the_rotation_loses() {
    let machine = Machine::signed_in(1).await;
    let (a, b) = (machine.process(), machine.process());
    let guard = a.lock_account(till()).await.unwrap();
    let rotation = a.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
    let saved = b.first_save(till(), &credentials(2), Epoch::default()).await.unwrap();
    let other = Credentials { refresh_token: Some(refresh_token(99)), ..credentials(2) };
    let lost = a.commit(&rotation, &other).await;
    assert!(matches!(lost, Err(VaultError::Superseded { current }) if current == Some(saved)), "{lost:?}");
    assert_eq!(current(&b.load(till()).await), Some(2));
}

#[tokio::test]
async fn a_sign_in_over_an_existing_session_gets_the_next_number_and_keeps_the_old_one() {
    let machine = Machine::signed_in(4).await;
    let vault = machine.process();
    let saved = vault.first_save(till(), &credentials(1), Epoch::default()).await.unwrap();
    assert_eq!(saved, generation(5));
    let stored = vault.load(till()).await.value().unwrap();
    assert_eq!(stored.credentials.refresh_token, Some(refresh_token(1)));
    assert_eq!(stored.previous[0].generation, generation(4));
}

#[tokio::test]
async fn processes_that_start_together_make_one_key() {
    let machine = Machine::new();
    let accounts = ["a", "b", "c", "d"].map(AccountKey::from_name);
    let saves = accounts.map(|account| {
        let vault = machine.process();
        async move { vault.first_save(account, &credentials(1), Epoch::default()).await.unwrap() }
    });
    futures_util::future::join_all(saves).await;
    for account in accounts {
        assert_eq!(current(&machine.process().load(account).await), Some(1));
    }
}
