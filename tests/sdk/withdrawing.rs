//! A device key is withdrawn at sign-out, whenever that is and whatever stands in the way.

use std::{sync::Arc, time::Duration};

use mainstay::{
    Session, State,
    host::SecretStoreError,
    test_support::{FaultyFiles, Survivors, SwitchableSecretStore},
};
use mainstay_mock_server::{Endpoint, Fault, Rotation};

use crate::till::{A_WHILE, Setup, TOKEN_LIFE, Till};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A till whose device key is enrolled.
async fn enrolled(setup: Setup) -> (Till, Session) {
    let (till, session) = setup.signed_in().await;
    till.wait_for(session.enroll_device_key()).await.unwrap();
    till.settle().await;
    assert_eq!(till.control().observations().enrolments, 1);
    (till, session)
}

/// What the server still knows: device keys and sessions.
fn known(till: &Till) -> (u64, u64) {
    let seen = till.control().observations();
    (seen.enrolments, seen.sessions)
}

async fn queued(till: &Till) -> usize {
    till.files(|name| name.starts_with("revoke-") || name.starts_with("parked-")).await.len()
}

/// 1. Signed out without a network. 2. The access token expires. 3. The network comes back: the server's 401 is no "done", so
/// another access token is had first, and the refresh token is revoked last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_key_is_withdrawn_although_the_access_token_has_expired_since() {
    for (rotation, restarts) in [(Rotation::Strict, false), (Rotation::Grace, true), (Rotation::UntilUsed, false)] {
        let (mut till, session) = enrolled(Setup::new().server(move |server| server.profile(rotation))).await;
        till.wire.unplug();
        till.wait_for(session.sign_out()).await.unwrap();
        if restarts {
            till.restart().await;
        }
        till.pass(TOKEN_LIFE + HOUR).await;
        assert_eq!(known(&till), (1, 1));

        till.wire.repair();
        till.pass(HOUR + A_WHILE).await;
        assert_eq!((known(&till), queued(&till).await), ((0, 0), 0), "{rotation:?}");
        let seen = till.control().observations();
        assert_eq!((till.total(Endpoint::Refresh), seen.reuse_detections), (1, 0), "{rotation:?}");
    }
}

/// 1. The new access token is on its way when the process dies. 2. The next one asks with the same refresh token, and withdraws.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_that_was_cut_short_goes_on_after_a_restart() {
    for rotation in [Rotation::Grace, Rotation::UntilUsed] {
        let (mut till, session) = enrolled(Setup::new().server(move |server| server.profile(rotation))).await;
        till.wire.unplug();
        till.wait_for(session.sign_out()).await.unwrap();
        till.pass(TOKEN_LIFE).await;
        let mut committed = Fault::hold().at(Endpoint::Refresh);
        committed.after_commit = true;
        till.control().set_fault(committed).unwrap();
        till.wire.repair();
        till.restart_unsettled().await;
        till.control().wait_for_held(1).await;
        till.kill().await;
        till.control().clear_faults();

        till.restart().await;
        till.pass(A_WHILE).await;
        assert_eq!((known(&till), queued(&till).await), ((0, 0), 0), "{rotation:?}");
    }
}

/// The negative control: a session that the server has ended brings no other access token, and a "no" is still not taken for a
/// withdrawal. The key is asked about until the queue's own limit, slowly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_withdrawn_stays_queued_for_seven_days_and_no_longer() {
    let (till, session) = enrolled(Setup::new()).await;
    till.wire.unplug();
    till.wait_for(session.sign_out()).await.unwrap();
    till.pass(TOKEN_LIFE).await;
    till.control().wipe_sessions();
    till.wire.repair();
    till.pass(6 * DAY).await;
    assert_eq!((known(&till).0, queued(&till).await), (1, 1));
    assert_eq!(till.total(Endpoint::Refresh), 1, "the refresh token was refused, and is not presented again");
    assert!(till.control().requests().len() < 200, "{}", till.control().requests().len());

    till.pass(DAY + HOUR).await;
    assert_eq!((known(&till).0, queued(&till).await), (1, 0));
}

/// 1. The place where keys are withdrawn is broken, for good. 2. The refresh token waits for it a day, and is revoked then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_token_waits_for_the_withdrawal_a_day_and_no_longer() {
    let (till, session) = enrolled(Setup::new()).await;
    till.control().set_fault(Fault::status(503).at(Endpoint::Enroll)).unwrap();
    till.wait_for(session.sign_out()).await.unwrap();
    till.pass(DAY - HOUR).await;
    assert_eq!(known(&till), (1, 1));
    till.pass(3 * HOUR).await;
    assert_eq!((known(&till), queued(&till).await), ((1, 0), 1));
}

/// 1. The device is locked at the start. 2. The cashier signs out: nothing that was sealed can be read. 3. It is unlocked, and the
/// app has not been started again: the server forgets session and key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_while_locked_withdraws_the_device_key_once_unlocked() {
    for restarts in [false, true] {
        let keys = SwitchableSecretStore::new();
        let (mut till, _session) = enrolled(Setup::new().key_store(keys.clone())).await;
        keys.fail_with(SecretStoreError::Locked);
        let session = till.restart().await.unwrap();
        assert!(matches!(session.state().state, State::Locked { .. }));
        till.wait_for(session.sign_out()).await.unwrap();
        till.pass(A_WHILE).await;
        assert!(till.credential_files().await.is_empty());
        assert_eq!((known(&till), queued(&till).await), ((1, 1), 1));

        keys.recover();
        if restarts {
            till.restart().await;
        }
        till.pass(HOUR).await;
        assert_eq!((known(&till), queued(&till).await), ((0, 0), 0), "restarts: {restarts}");
    }
}

/// 1. A sign-out is cut anywhere between its beginning and its end. 2. The app is started again: either ada is still signed in,
/// key and all, or the server forgets both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_that_is_cut_off_anywhere_leaves_neither_a_session_nor_a_device_key_behind() {
    for survivors in Survivors::ALL {
        for changes in 0.. {
            assert!(changes < 60, "a sign-out never ended");
            let disk = FaultyFiles::new();
            let (mut till, session) = enrolled(Setup::new().disk(disk.clone())).await;
            till.wire.unplug();
            let before = disk.log().len();
            disk.cut_after(changes);
            let said = till.wait_for(session.sign_out()).await;
            till.settle().await;
            till.kill().await;
            let was_hit = disk.log().len() >= before + changes;

            till.machine.files = Arc::new(disk.reopen(survivors));
            till.wire.repair();
            let session = till.restart().await.unwrap();
            till.pass(A_WHILE).await;
            let is_out = matches!(session.state().state, State::SignedOut { .. });
            assert!(is_out || said.is_err(), "{changes} {survivors:?}: {:?}", session.state());
            let expected = if is_out { (0, 0) } else { (1, 1) };
            assert_eq!(known(&till), expected, "{changes} {survivors:?}: {said:?}");
            if !was_hit {
                break;
            }
        }
    }
}
