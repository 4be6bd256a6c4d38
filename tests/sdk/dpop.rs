//! Tokens that are bound to a key of the session (RFC 9449): every request proves it, and a copy of a token is worth nothing.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Method};
use mainstay::{
    Dpop, Error, Session,
    host::{ConnectionWish, Lane, Outbound},
};
use mainstay_mock_server::{Body, Endpoint, Fault, FaultKind};
use serde_json::Value;
use url::Url;

use crate::till::{A_WHILE, Setup, TOKEN_LIFE, Till, codes, is_signed_in, network, noted, prompts_raised};

/// How long a nonce is good, in seconds.
const NONCE_LIFE: u64 = 300;

fn bound() -> Setup {
    Setup::new().profile(|profile| profile.dpop = Dpop::WhereOffered)
}

async fn with_nonces() -> Till {
    let till = bound().till().await;
    till.control().reconfigure(|config| config.dpop_nonce_seconds = Some(NONCE_LIFE)).unwrap();
    till
}

/// The claims of every proof that left.
fn proofs(till: &Till) -> Vec<Value> {
    let claims = |proof: &HeaderValue| {
        let payload = proof.to_str().unwrap().split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    };
    till.wire.sent().iter().filter_map(|sent| sent.headers.get("dpop").map(claims)).collect()
}

/// How often each answer was a refusal.
fn refused(till: &Till, endpoint: Endpoint) -> u64 {
    let seen = till.control().observations();
    seen.answered(endpoint, 400) + seen.answered(endpoint, 401)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_bound_to_a_key_and_every_request_proves_it() {
    let (till, session) = bound().signed_in().await;
    assert_eq!(session.access_token().await.unwrap().token_type(), "DPoP");
    till.assert_sells(&session).await;
    till.pass(TOKEN_LIFE * 95 / 100).await;
    till.assert_sells(&session).await;
    assert_eq!(till.total(Endpoint::Refresh), 1);

    let carrying = |sent: &&crate::wire::Sent| sent.authorization.is_some() || sent.is_to("/token");
    let sent = till.wire.sent();
    assert!(sent.iter().filter(carrying).count() >= 4);
    assert!(sent.iter().filter(carrying).all(|sent| sent.headers.contains_key("dpop")));
    assert!(sent.iter().all(|sent| sent.authorization.as_deref().is_none_or(|value| value.starts_with("DPoP "))));
    let proofs = proofs(&till);
    let ids: BTreeSet<_> = proofs.iter().map(|proof| proof["jti"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), proofs.len(), "each is good once");
    assert_eq!(till.control().observations().replayed_proofs, 0);
    assert_eq!(till.control().observations().tokens_rejected.len(), 0);
}

/// The negative control, and the default.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_profile_s_word_tokens_are_bearer_tokens() {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    assert_eq!(session.access_token().await.unwrap().token_type(), "Bearer");
    assert!(proofs(&till).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_that_requires_dpop_refuses_a_bearer_token() {
    let till = Setup::new().profile(|profile| profile.dpop = Dpop::Required).till().await;
    let bearer = r#"{"access_token":"anybody's","token_type":"Bearer","expires_in":900}"#;
    till.control().set_fault(Fault::json(200, bearer).at(Endpoint::Token).times(1)).unwrap();
    till.control().script_sign_in("ada");
    let refused = till.wait_for(till.client.sign_in(&till.browser())).await.unwrap_err();
    assert!(matches!(refused, Error::Misconfigured(_)), "{refused:?}");
    assert!(till.credential_files().await.is_empty());
    // The negative control: the server's own answer.
    let session = till.sign_in("ada").await;
    assert_eq!(session.access_token().await.unwrap().token_type(), "DPoP");
}

/// 1. The server wants its nonce in every proof. 2. It says so once at the token endpoint and once at the API, each costs one
/// request more, and nothing of it is evidence. 3. The nonces are kept, until the server has another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_wants_its_nonce_gets_it_once_more_and_the_token_is_fine() {
    let till = with_nonces().await;
    let session = till.sign_in("ada").await;
    assert_eq!((till.total(Endpoint::Token), refused(&till, Endpoint::Token)), (2, 1));
    for _ in 0..3 {
        till.assert_sells(&session).await;
    }
    assert_eq!((till.total(Endpoint::Me), refused(&till, Endpoint::Me)), (4, 1));
    till.pass(Duration::from_secs(NONCE_LIFE)).await;
    till.assert_sells(&session).await;
    till.assert_sells(&session).await;
    assert_eq!((till.total(Endpoint::Me), refused(&till, Endpoint::Me)), (7, 2));
    till.pass(TOKEN_LIFE).await;
    assert_eq!(refused(&till, Endpoint::Refresh), till.total(Endpoint::Refresh) / 2, "its nonce has changed each time");
    assert!(is_signed_in(&session) && prompts_raised(&session) == 0);
    assert_eq!((noted(&session, "evidence.dpop_nonce"), noted(&session, "evidence.dpop_proof")), (0, 0));
}

/// A sale that was not looked at is no sale: after a nonce it is sent again, whatever its method.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_that_lacks_the_nonce_is_sent_again_and_booked_once() {
    let till = with_nonces().await;
    let session = till.sign_in("ada").await;
    let sold = till.wait_for(session.send(till.sale(None))).await.unwrap();
    assert_eq!((sold.status().as_u16(), till.total(Endpoint::Sales)), (201, 2));
    assert_eq!(till.control().observations().answered(Endpoint::Sales, 201), 1);
}

