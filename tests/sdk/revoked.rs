//! A server that says in its own words that somebody ended this session. A rule of the profile names it; it points to this
//! account, and it is still no order to forget anything.

use std::time::Duration;

use mainstay::{Error, Session, SignInReason, State, oauth::RejectionRule};
use mainstay_mock_server::{Endpoint, Fault};

use crate::till::{A_WHILE, Setup, Till, codes, generation, is_signed_in, needs_a_person, prompts_raised};

const ENDED: &str = r#"{"error":"session_revoked","message":"Ended by an administrator"}"#;

/// What a profile would say. `known` is what the negative control takes away.
fn rules(known: bool) -> Vec<RejectionRule> {
    let rules = r#"[
        {"name": "api", "status": 401, "path": "/api/*", "body_contains": "session_revoked", "meaning": "session_revoked"},
        {"name": "token", "status": 400, "path": "/token", "body_contains": "session_revoked", "meaning": "session_revoked"}
    ]"#;
    if known { serde_json::from_str(rules).unwrap() } else { Vec::new() }
}

/// A till with a device key: rung 4 would bring it back at once.
async fn till_with_a_device_key(known: bool) -> (Till, Session) {
    let setup = Setup::new().profile(move |profile| {
        profile.enroll_device_key = true;
        profile.rejection_rules = rules(known);
    });
    let (till, session) = setup.signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    (till, session)
}

fn refuse_refreshes(till: &Till, description: &str) {
    let no = serde_json::json!({ "error": "invalid_grant", "error_description": description }).to_string();
    till.control().set_named_fault("body.refresh", Fault::json(400, no).at(Endpoint::Refresh)).unwrap();
}

fn revoked_at_the_api(till: &Till) {
    till.control()
        .set_named_fault("body.api", Fault::json(401, ENDED).at([Endpoint::Me, Endpoint::Catalogue]))
        .unwrap();
    refuse_refreshes(till, "no such token");
}

fn revoked_at_the_token_endpoint(till: &Till) {
    till.control().change_secret(false);
    refuse_refreshes(till, "session_revoked");
}

const PLACES: [fn(&Till); 2] = [revoked_at_the_api, revoked_at_the_token_endpoint];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_explicit_revocation_a_person_is_asked_and_no_device_key_is_used() {
    for revoke in PLACES {
        let (till, session) = till_with_a_device_key(true).await;
        let (kept, number) = (till.keepsake().await, generation(&session));

        revoke(&till);
        assert_eq!(till.call(&session).await.unwrap_err(), Error::SignInRequired, "{:?}", codes(&session));
        till.pass(Duration::from_secs(3 * 3600)).await;

        let state = session.state().state;
        assert!(matches!(state, State::SignInRequired { reason: SignInReason::SessionRevoked, .. }), "{state:?}");
        assert_eq!(till.total(Endpoint::JwtBearer), 0, "no assertion: {:?}", codes(&session));
        assert_eq!(till.total(Endpoint::Refresh), 1, "and the refresh token is not shown again");
        assert_eq!((till.keepsake().await, generation(&session)), (kept, number), "nothing is forgotten");
        assert_eq!(prompts_raised(&session), 1);

        till.control().clear_faults();
        till.sign_in_again(&session, "ada").await.unwrap();
        till.assert_sells(&session).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_a_revocation_back_is_believed_and_nobody_signs_in() {
    for revoke in PLACES {
        let (till, session) = till_with_a_device_key(true).await;
        let number = generation(&session);
        revoke(&till);
        assert_eq!(till.call(&session).await.unwrap_err(), Error::SignInRequired);
        assert!(needs_a_person(&session));

        till.control().clear_faults();
        till.control().accept_old_secret_again();
        till.pass(Duration::from_secs(300)).await;

        assert!(is_signed_in(&session), "{:?} {:?}", session.state(), codes(&session));
        assert_eq!(generation(&session), number, "with the token that it had");
        assert_eq!((till.total(Endpoint::JwtBearer), till.prompts()), (0, 1));
    }
}

/// The negative control: the same answers without the rules, and the device key brings the till back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_rule_the_same_words_are_only_a_rejection() {
    let (till, session) = till_with_a_device_key(false).await;
    revoked_at_the_token_endpoint(&till);
    till.assert_sells(&session).await;
    assert_eq!(till.total(Endpoint::JwtBearer), 1);
    assert_eq!(prompts_raised(&session), 0);
}

/// "A rule never yields terminal": where the token endpoint is only in trouble, the words change nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_speaks_of_a_revoked_session_ends_nothing() {
    let (till, session) = till_with_a_device_key(true).await;
    let page = "<html>Your login is session_revoked. Please contact your network's administrator.</html>";
    let portal = Fault::answer(400, "text/html", mainstay_mock_server::Body::Text(page.to_owned()));
    till.control().set_fault(portal.at(Endpoint::Refresh)).unwrap();
    till.control().change_secret(false);

    assert!(matches!(till.call(&session).await, Err(Error::TryLater { .. })), "{:?}", codes(&session));
    till.control().clear_faults();
    till.pass(Duration::from_secs(600)).await;
    assert!(is_signed_in(&session), "{:?}", codes(&session));
    assert_eq!((till.total(Endpoint::JwtBearer), prompts_raised(&session)), (0, 0));
}
