//! Right tokens, wrong person: nothing of somebody else is released, stored or shown (P5).

use std::time::Duration;

use mainstay::{Error, ForeignBy, IdentityEcho, Session, State};
use mainstay_mock_server::{Body, Endpoint, Fault, FaultKind, Rotation};

use crate::till::{A_WHILE, Setup, TOKEN_LIFE, Till, codes, is_signed_in, noted};

const HOUR: Duration = Duration::from_secs(3600);

fn quarantined_by(session: &Session) -> Option<ForeignBy> {
    match session.state().state {
        State::Quarantined { incident, .. } => Some(incident),
        _ => None,
    }
}

/// An answer of the API that says for whom it is meant.
fn echoing(person: &str) -> Fault {
    let headers = [("x-signed-in-as".to_owned(), person.to_owned())].into();
    let body = Body::Text(format!(r#"{{"dashboard":"of {person}"}}"#));
    Fault::new(FaultKind::Body { status: 200, content_type: "application/json".to_owned(), body, headers })
}

async fn with_an_echo() -> (Till, Session) {
    let setup =
        Setup::new().profile(|profile| profile.identity_echo = Some(IdentityEcho::Header("x-signed-in-as".to_owned())));
    setup.signed_in().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_echoes_somebody_else_is_not_released() {
    let (till, session) = with_an_echo().await;
    till.control().set_fault(echoing("ada").at(Endpoint::Catalogue)).unwrap();
    let catalogue = || session.send(till.request("GET", "/api/catalogue"));
    assert_eq!(till.wait_for(catalogue()).await.unwrap().status(), 200);

    till.control().set_fault(echoing("grace").at(Endpoint::Catalogue)).unwrap();
    assert_eq!(till.wait_for(catalogue()).await.unwrap_err(), Error::IdentityMismatch);
    till.settle().await;

    assert_eq!(quarantined_by(&session), Some(ForeignBy::IdentityEcho));
    assert_eq!(till.wait_for(session.access_token()).await.unwrap_err(), Error::IdentityMismatch);
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
}

/// Absent never equals absent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_the_echo_is_not_released_and_accuses_nobody() {
    let (till, session) = with_an_echo().await;
    let answer = till.wait_for(session.send(till.request("GET", "/api/catalogue"))).await;
    assert_eq!(answer.unwrap_err(), Error::IdentityMismatch);
    assert!(is_signed_in(&session), "{:?}", codes(&session));
    // An error page need not have it.
    till.control().set_fault(Fault::status(503).at(Endpoint::Catalogue)).unwrap();
    let answer = till.wait_for(session.send(till.request("GET", "/api/catalogue"))).await;
    assert_eq!(answer.unwrap().status(), 503);
}

/// H3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_brings_somebody_else_is_refused_and_the_old_credentials_stay() {
    let (till, session) = Till::signed_in().await;
    let before = till.credential_files().await;
    till.control().set_fault(Fault::foreign_identity("grace").at(Endpoint::Refresh)).unwrap();

    till.pass(TOKEN_LIFE * 95 / 100).await;

    assert_eq!(quarantined_by(&session), Some(ForeignBy::TokenResponse), "{:?}", codes(&session));
    assert_eq!(till.call(&session).await.unwrap_err(), Error::IdentityMismatch);
    assert_eq!(till.credential_files().await, before, "nothing of theirs, everything of ours");
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_credentials_that_are_right_twice_end_a_quarantine() {
    let day = Setup::new().server(|server| server.access_token_lifetime(86_400).profile(Rotation::UntilUsed));
    let (till, session) = day.signed_in().await;
    till.assert_sells(&session).await;
    till.control().set_fault(Fault::foreign_identity("grace").at(Endpoint::Refresh)).unwrap();
    while quarantined_by(&session).is_none() {
        till.pass(HOUR / 6).await;
    }
    till.control().clear_faults();
    till.pass(HOUR * 5 / 2).await;
    assert!(is_signed_in(&session), "{:?}", codes(&session));
    till.assert_sells(&session).await;
    assert_eq!(till.prompts(), 1);
}

/// A token response that names nobody is asked about before anybody sees the token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_the_probe_calls_somebody_elses_is_destroyed() {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    till.control().reconfigure(|config| config.id_token_on_refresh = false).unwrap();
    till.control().change_secret(false);
    till.control().set_fault(Fault::foreign_identity("grace").at([Endpoint::Refresh, Endpoint::Me])).unwrap();

    assert_eq!(till.call(&session).await.unwrap_err(), Error::IdentityMismatch, "{:?}", codes(&session));
    till.settle().await;

    assert_eq!(quarantined_by(&session), Some(ForeignBy::Probe));
    assert_eq!(noted(&session, "destroy.foreign"), 1);
    assert_eq!(till.credential_files().await.len(), 1, "the generation before is ours and stays");
}

/// A *who am I* that the app itself asks says as much as one that Mainstay asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_who_am_i_of_the_app_that_names_somebody_else_is_not_released() {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    till.control().set_fault(Fault::foreign_identity("grace").at(Endpoint::Me)).unwrap();

    assert_eq!(till.call(&session).await.unwrap_err(), Error::IdentityMismatch);
    till.settle().await;

    assert_eq!(quarantined_by(&session), Some(ForeignBy::Probe), "{:?}", codes(&session));
    assert_eq!(till.wait_for(session.access_token()).await.unwrap_err(), Error::IdentityMismatch);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quarantine_survives_a_restart_and_a_sign_out_works_in_it() {
    let (mut till, session) = Till::signed_in().await;
    till.control().set_fault(Fault::foreign_identity("grace").at(Endpoint::Refresh)).unwrap();
    till.pass(TOKEN_LIFE * 95 / 100).await;
    assert!(quarantined_by(&session).is_some());

    let session = till.restart().await.unwrap();
    assert_eq!(quarantined_by(&session), Some(ForeignBy::TokenResponse));
    assert_eq!(till.call(&session).await.unwrap_err(), Error::IdentityMismatch);
    till.wait_for(session.sign_out()).await.unwrap();
    assert!(matches!(session.state().state, State::SignedOut { .. }));
    assert!(till.credential_files().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_accounts_that_receive_the_same_token_are_both_held_back() {
    let till = Till::new().await;
    let (ada, grace) = (till.sign_in("ada").await, till.sign_in("grace").await);
    // A token that is rejected while it is fresh makes its session hold, and nothing is refreshed.
    till.pass(A_WHILE).await;
    let token = ada.access_token().await.unwrap().expose().to_owned();
    let mixed_up = serde_json::json!({ "access_token": token, "token_type": "Bearer", "expires_in": 900 });
    till.control().set_fault(Fault::json(200, mixed_up.to_string()).at(Endpoint::Refresh).times(1)).unwrap();
    till.control().revoke_sessions("nobody", false);
    let elsewhere = till.wait_for(grace.access_token()).await.unwrap();
    // Before the rejection: the probe that follows it at once must not find the token good.
    till.control().set_fault(Fault::status(500).at(Endpoint::Me)).unwrap();
    grace.report_rejection(
        &elsewhere,
        &till.server.url().join("/api/sales").unwrap(),
        &http::Response::builder().status(401).body(Default::default()).unwrap(),
    );
    till.pass(Duration::from_secs(330)).await;
    for session in [&ada, &grace] {
        assert_eq!(quarantined_by(session), Some(ForeignBy::SharedToken), "{:?}", codes(session));
        assert_eq!(till.wait_for(session.access_token()).await.unwrap_err(), Error::IdentityMismatch);
    }
}

/// The same, where the server says so in the body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_echoes_somebody_else_is_not_released() {
    let place = IdentityEcho::JsonPointer("/dashboard".to_owned());
    let (till, session) = Setup::new().profile(|profile| profile.identity_echo = Some(place)).signed_in().await;
    let catalogue = || session.send(till.request("GET", "/api/catalogue"));
    let echo =
        |body: &str| till.control().set_fault(Fault::json(200, body.to_owned()).at(Endpoint::Catalogue)).unwrap();
    echo(r#"{"dashboard":"ada"}"#);
    assert_eq!(till.wait_for(catalogue()).await.unwrap().status(), 200);
    // Absent never equals absent, and what cannot be read names nobody; it accuses nobody either.
    for nobody in ["{}", r#"{"dashboard":""}"#, r#"{"dashboard":["ada"]}"#, "<html>ada", r#"{"dashboard":"ada""#] {
        echo(nobody);
        assert_eq!(till.wait_for(catalogue()).await.unwrap_err(), Error::IdentityMismatch, "{nobody}");
        assert!(is_signed_in(&session), "{nobody}");
    }
    echo(r#"{"dashboard":"grace"}"#);
    assert_eq!(till.wait_for(catalogue()).await.unwrap_err(), Error::IdentityMismatch);
    till.settle().await;
    assert_eq!(quarantined_by(&session), Some(ForeignBy::IdentityEcho));
}

/// The negative control of both echoes: a profile that names none releases the same answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_echo_in_the_profile_the_same_answer_is_released() {
    let (till, session) = Till::signed_in().await;
    till.control().set_fault(echoing("grace").at(Endpoint::Catalogue)).unwrap();
    let answer = till.wait_for(session.send(till.request("GET", "/api/catalogue"))).await;
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!(quarantined_by(&session), None);
}

/// A server without OpenID Connect: a *who am I* says whose the tokens are, at the sign-in and of each new token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_id_tokens_is_pinned_and_watched_by_who_am_i() {
    let (till, session) = Setup::new().without_id_tokens().signed_in().await;
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
    till.assert_sells(&session).await;
    till.control().set_fault(Fault::foreign_identity("grace").at([Endpoint::Refresh, Endpoint::Me])).unwrap();
    till.pass(TOKEN_LIFE * 95 / 100).await;
    assert_eq!(quarantined_by(&session), Some(ForeignBy::Probe), "{:?}", codes(&session));
    assert_eq!(till.wait_for(session.access_token()).await.unwrap_err(), Error::IdentityMismatch);
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
}

/// The negative control: without a *who am I* nobody is pinned, and nobody's name is noticed. The status says `unpinned`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_who_am_i_and_id_tokens_nobody_is_pinned() {
    let setup = Setup::new().without_id_tokens().profile(|profile| profile.probe = mainstay::Probe::None);
    let (till, session) = setup.signed_in().await;
    assert_eq!(session.identity().unwrap().subject, None);
    till.control().set_fault(Fault::foreign_identity("grace").at([Endpoint::Refresh, Endpoint::Me])).unwrap();
    till.pass(TOKEN_LIFE * 95 / 100).await;
    assert_eq!(quarantined_by(&session), None, "{:?}", codes(&session));
}