/// 1. The server's clock moves on alone. 2. The proof is too old for it, and it says so. 3. The next proof is made by its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_of_another_time_is_made_again_by_the_server_s_time() {
    let (till, session) = bound().signed_in().await;
    till.assert_sells(&session).await;
    till.control().advance(Duration::from_secs(120));
    till.assert_sells(&session).await;
    assert_eq!(refused(&till, Endpoint::Me), 1);
    till.assert_sells(&session).await;
    assert_eq!(refused(&till, Endpoint::Me), 1, "the offset is known now");
    assert_eq!(noted(&session, "evidence.dpop_proof"), 0);
}

/// A server that takes exception to every proof is asked twice a call, and what it says is evidence.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_is_refused_twice_is_evidence() {
    let (till, session) = bound().signed_in().await;
    till.assert_sells(&session).await;
    let asked = till.total(Endpoint::Catalogue);
    let headers = [("www-authenticate".to_owned(), r#"DPoP error="invalid_dpop_proof""#.to_owned())].into();
    let no = FaultKind::Body {
        status: 401,
        content_type: "application/json".to_owned(),
        body: Body::Text("{}".to_owned()),
        headers,
    };
    till.control().set_fault(Fault::new(no).at(Endpoint::Catalogue)).unwrap();
    let answer = till.wait_for(session.send(till.request("GET", "/api/catalogue"))).await.unwrap();
    till.settle().await;
    assert_eq!((answer.status().as_u16(), till.total(Endpoint::Catalogue) - asked), (401, 2));
    assert_eq!(noted(&session, "evidence.dpop_proof"), 1, "{:?}", codes(&session));
    assert_eq!(prompts_raised(&session), 0);
}

/// The key lies sealed beside the tokens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_survives_a_restart_and_ends_with_the_session() {
    let (mut till, _session) = bound().signed_in().await;
    till.pass(A_WHILE).await;
    let session = till.restart().await.unwrap();
    till.assert_sells(&session).await;
    till.pass(TOKEN_LIFE * 95 / 100).await;
    till.assert_sells(&session).await;
    assert_eq!((till.prompts(), till.control().observations().tokens_rejected.len()), (1, 0));
    till.wait_for(session.sign_out()).await.unwrap();
    assert!(till.credential_files().await.is_empty());
}

