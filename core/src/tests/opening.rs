//! The vault: opened, locked, unreadable; and what goes on after a restart.

use alloc::boxed::Box;

use super::till::*;
use crate::{memory::Task, *};

#[test]
fn a_locked_key_store_does_not_use_up_the_tries_of_an_unreadable_vault() {
    let mut till = Till::starting(EVERYTHING);
    for _ in 0..5 {
        till.tell(Event::VaultOpened(Opened::Locked(LockReason::KeyStoreLocked)));
        till.wake();
    }
    let effects = till.tell(Event::VaultOpened(Opened::Unreadable));
    assert!(!effects.contains(&Effect::SetVaultAside), "one bad read moved a vault aside");
}

#[test]
fn a_vault_is_moved_aside_only_after_three_bad_reads() {
    let mut till = Till::starting(EVERYTHING);
    for _ in 0..2 {
        assert!(!till.tell(Event::VaultOpened(Opened::Unreadable)).contains(&Effect::SetVaultAside));
        assert!(till.wake().contains(&Effect::OpenVault));
    }
    assert!(till.tell(Event::VaultOpened(Opened::Unreadable)).contains(&Effect::SetVaultAside));
    assert_eq!(till.session.state(), State::Locked { reason: LockReason::Unreadable });
    let effects = till.tell(Event::VaultOpened(Opened::MovedAside));
    assert_eq!(till.state(), "sign_in_required");
    assert_eq!((prompts(&effects), destroyed(&effects).len()), (1, 0));
}

#[test]
fn a_tap_opens_a_locked_vault_at_once() {
    let mut till = Till::starting(EVERYTHING);
    for _ in 0..6 {
        till.tell(Event::VaultOpened(Opened::Locked(LockReason::KeyStoreLocked)));
        till.wake();
    }
    till.tell(Event::VaultOpened(Opened::Locked(LockReason::KeyStoreLocked)));
    assert!(till.tell(Event::TryNow).contains(&Effect::OpenVault));
    assert!(!till.tell(Event::TryNow).contains(&Effect::OpenVault), "one read at a time");
}

#[test]
fn an_account_whose_credentials_are_gone_is_not_signed_out() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    till.next_request();
    till.ends(REFUSED);
    assert_eq!(till.state(), "sign_in_required");
    till.now = till.now.plus(31 * DAY);
    let effects = till.tell(Event::Tick);
    assert_eq!(destroyed(&effects), [(Target::KeptCredentials, Permission::Limit)]);
    let effects = till.restart_with(till.now.plus(HOUR), Opened::NothingKept);
    assert_eq!((till.state(), prompts(&effects)), ("sign_in_required", 0), "it was asked before the restart");
}

#[test]
fn a_snapshot_of_another_version_is_not_believed() {
    let mut till = Till::signed_in(EVERYTHING);
    let mut snapshot = till.session.snapshot();
    snapshot.version += 1;
    snapshot.memory.state = State::Quarantined { incident: ForeignBy::Probe, since: till.now };
    till.restart_with(till.now, Opened::Value(Box::new(restored(Some(snapshot), credentials(1)))));
    assert_eq!(till.state(), "signed_in");
}

// ---- a restart in the middle -----------------------------------------------------------------------------------

#[test]
fn a_restart_in_the_middle_of_a_silent_re_authentication_makes_it_again() {
    let mut till = Till::signed_in(EVERYTHING);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    till.next_request();
    till.ends(REFUSED);
    assert!(matches!(
        till.session.attempt.map(|attempt| attempt.kind),
        Some(crate::attempt::AttemptKind::Reauthenticate)
    ));
    let effects = till.restart(SECOND);
    assert_eq!(prompts(&effects), 0);
    assert!(is_reauthentication(till.next_request()));
}

#[test]
fn a_restart_before_a_refresh_left_makes_it_again() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    assert!(is_refresh(till.next_request()));
    let mut restored = restored_from(&till.session, Some(till.session.snapshot()));
    restored.intent = None;
    till.restart_with(till.now.plus(SECOND), Opened::Value(Box::new(restored)));
    assert!(is_refresh(till.next_request()));
}

