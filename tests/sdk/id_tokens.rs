//! Which ID tokens are believed (OpenID Connect Core 1.0 section 3.1.3.7), and what becomes of a session where none can be.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use mainstay::{Error, ForeignBy, Probe, Session, State};
use mainstay_mock_server::{Body, Endpoint, Fault, FaultKind};
use serde_json::{Value, json};

use crate::{
    forger::{self, Forged, Forger},
    till::{Setup, TOKEN_LIFE, Till, codes, is_signed_in, noted, prompts_raised},
};

const MINUTE: Duration = Duration::from_secs(60);

async fn forging() -> (Till, Forger) {
    forging_on(Setup::new()).await
}

async fn forging_on(setup: Setup) -> (Till, Forger) {
    let forger = Forger::default();
    let over = forger.clone();
    (setup.network(move |network| over.over(network)).till().await, forger)
}

async fn sign_in(till: &Till) -> Result<Session, Error> {
    till.control().script_sign_in("ada");
    let result = till.wait_for(till.client.sign_in(&till.browser())).await;
    till.settle().await;
    result
}

/// What becomes of a sign-in whose ID token is changed like this, and signed by a key that the server vouches for.
async fn signs_in_with(change: impl Fn(&mut Forged) + Send + 'static) -> Result<Session, Error> {
    let (till, forger) = forging().await;
    forger.trusted(change);
    let result = sign_in(&till).await;
    assert_eq!(till.credential_files().await.len(), usize::from(result.is_ok()), "what is refused is not kept");
    result
}

fn quarantined_by(session: &Session) -> Option<ForeignBy> {
    match session.state().state {
        State::Quarantined { incident, .. } => Some(incident),
        _ => None,
    }
}

fn is_trouble(error: &Error) -> bool {
    matches!(error, Error::TryLater { .. })
}

// ---- a sign-in ----------------------------------------------------------------------------------------------------