/// A void session comes back by its device key, and the new tokens are bound as the old ones were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_device_key_brings_is_bound_too() {
    let setup = Setup::new().profile(|profile| {
        profile.dpop = Dpop::Required;
        profile.enroll_device_key = true;
    });
    let (till, session) = setup.signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    till.control().change_secret(false);
    till.control().wipe_sessions();
    till.pass(Duration::from_secs(1)).await;
    let _held = till.call(&session).await;
    till.pass(Duration::from_secs(600)).await;
    till.assert_sells(&session).await;
    assert_eq!((till.total(Endpoint::JwtBearer), till.prompts()), (1, 1), "{:?}", codes(&session));
    assert_eq!(session.access_token().await.unwrap().token_type(), "DPoP");
}

/// An app with an HTTP client of its own asks for the proof.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_sends_by_itself_is_given_proofs() {
    let till = with_nonces().await;
    let session = till.sign_in("ada").await;
    let url = till.server.url().join("/api/me").unwrap();
    let token = session.access_token().await.unwrap();
    let send = async || {
        let proof = session.dpop_proof(&token, &Method::GET, &url).unwrap();
        by_hand(
            &till,
            "/api/me",
            &[("authorization", &format!("DPoP {}", token.expose())), ("dpop", proof.to_str().unwrap())],
        )
        .await
    };
    let (status, headers) = send().await;
    assert_eq!(status, 401);
    let mut refused = http::Response::builder().status(status).body(bytes::Bytes::new()).unwrap();
    *refused.headers_mut() = headers;
    session.report_rejection(&token, &url, &refused);
    till.settle().await;
    assert_eq!(send().await.0, 200, "with the nonce that was told");
    assert!(is_signed_in(&session));
    let (bearer, session) = Till::signed_in().await;
    let token = session.access_token().await.unwrap();
    assert!(session.dpop_proof(&token, &Method::GET, &url).is_none());
    drop(bearer);
}

// ---- attacks ----------------------------------------------------------------------------------------------------------

/// A request of somebody who is not the SDK.
async fn by_hand(till: &Till, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap) {
    let mut request = till.request("GET", path);
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    let outbound = Outbound { request, connection: ConnectionWish::Any, lane: Lane::App, body_limit: 1 << 20 };
    let response = network().send(outbound).await.unwrap().response;
    (response.status().as_u16(), response.headers().clone())
}

async fn presenting(till: &Till, token: &str, proof: &HeaderValue) -> u16 {
    let authorization = format!("DPoP {token}");
    by_hand(till, "/api/me", &[("authorization", &authorization), ("dpop", proof.to_str().unwrap())]).await.0
}

fn proof(till: &Till, session: &Session, method: &Method, path: &str) -> (String, HeaderValue) {
    let url: Url = till.server.url().join(path).unwrap();
    let token = futures_util::FutureExt::now_or_never(session.access_token()).unwrap().unwrap();
    (token.expose().to_owned(), session.dpop_proof(&token, method, &url).unwrap())
}

/// Somebody records a request, proof and all, and sends it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_request_is_good_once() {
    let (till, session) = bound().signed_in().await;
    till.wire.forget();
    till.assert_sells(&session).await;
    let recorded = till.wire.sent().into_iter().find(|sent| sent.is_to("/api/me")).unwrap();
    let token = recorded.authorization.unwrap();
    let token = token.strip_prefix("DPoP ").unwrap();
    assert_eq!(presenting(&till, token, &recorded.headers["dpop"]).await, 401);
    assert_eq!(till.control().observations().replayed_proofs, 1);
    // The negative control: a proof that nobody used, which only the session can make. And bearer tokens, which anybody can
    // send as often as they like.
    let (token, fresh) = proof(&till, &session, &Method::GET, "/api/me");
    assert_eq!(presenting(&till, &token, &fresh).await, 200);
    let (till, session) = Till::signed_in().await;
    till.wire.forget();
    till.assert_sells(&session).await;
    let recorded = till.wire.sent().into_iter().find(|sent| sent.is_to("/api/me")).unwrap();
    assert_eq!(by_hand(&till, "/api/me", &[("authorization", &recorded.authorization.unwrap())]).await.0, 200);
}