#[test]
fn an_open_intent_is_tried_once_and_at_once() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.now = till.now.plus(50 * MINUTE);
    assert!(is_refresh(requests(&till.tell(Event::Tick))[0]));
    till.restart(SECOND);
    assert_eq!(till.session.wake_at(), Some(till.now));
    assert!(is_refresh(till.next_request()));
    till.ends(REFUSED);
    assert_eq!(till.state(), "signed_in", "the access token is good still");
    let asked_again = requests(&till.pass(3 * HOUR)).into_iter().filter(|request| is_refresh(*request)).count();
    assert_eq!(asked_again, 0, "a refusal after an open intent may mean that it was rotated: never again");
}

#[test]
fn crashes_in_the_middle_of_a_refresh_do_not_multiply_it() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.now = till.now.plus(50 * MINUTE);
    till.tell(Event::Tick);
    let start = till.now;
    let mut refreshes = 0;
    while till.now.since(start) < HOUR {
        till.restart(5 * SECOND);
        refreshes += requests(&till.tell(Event::Tick)).len();
    }
    assert!(refreshes <= 12, "{refreshes} refreshes by crashes in one hour");
}

// ---- absurd times ----------------------------------------------------------------------------------------------

#[test]
fn a_clock_that_went_back_holds_nobody() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    till.next_request();
    till.ends(DOWN);
    assert_eq!(till.holds(), Some(HoldCause::ServerTrouble));
    let restored = restored_from(&till.session, Some(till.session.snapshot()));
    let past = Timestamp::from_millis(till.now.as_millis() - u64::try_from(DAY.as_millis()).unwrap());
    till.restart_with(past, Opened::Value(Box::new(restored)));
    let asked = requests(&till.pass(10 * MINUTE));
    assert!(asked.into_iter().any(is_refresh), "a clock that went back by a day held the session");
}

#[test]
fn an_absurd_pause_of_the_issuer_ends() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    let absurd = r#"{"calls":[18446744073709551615,0,0,0,0,0,0,0,0,0,0,0],"made":1,"failures":255,"not_before":18446744073709551615}"#;
    till.issuer = serde_json::from_str(absurd).unwrap();
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    let asked = requests(&till.pass(3 * HOUR));
    assert!(asked.into_iter().any(is_refresh));
}

#[test]
fn absurd_times_in_a_snapshot_hold_nobody_for_ever_and_destroy_nothing() {
    let never = Timestamp::from_millis(u64::MAX);
    let states = [
        State::SignedIn { connectivity: Connectivity::Online },
        State::Recovering { since: never },
        State::Holding { cause: HoldCause::Configuration, retry_at: never },
        State::SignInRequired { reason: SignInReason::RefreshRefused, since: never },
        State::SignInRequired { reason: SignInReason::RefreshRefused, since: Timestamp::from_millis(0) },
        State::Quarantined { incident: ForeignBy::Probe, since: never },
    ];
    for state in states {
        for task in [Task::Renew, Task::Climb, Task::Confirm, Task::Retry, Task::Retest] {
            let mut till = Till::signed_in(EVERYTHING);
            let mut snapshot = till.session.snapshot();
            snapshot.memory.state = state;
            snapshot.memory.plan = Some(crate::memory::Plan { at: never, task });
            snapshot.memory.retest_at = Some(never);
            snapshot.memory.refreshed_at = Some(never);
            let access = snapshot.memory.held.as_mut().unwrap().access.as_mut().unwrap();
            (access.received_at, access.expires_at, access.renew_at) = (never, never, never);
            let mut restored = restored(Some(snapshot), credentials(1));
            restored.gap_is_certain = false;
            till.restart_with(till.now, Opened::Value(Box::new(restored)));
            let effects = till.pass(30 * HOUR);
            assert!(!requests(&effects).is_empty(), "{state:?} with {task:?} waits for ever");
            assert_eq!(destroyed(&effects), [], "{state:?}");
        }
    }
}

#[test]
fn an_uncertain_gap_never_counts_towards_the_thirty_days() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.rejects(RejectionClass::SessionRevoked);
    till.ends(REJECTED);
    till.next_request();
    till.ends(REFUSED);
    assert_eq!(till.state(), "sign_in_required");
    let mut restored = restored_from(&till.session, Some(till.session.snapshot()));
    restored.gap_is_certain = false;
    till.restart_with(till.now.plus(400 * DAY), Opened::Value(Box::new(restored.clone())));
    assert_eq!(destroyed(&till.tell(Event::Tick)), []);
    restored.gap_is_certain = true;
    till.restart_with(till.now.plus(31 * DAY), Opened::Value(Box::new(restored)));
    assert_eq!(destroyed(&till.pass(SECOND)), [(Target::KeptCredentials, Permission::Limit)]);
}