/// The control of everything below: the forger changes nothing, and its key is the server's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_token_that_the_server_vouches_for_is_believed() {
    let session = signs_in_with(|_| {}).await.unwrap();
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
    // Who it says, and nobody else: the claims are what counts, not what the server meant.
    let (till, forger) = forging_on(Setup::new().profile(|profile| profile.probe = Probe::None)).await;
    forger.trusted(|token| token.claims["sub"] = json!("grace"));
    assert_eq!(sign_in(&till).await.unwrap().identity().unwrap().subject.as_deref(), Some("grace"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_asks_nobody_else_if_its_id_token_is_proven() {
    let (till, _session) = Till::signed_in().await;
    assert_eq!((till.total(Endpoint::Jwks), till.total(Endpoint::Me), till.total(Endpoint::Userinfo)), (1, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_token_of_another_issuer_signs_nobody_in() {
    for iss in [json!("https://evil.example"), json!(null)] {
        let result = signs_in_with(move |token| token.claims["iss"] = iss.clone()).await;
        assert_eq!(result.unwrap_err(), Error::IdentityMismatch);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_token_for_another_client_signs_nobody_in() {
    for (claim, value) in [("aud", json!("other")), ("aud", json!(null)), ("azp", json!("other"))] {
        let result = signs_in_with(move |token| token.claims[claim] = value.clone()).await;
        assert_eq!(result.unwrap_err(), Error::IdentityMismatch, "{claim}");
    }
}

/// A code that was put in place of ours brings tokens of another sign-in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_token_of_another_sign_in_signs_nobody_in() {
    for nonce in [json!("another"), json!(null)] {
        let result = signs_in_with(move |token| token.claims["nonce"] = nonce.clone()).await;
        assert_eq!(result.unwrap_err(), Error::IdentityMismatch);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_token_without_a_subject_signs_nobody_in() {
    for sub in [json!(null), json!(""), json!(7)] {
        let result = signs_in_with(move |token| token.claims["sub"] = sub.clone()).await;
        assert_eq!(result.unwrap_err(), Error::IdentityMismatch);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_token_without_times_or_of_another_time_signs_nobody_in() {
    for (claim, value) in
        [("iat", json!(null)), ("exp", json!(null)), ("exp", json!(1)), ("iat", json!(u64::from(u32::MAX)))]
    {
        let result = signs_in_with(move |token| token.claims[claim] = value.clone()).await;
        assert!(is_trouble(&result.unwrap_err()), "{claim}");
    }
}

/// 1. Somebody swaps the access token of an answer. 2. The ID token's hash tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_access_token_that_was_swapped_signs_nobody_in() {
    let result = signs_in_with(|token| token.answer["access_token"] = json!("another-access-token")).await;
    assert!(is_trouble(&result.unwrap_err()));
    // The negative control: the hash is optional, and without one nothing tells.
    let session = signs_in_with(|token| {
        token.answer["access_token"] = json!("another-access-token");
        token.claims.as_object_mut().unwrap().remove("at_hash");
    });
    assert!(session.await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_that_is_not_the_server_s_signs_nobody_in() {
    let result = signs_in_with(|token| {
        token.sign = |input| {
            let mut signature = forger::signature(input);
            signature[10] ^= 1;
            signature
        };
    });
    assert!(is_trouble(&result.await.unwrap_err()));
    // The server's own name over the forger's signature.
    let (till, forger) = forging().await;
    forger.tokens(|token| {
        let own = token.answer["id_token"].as_str().unwrap().split('.').next().unwrap();
        token.header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(own).unwrap()).unwrap();
    });
    assert!(is_trouble(&sign_in(&till).await.unwrap_err()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsigned_id_token_signs_nobody_in() {
    for alg in ["none", "None", "HS256"] {
        let result = signs_in_with(move |token| token.header["alg"] = json!(alg)).await;
        assert!(matches!(result, Err(Error::Misconfigured(_))), "{alg}: {result:?}");
    }
    let result = signs_in_with(|token| token.header["crit"] = json!(["exp"])).await;
    assert!(matches!(result, Err(Error::Misconfigured(_))), "{result:?}");
}

/// An algorithm of another type of key than the one that the token names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_algorithm_that_is_not_the_key_s_signs_nobody_in() {
    for alg in ["RS256", "PS256", "EdDSA"] {
        let result = signs_in_with(move |token| token.header["alg"] = json!(alg)).await;
        assert!(is_trouble(&result.unwrap_err()), "{alg}");
    }
    let (till, forger) = forging().await;
    forger.tokens(|_| {});
    forger.keys(|keys| {
        let mut key = forger::public_key();
        key["use"] = json!("enc");
        keys["keys"].as_array_mut().unwrap().push(key);
    });
    assert!(is_trouble(&sign_in(&till).await.unwrap_err()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_names_no_key_is_compared_with_every_key() {
    let nameless = |token: &mut Forged| drop(token.header.as_object_mut().unwrap().remove("kid"));
    signs_in_with(nameless).await.unwrap();
    let (till, forger) = forging().await;
    forger.tokens(nameless);
    assert!(is_trouble(&sign_in(&till).await.unwrap_err()), "by none of the server's keys");
}

// ---- keys that come, go and cannot be had -----------------------------------------------------------------------------

/// 1. The keys are read at the sign-in. 2. The server signs with a new one. 3. The next token names a key that nobody knows yet:
/// the keys are read again, once, and the token is believed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_new_is_read_once_and_believed() {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    let asked = till.total(Endpoint::Me);
    till.control().rotate_jwks(true);
    till.pass(TOKEN_LIFE * 95 / 100).await;
    assert_eq!((till.total(Endpoint::Refresh), till.total(Endpoint::Jwks)), (1, 2));
    assert_eq!(till.total(Endpoint::Me), asked, "the ID token was enough");
    till.assert_sells(&session).await;
}

/// A server that names a key which it does not publish: its keys are read once a minute at most, and the probe says whose the
/// tokens are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_nobody_knows_costs_one_reading_a_minute() {
    let (till, forger) = forging().await;
    forger.tokens(|_| {});
    let session = sign_in(&till).await.unwrap();
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
    assert_eq!((till.total(Endpoint::Jwks), till.total(Endpoint::Me)), (1, 1));
    for person in ["grace", "linus"] {
        till.control().script_sign_in(person);
        let _unproven = till.wait_for(till.client.sign_in(&till.browser())).await.unwrap();
    }
    till.settle().await;
    assert_eq!(till.total(Endpoint::Jwks), 1, "within a minute");
    till.pass(MINUTE).await;
    let _again = till.wait_for(till.client.sign_in(&till.browser())).await.unwrap();
    assert_eq!(till.total(Endpoint::Jwks), 2);
}

/// The keys cannot be had. Nobody is signed out and nobody is asked to sign in: the probe says whose the tokens are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_cannot_be_had_sign_nobody_out() {
    for fault in [Fault::status(503), Fault::html(), Fault::json(200, r#"{"keys":[]}"#.to_owned()), Fault::status(404)]
    {
        let till = Till::new().await;
        till.control().set_fault(fault.at(Endpoint::Jwks)).unwrap();
        let session = till.sign_in("ada").await;
        assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
        assert_eq!(till.total(Endpoint::Me), 1, "asked instead");
        till.assert_sells(&session).await;
        till.pass(TOKEN_LIFE * 3).await;
        till.assert_sells(&session).await;
        assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0));
        assert!(till.total(Endpoint::Refresh) >= 3);
        assert_eq!(quarantined_by(&session), None);
    }
}

/// A server that never answers when it is asked for its keys: new credentials wait a few seconds for them, and no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_slow_delay_a_sign_in_by_seconds() {
    let till = Till::new().await;
    till.process.loses_what_it_sends_to("/jwks");
    let before = till.control().clock().now_ms;
    let session = till.sign_in("ada").await;
    let after = till.control().clock().now_ms;
    assert!(is_signed_in(&session) && after - before <= 11_000, "{} ms", after - before);
    // The negative control: the same for the token endpoint takes as long as a request may.
    till.process.loses_what_it_sends_to("/token");
    till.control().script_sign_in("grace");
    let _timeout = till.wait_for(till.client.sign_in(&till.browser())).await.unwrap_err();
    assert!(till.control().clock().now_ms - after >= 30_000);
}

/// Where nothing else can say whose tokens these are, TLS vouches for what comes straight from the token endpoint (OpenID
/// Connect Core 1.0 section 3.1.3.7, item 6).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_keys_and_without_a_probe_tls_vouches_for_the_token_endpoint() {
    let till = Setup::new().profile(|profile| profile.probe = Probe::None).till().await;
    till.control().set_fault(Fault::status(503).at(Endpoint::Jwks)).unwrap();
    let session = till.sign_in("ada").await;
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
    till.pass(TOKEN_LIFE * 95 / 100).await;
    assert_eq!(till.total(Endpoint::Refresh), 1);
    assert!(is_signed_in(&session) && session.access_token().await.is_ok(), "{:?}", codes(&session));
}

/// What an ID token says and nothing proves, the server must say too (section 5.3.2).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_who_am_i_that_contradicts_an_unproven_id_token_signs_nobody_in() {
    let till = Till::new().await;
    till.control().set_fault(Fault::status(503).at(Endpoint::Jwks)).unwrap();
    till.control().set_fault(Fault::foreign_identity("grace").at(Endpoint::Me)).unwrap();
    assert_eq!(sign_in(&till).await.unwrap_err(), Error::IdentityMismatch);
}

/// The keys are kept as HTTP says: for as long as the server says, and then they are asked for by their tag.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_kept_for_as_long_as_the_server_says() {
    let till = Till::new().await;
    let keys: Value = {
        let answer = jwks(&till).await;
        serde_json::from_slice(answer.response.body()).unwrap()
    };
    let cached = FaultKind::Body {
        status: 200,
        content_type: "application/json".to_owned(),
        body: Body::Text(keys.to_string()),
        headers: [("cache-control".to_owned(), "max-age=600".to_owned())].into(),
    };
    till.control().set_fault(Fault::new(cached).at(Endpoint::Jwks)).unwrap();
    let read = || till.total(Endpoint::Jwks) - 1;
    let _ada = till.sign_in("ada").await;
    assert_eq!(read(), 1);
    till.pass(Duration::from_secs(580)).await;
    let _grace = till.sign_in("grace").await;
    assert_eq!(read(), 1, "fresh");
    till.pass(Duration::from_secs(30)).await;
    let _linus = till.sign_in("linus").await;
    assert_eq!(read(), 2, "stale");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_have_not_changed_are_not_sent_again() {
    let (till, _ada) = Till::signed_in().await;
    till.wire.forget();
    till.pass(Duration::from_secs(7200)).await;
    let asked: Vec<_> = till.wire.sent().into_iter().filter(|sent| sent.is_to("/jwks")).collect();
    assert_eq!(asked.len(), 1, "an hour has passed, and nobody said how long keys are good");
    assert!(asked[0].headers.contains_key("if-none-match"));
    let seen = till.control().observations();
    assert_eq!((seen.answered(Endpoint::Jwks, 200), seen.answered(Endpoint::Jwks, 304)), (1, 1));
    let _grace = till.sign_in("grace").await;
    assert_eq!((till.total(Endpoint::Jwks), till.total(Endpoint::Me)), (2, 0), "what was confirmed is believed");
}

async fn jwks(till: &Till) -> mainstay::host::Inbound {
    use mainstay::host::{ConnectionWish, Lane, Outbound};
    let request = till.request("GET", "/jwks");
    let outbound = Outbound { request, connection: ConnectionWish::Any, lane: Lane::Own, body_limit: 1 << 20 };
    crate::till::network().send(outbound).await.unwrap()
}

// ---- a renewal --------------------------------------------------------------------------------------------------------

/// A session, and what becomes of it when a renewal's ID token is changed like this.
async fn renewed_with(change: impl Fn(&mut Forged) + Send + 'static) -> (Till, Session) {
    let (till, forger) = forging().await;
    forger.trusted(|_| {});
    let session = sign_in(&till).await.unwrap();
    till.assert_sells(&session).await;
    forger.tokens(change);
    till.pass(TOKEN_LIFE * 95 / 100).await;
    assert!(till.total(Endpoint::Refresh) > 0);
    (till, session)
}

/// What is forged is refused, and destroys nothing: the session lives on what it has, and renews itself as soon as it can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_with_a_forged_signature_is_refused_and_destroys_nothing() {
    let setup = Setup::new().server(|server| server.profile(mainstay_mock_server::Rotation::UntilUsed));
    let (till, forger) = forging_on(setup).await;
    forger.trusted(|_| {});
    let session = sign_in(&till).await.unwrap();
    till.assert_sells(&session).await;
    let before = till.credential_files().await;
    forger.tokens(|token| token.sign = |_| vec![1; 64]);
    till.pass(TOKEN_LIFE * 95 / 100).await;
    assert!(till.total(Endpoint::Refresh) > 0);
    assert_eq!(till.credential_files().await, before);
    assert_eq!((quarantined_by(&session), prompts_raised(&session)), (None, 0), "{:?}", codes(&session));
    forger.tokens(|_| {});
    till.pass(TOKEN_LIFE).await;
    till.assert_sells(&session).await;
    assert_eq!(till.prompts(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_names_another_issuer_or_client_is_somebody_elses() {
    for claim in ["iss", "aud"] {
        let (_till, session) = renewed_with(move |token| token.claims[claim] = json!("https://evil.example")).await;
        assert_eq!(quarantined_by(&session), Some(ForeignBy::TokenResponse), "{claim} {:?}", codes(&session));
    }
}

/// What is only wrong is left to the probe: a renewal must not be thrown away because a clock is off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_whose_id_token_is_merely_wrong_is_left_to_the_probe() {
    for change in [
        |token: &mut Forged| token.claims["exp"] = json!(1),
        |token: &mut Forged| token.claims["sub"] = json!(null),
        |token: &mut Forged| token.answer["id_token"] = json!("no token"),
    ] {
        let (till, session) = renewed_with(change).await;
        till.assert_sells(&session).await;
        assert_eq!((till.total(Endpoint::Refresh), prompts_raised(&session)), (1, 0));
        assert!(noted(&session, "evidence.probe_accepted") > 0, "{:?}", codes(&session));
    }
}
