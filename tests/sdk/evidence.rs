//! What servers say besides yes: each kind of "no" is evidence of something, and most are none of the session's business.

use std::time::Duration;

use bytes::Bytes;
use mainstay::{Error, HoldCause, Session, SignInReason, State, driver::TokenRequest};
use mainstay_mock_server::{Body, Config, Endpoint, Fault, FaultKind};

use crate::till::{A_WHILE, Setup, TOKEN_LIFE, Till, codes, is_signed_in, noted, prompts_raised};

/// An answer with a challenge.
fn challenge(status: u16, challenge: &str) -> Fault {
    let headers = [("www-authenticate".to_owned(), format!("Bearer {challenge}"))].into();
    let body = Body::Text("{}".to_owned());
    Fault::new(FaultKind::Body { status, content_type: "application/json".to_owned(), body, headers })
}

async fn catalogue(till: &Till, session: &Session) -> Result<u16, Error> {
    let answer = till.wait_for(session.send(till.request("GET", "/api/catalogue"))).await;
    till.settle().await;
    answer.map(|answer| answer.status().as_u16())
}

/// The answer, and how many token requests it cost.
async fn answered(fault: Fault) -> (Till, Session, Result<u16, Error>, u64) {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    let before = till.token_requests();
    till.control().set_fault(fault.at(Endpoint::Catalogue)).unwrap();
    let answer = catalogue(&till, &session).await;
    let cost = till.token_requests() - before;
    (till, session, answer, cost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_403_is_returned_to_the_app_and_never_a_session_matter() {
    for no in [
        Fault::status(403),
        challenge(403, r#"error="insufficient_scope""#),
        challenge(401, r#"error="insufficient_scope""#),
    ] {
        let (_till, session, answer, cost) = answered(no.clone()).await;
        assert!(matches!(answer, Ok(401 | 403)), "{no:?}: {answer:?}");
        assert!(is_signed_in(&session) && cost == 0, "{no:?} {:?}", codes(&session));
        assert_eq!(noted(&session, "evidence.forbidden"), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_up_is_the_app_s_and_the_session_is_fine() {
    let (_till, session, answer, cost) = answered(challenge(401, r#"error="insufficient_user_authentication""#)).await;
    assert_eq!(answer, Ok(401));
    assert!(is_signed_in(&session) && cost == 0, "{:?}", codes(&session));
    assert_eq!(noted(&session, "evidence.step_up"), 1);
}

/// The negative control of both: the same 401 that blames the token begins an episode.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_that_blames_the_token_begins_an_episode() {
    let (_till, session, _answer, _cost) = answered(challenge(401, r#"error="invalid_token""#)).await;
    assert!(noted(&session, "evidence.invalid_token") > 0, "{:?}", codes(&session));
    assert!(noted(&session, "rung.probe") > 0);
    let (_till, session, _answer, _cost) = answered(Fault::status(401)).await;
    assert!(noted(&session, "evidence.unauthorized") > 0, "{:?}", codes(&session));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_401_for_another_audience_degrades_that_audience_and_not_the_session() {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    let stock = TokenRequest { audience: Some("https://stock.example".to_owned()), ..TokenRequest::default() };
    let stock = till.wait_for(session.access_token_for(&stock)).await.unwrap();
    let own = session.access_token().await.unwrap();
    let asked = till.token_requests();
    let url = till.server.url().join("/api/catalogue").unwrap();
    let no = || {
        let no = http::Response::builder().status(401).header("www-authenticate", r#"Bearer error="invalid_token""#);
        no.body(Bytes::new()).unwrap()
    };
    session.report_rejection(&stock, &url, &no());
    till.settle().await;
    assert!(is_signed_in(&session));
    assert_eq!((noted(&session, "evidence.other_audience"), noted(&session, "evidence.invalid_token")), (1, 0));
    assert_eq!(session.access_token().await.unwrap().expose(), own.expose());
    assert_eq!(till.token_requests(), asked);

    // The negative control: the same answer to the session's own token.
    session.report_rejection(&own, &url, &no());
    till.settle().await;
    assert_eq!(noted(&session, "evidence.invalid_token"), 1);
}

/// The gateway in front of one path rejects what the probe finds good, now and then.
async fn flaps(till: &Till, session: &Session) {
    till.control().set_fault(Fault::reject_all().at(Endpoint::Catalogue).times(1)).unwrap();
    let _answer = catalogue(till, session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_flaps_in_ten_minutes_hold_and_the_token_stays_in_use() {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    for flap in 0..3 {
        assert!(is_signed_in(&session), "{flap}");
        till.pass(A_WHILE).await;
        flaps(&till, &session).await;
    }
    let state = session.state().state;
    assert!(matches!(state, State::Holding { cause: HoldCause::Flapping, .. }), "{state:?} {:?}", codes(&session));
    assert!(session.access_token().await.is_ok(), "some nodes take it");
    assert_eq!((till.token_requests(), prompts_raised(&session)), (1, 0), "no new credentials are asked for");
}

/// The negative control: as many flaps, further apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flap_every_six_minutes_holds_nobody() {
    let setup = Setup::new().server(|server| server.access_token_lifetime(86_400));
    let (till, session) = setup.signed_in().await;
    till.assert_sells(&session).await;
    for _ in 0..6 {
        till.pass(A_WHILE * 2).await;
        flaps(&till, &session).await;
        assert!(is_signed_in(&session), "{:?}", codes(&session));
    }
    assert!(noted(&session, "verdict.flap") >= 6, "{:?}", codes(&session));
}

fn why_a_person(session: &Session) -> Option<SignInReason> {
    match session.state().state {
        State::SignInRequired { reason, .. } => Some(reason),
        _ => None,
    }
}

/// 1. Two people are signed in at one till. 2. The server loses everything. 3. Both are rejected within a minute, one after the
/// other: each of them is told that the signs point to the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_surge_over_the_accounts_of_a_device_points_to_the_server() {
    let till = Till::new().await;
    let (ada, grace) = (till.sign_in("ada").await, till.sign_in("grace").await);
    till.pass(A_WHILE).await;
    till.control().change_secret(false);
    till.control().wipe_sessions();
    let both =
        async { tokio::join!(ada.send(till.request("GET", "/api/me")), grace.send(till.request("GET", "/api/me"))) };
    let (first, second) = till.wait_for(both).await;
    assert!(first.is_err() && second.is_err());
    till.pass(Duration::from_secs(60)).await;
    for session in [&ada, &grace] {
        assert!(noted(session, "evidence.neighbour_rejected") > 0, "{:?}", codes(session));
        assert_eq!(why_a_person(session), Some(SignInReason::SessionLostByServer), "{:?}", codes(session));
    }
}

/// The negative control, and the other half of the row: only one of them fails, and the other sells on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_account_that_fails_beside_one_that_sells_points_to_that_account() {
    let till = Till::new().await;
    let (ada, grace) = (till.sign_in("ada").await, till.sign_in("grace").await);
    till.pass(A_WHILE).await;
    till.control().revoke_sessions("ada", true);
    let both =
        async { tokio::join!(ada.send(till.request("GET", "/api/me")), grace.send(till.request("GET", "/api/me"))) };
    let (first, second) = till.wait_for(both).await;
    assert!(first.is_err() && second.is_ok(), "{first:?} {second:?}");
    till.pass(Duration::from_secs(60)).await;
    assert_eq!(why_a_person(&ada), Some(SignInReason::RefreshRefused), "{:?}", codes(&ada));
    assert!(is_signed_in(&grace));
    assert_eq!(noted(&ada, "evidence.neighbour_rejected"), 0);
}

/// What the token endpoint says no with, while access tokens are void.
async fn refused_with(body: serde_json::Value) -> (Till, Session, Result<u16, Error>) {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    till.control().set_fault(Fault::json(400, body.to_string()).at(Endpoint::Refresh)).unwrap();
    till.control().change_secret(false);
    let answer = till.call(&session).await.map(|answer| answer.status().as_u16());
    till.settle().await;
    (till, session, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_refused_is_a_configuration_mistake_and_nobody_s_fault() {
    for code in ["invalid_client", "unauthorized_client", "unsupported_grant_type"] {
        let (till, session, answer) = refused_with(serde_json::json!({ "error": code })).await;
        assert!(
            matches!(answer, Err(Error::TryLater { cause: Some(HoldCause::Configuration), .. })),
            "{code} {answer:?}"
        );
        assert_eq!((noted(&session, "step.rediscover"), prompts_raised(&session)), (1, 0), "{code}");
        till.control().clear_faults();
        till.pass(Duration::from_secs(600)).await;
        till.assert_sells(&session).await;
        assert_eq!(till.prompts(), 1, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_scope_is_left_out_and_the_session_renewed() {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    let no = Fault::json(400, r#"{"error":"invalid_scope"}"#.to_owned());
    till.control().set_fault(no.at(Endpoint::Refresh).times(1)).unwrap();
    till.control().change_secret(false);
    till.assert_sells(&session).await;
    assert_eq!((noted(&session, "evidence.invalid_scope"), prompts_raised(&session)), (1, 0));
}

/// The negative control is the first answer: asked for everything, this server refuses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_asks_for_no_more_than_was_granted() {
    let config = Config { withheld_scopes: vec!["offline_access".to_owned()], ..Config::default() };
    let (till, session) = Setup::new().server(|server| server.config(config)).signed_in().await;
    till.assert_sells(&session).await;
    till.pass(TOKEN_LIFE).await;
    till.assert_sells(&session).await;
    let seen = till.control().observations();
    assert!(seen.refreshes_by_generation.values().sum::<u64>() >= 1);
    assert_eq!(noted(&session, "evidence.invalid_scope"), 0);
    let refused = till.control().requests().into_iter().filter(|request| request.endpoint == Endpoint::Refresh);
    assert_eq!(refused.filter(|request| request.status.as_deref() != Some("200")).count(), 0);
}

/// A bare 400: real servers say so of refresh tokens that they have forgotten. The negative control is the first half hour.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_without_a_reason_is_believed_after_half_an_hour_and_not_before() {
    let (till, session, answer) = refused_with(serde_json::json!({})).await;
    assert!(matches!(answer, Err(Error::TryLater { .. })), "{answer:?}");
    till.pass(Duration::from_secs(25 * 60)).await;
    assert_eq!((why_a_person(&session), prompts_raised(&session)), (None, 0), "{:?}", codes(&session));
    till.pass(Duration::from_secs(3 * 3600)).await;
    assert!(why_a_person(&session).is_some(), "{:?} {:?}", session.state(), codes(&session));
    assert!(noted(&session, "evidence.unreasoned_refusal") >= 6);
    assert_eq!(prompts_raised(&session), 1);
}