/// Somebody has a token, and a key and proofs of their own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_worth_nothing_under_another_key_or_none() {
    let till = bound().till().await;
    let (ada, grace) = (till.sign_in("ada").await, till.sign_in("grace").await);
    let (hers, _) = proof(&till, &ada, &Method::GET, "/api/me");
    let (_, another) = proof(&till, &grace, &Method::GET, "/api/me");
    // Made for another token: `ath` is wrong. And by another key.
    assert_eq!(presenting(&till, &hers, &another).await, 401);
    let url = till.server.url().join("/api/me").unwrap();
    let thief = mainstay::oauth::DpopKey::from_bytes(&[9; 32]).unwrap();
    let secret = mainstay::Secret::from_text(&hers);
    let now_ms = till.control().clock().now_ms;
    let claims = |id| mainstay::oauth::DpopProof {
        method: &Method::GET,
        url: &url,
        id: [id; 16],
        now_ms,
        clock_offset_ms: 0,
        access_token: Some(&secret),
        nonce: None,
    };
    assert_eq!(presenting(&till, &hers, &thief.prove(&claims(1)).unwrap()).await, 401);
    // As a bearer token.
    assert_eq!(by_hand(&till, "/api/me", &[("authorization", &format!("Bearer {hers}"))]).await.0, 401);
    // For another request than the proof's.
    let (hers, elsewhere) = proof(&till, &ada, &Method::GET, "/api/catalogue");
    assert_eq!(presenting(&till, &hers, &elsewhere).await, 401);
    let (hers, other_method) = proof(&till, &ada, &Method::POST, "/api/me");
    assert_eq!(presenting(&till, &hers, &other_method).await, 401);
    // The negative control.
    let (hers, own) = proof(&till, &ada, &Method::GET, "/api/me");
    assert_eq!(presenting(&till, &hers, &own).await, 200);
}

/// Somebody has a refresh token: without the key it brings nothing, and the session does not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stolen_refresh_token_brings_nothing_without_the_key() {
    for (setup, status) in [(bound(), 400), (Setup::new(), 200)] {
        let (till, session) = setup.signed_in().await;
        till.wire.forget();
        till.pass(TOKEN_LIFE * 95 / 100).await;
        let spent = till.wire.sent().into_iter().find(|sent| sent.is_to("/token")).unwrap();
        till.pass(TOKEN_LIFE * 95 / 100).await;
        let latest = till.wire.sent().into_iter().rfind(|sent| sent.is_to("/token")).unwrap();
        assert_ne!(spent.body, latest.body);
        // Held by the till and never sent yet: what a thief reads from its memory.
        let reuse = till.control().observations().reuse_detections;
        let stolen = stolen_refresh_token(&till, &session).await;
        let mut request = till.request("POST", "/token");
        *request.body_mut() = stolen.into();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert("content-type", form);
        let outbound = Outbound { request, connection: ConnectionWish::Any, lane: Lane::App, body_limit: 1 << 20 };
        let answer = network().send(outbound).await.unwrap().response;
        assert_eq!(answer.status().as_u16(), status);
        if status == 400 {
            till.pass(TOKEN_LIFE * 95 / 100).await;
            till.assert_sells(&session).await;
            assert_eq!((till.control().observations().reuse_detections, till.prompts()), (reuse, 1));
        }
    }
}

/// The body of the refresh request that the till would send next.
async fn stolen_refresh_token(till: &Till, session: &Session) -> String {
    till.control().set_fault(Fault::status(503).at(Endpoint::Refresh).times(1)).unwrap();
    till.wire.forget();
    while !till.wire.sent().iter().any(|sent| sent.is_to("/token")) {
        till.pass(Duration::from_secs(30)).await;
    }
    assert!(is_signed_in(session));
    let sent = till.wire.sent().into_iter().rfind(|sent| sent.is_to("/token")).unwrap();
    String::from_utf8(sent.body.to_vec()).unwrap()
}
