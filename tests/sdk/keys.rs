//! The key that signed a token is gone from the server's JWKS: evidence that points to the server.

use std::time::Duration;

use mainstay::{Session, SignInReason, State};
use mainstay_mock_server::{Endpoint, Fault};

use crate::till::{A_WHILE, Till, noted};

fn why_a_person(session: &Session) -> Option<SignInReason> {
    match session.state().state {
        State::SignInRequired { reason, .. } => Some(reason),
        _ => None,
    }
}

/// The access tokens' secret is another one, and no refresh token is known any more.
async fn loses_everything(till: &Till, session: &Session) {
    till.control().change_secret(false);
    till.control().wipe_sessions();
    till.call(session).await.unwrap_err();
    till.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signing_key_that_vanished_points_to_the_server() {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    till.control().rotate_jwks(false);
    loses_everything(&till, &session).await;
    assert_eq!(noted(&session, "evidence.key_vanished"), 1);
    assert_eq!(why_a_person(&session), Some(SignInReason::SessionLostByServer));
    assert_eq!(till.total(Endpoint::Jwks), 2, "at the sign-in, and in the episode");
    let token_requests = till.token_requests();

    // The negative control: the same, and the key is where it was. What is asked of the token endpoint is the same.
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    loses_everything(&till, &session).await;
    assert_eq!(noted(&session, "evidence.key_vanished"), 0);
    assert_eq!(why_a_person(&session), Some(SignInReason::RefreshRefused));
    assert_eq!((till.total(Endpoint::Jwks), till.token_requests()), (2, token_requests));
}

/// A key set that cannot be read says nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_cannot_be_read_are_no_evidence() {
    for fault in [Fault::status(503), Fault::html(), Fault::json(200, r#"{"keys":[]}"#.to_owned())] {
        let (till, session) = Till::signed_in().await;
        till.pass(A_WHILE).await;
        till.control().rotate_jwks(false);
        till.control().set_fault(fault.at(Endpoint::Jwks)).unwrap();
        loses_everything(&till, &session).await;
        assert_eq!(noted(&session, "evidence.key_vanished"), 0);
        assert_eq!(why_a_person(&session), Some(SignInReason::RefreshRefused));
    }
}

/// 1. Two people are signed in. 2. The server loses its key. 3. Both are rejected within a second: one reading of the keys tells
/// both. 4. It happens again after ten minutes: the keys are read again, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_are_read_once_a_minute_at_most_however_many_accounts_ask() {
    let till = Till::new().await;
    let (ada, grace) = (till.sign_in("ada").await, till.sign_in("grace").await);
    assert_eq!(till.total(Endpoint::Jwks), 1);
    till.pass(A_WHILE).await;
    till.control().rotate_jwks(false);
    till.control().change_secret(false);
    for session in [&ada, &grace] {
        let _recovers = till.call(session).await;
    }
    till.settle().await;
    assert_eq!(till.total(Endpoint::Jwks), 2);
    for session in [&ada, &grace] {
        assert_eq!(noted(session, "evidence.key_vanished"), 1);
    }
    till.pass(Duration::from_secs(600)).await;
    till.control().change_secret(false);
    for session in [&ada, &grace] {
        let _recovers = till.call(session).await;
    }
    till.settle().await;
    assert_eq!(till.total(Endpoint::Jwks), 3);
}

/// Who signed the ID token is known after a restart, and forgotten with a sign-out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_s_name_survives_a_restart() {
    let (mut till, _session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    let session = till.restart().await.unwrap();
    till.control().rotate_jwks(false);
    // The server's metadata are not known yet in this process: what asks first for them is an episode's probe or refresh.
    till.assert_sells(&session).await;
    loses_everything(&till, &session).await;
    assert!(why_a_person(&session).is_some(), "{:?}", session.state());
}
