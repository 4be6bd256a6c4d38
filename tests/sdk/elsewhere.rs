//! What one process does to a session, the others that share it see at once.

use mainstay::{Client, Error, ForeignBy, Session, SignedOutReason, State};
use mainstay_mock_server::{Endpoint, Fault};

use crate::{
    process::Process,
    till::{A_WHILE, Till, codes, generation, is_signed_in, prompts_raised},
};

/// Two processes that share ada's session.
async fn two() -> (Till, Session, (Client, Process), Session) {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    let second = till.second_process().await;
    let other = second.0.session().unwrap();
    assert!(is_signed_in(&other));
    (till, session, second, other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_is_seen_by_the_other_process_and_so_is_the_next_sign_in() {
    let (till, session, _second, other) = two().await;
    till.wait_for(session.sign_out()).await.unwrap();
    till.settle().await;
    assert_eq!(other.state().state, State::SignedOut { reason: SignedOutReason::OtherProcess });
    assert_eq!(till.wait_for(other.access_token()).await.unwrap_err(), Error::SignInRequired);
    assert!(other.identity().is_none());

    till.sign_in("ada").await;
    assert!(is_signed_in(&other), "{:?} {:?}", other.state(), codes(&other));
    assert_eq!(other.identity().unwrap().subject.as_deref(), Some("ada"));
    till.assert_sells(&other).await;
    assert_eq!(till.prompts(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_is_taken_up_by_the_other_process_before_it_asks_for_one() {
    let (till, session, _second, other) = two().await;
    let before = generation(&other);
    till.wait_for(session.try_now()).await.unwrap();
    till.settle().await;
    assert!(generation(&other) > before, "{:?}", codes(&other));
    assert_eq!(generation(&other), generation(&session));
    assert_eq!(till.total(Endpoint::Refresh), 1);
    till.assert_sells(&other).await;
    till.assert_sells(&session).await;
    assert_eq!(till.total(Endpoint::Refresh), 1);
}

/// C2, C3. 1. A refreshes, and the server takes its time. 2. The server loses its sessions. 3. Somebody signs in again in B, which
/// stores new credentials. 4. The server refuses what A presented: that is a word about the old refresh token and no other, so A
/// goes on with what B has stored, and nobody is asked for anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_is_refused_takes_nothing_from_what_another_process_stored_meanwhile() {
    let (mut till, session, second, other) = two().await;
    till.control().hold(Endpoint::Refresh);
    till.wait_for(session.try_now()).await.unwrap();
    till.control().wait_for_held(1).await;
    till.control().wipe_sessions();
    till.sign_in_again(&other, "ada").await.unwrap();
    let stored = generation(&other);
    till.control().clear_faults();
    till.settle().await;

    assert_eq!(generation(&session), stored, "{:?} {:?}", session.state(), codes(&session));
    till.assert_sells(&session).await;
    till.assert_sells(&other).await;
    assert_eq!((till.prompts(), prompts_raised(&session), prompts_raised(&other)), (2, 0, 0));
    assert_eq!(till.total(Endpoint::Refresh), 1);
    drop(second);
    let session = till.restart().await.unwrap();
    assert_eq!(generation(&session), stored);
    till.assert_sells(&session).await;
}

/// Only one of the two is shown somebody else's identity; neither hands anything out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quarantine_is_the_other_process_s_quarantine_too() {
    let (till, session, _second, other) = two().await;
    till.control().set_fault(Fault::foreign_identity("grace").times(1)).unwrap();
    let _refused = till.call(&session).await;
    till.settle().await;
    let incident = |session: &Session| match session.state().state {
        State::Quarantined { incident, .. } => Some(incident),
        _ => None,
    };
    assert!(incident(&session).is_some(), "{:?}", codes(&session));
    assert_eq!(incident(&other), incident(&session).filter(|by| *by != ForeignBy::SharedToken));
    assert_eq!(till.wait_for(other.access_token()).await.unwrap_err(), Error::IdentityMismatch);
}

/// What a process does itself is no news to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_alone_takes_nothing_up() {
    let (till, session) = Till::signed_in().await;
    for _ in 0..5 {
        till.pass(A_WHILE).await;
        till.wait_for(session.try_now()).await.unwrap();
        till.settle().await;
    }
    assert!(!codes(&session).contains(&"evidence.adopted"), "{:?}", codes(&session));
}
