//! Access tokens for other audiences, with other scopes, or with some life left. What is wrong with one of them is no
//! matter of the session's.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use mainstay::{
    Error, RefreshIdentity, Session,
    driver::{AccessToken, TokenRequest},
};
use mainstay_mock_server::{Endpoint, Fault};
use tokio::task::JoinHandle;

use crate::till::{A_WHILE, Setup, TOKEN_LIFE, Till, codes, generation, is_signed_in, noted, prompts_raised};

const STOCK: &str = "https://stock.example";
const LOYALTY: &str = "https://loyalty.example";
const MINUTE: Duration = Duration::from_secs(60);

fn for_audience(audience: &str) -> TokenRequest {
    TokenRequest { audience: Some(audience.to_owned()), ..TokenRequest::default() }
}

fn with_scopes(scopes: &[&str]) -> TokenRequest {
    TokenRequest { scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(), ..TokenRequest::default() }
}

fn that_lives(min_remaining: Duration) -> TokenRequest {
    TokenRequest { min_remaining, ..TokenRequest::default() }
}

async fn ask(till: &Till, session: &Session, request: &TokenRequest) -> Result<AccessToken, Error> {
    till.wait_for(session.access_token_for(request)).await
}

/// Asks in a task of its own, which counts as under way.
fn start_asking(till: &Till, session: &Session, request: TokenRequest) -> JoinHandle<Result<AccessToken, Error>> {
    let (activity, session) = (till.activity.clone(), session.clone());
    tokio::spawn(async move { activity.follow(async { session.access_token_for(&request).await }).await })
}

/// Whom the token says it is for.
fn named_audience(token: &AccessToken) -> String {
    let payload = token.expose().split('.').nth(1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["aud"].as_str().unwrap().to_owned()
}

fn refusal(code: &str) -> Fault {
    Fault::json(400, format!(r#"{{"error":"{code}"}}"#)).at(Endpoint::Refresh)
}

/// A token endpoint that gives whatever it likes, whatever it is asked for.
fn grant(scope: &str, expires_in: u64) -> Fault {
    let answer = serde_json::json!({
        "access_token": "a-token-of-the-servers-choice", "token_type": "Bearer", "scope": scope,
        "expires_in": expires_in,
    });
    Fault::json(200, answer.to_string()).at(Endpoint::Refresh)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_for_another_audience_is_fetched_once_and_kept() {
    let (mut till, session) = Till::signed_in().await;
    let own = session.access_token().await.unwrap();
    let stock = ask(&till, &session, &for_audience(STOCK)).await.unwrap();
    assert_eq!((stock.audience(), named_audience(&stock).as_str()), (Some(STOCK), STOCK));
    assert_eq!(session.access_token().await.unwrap().expose(), own.expose(), "the session's own is the one it was");
    let session = till.restart().await.unwrap();
    assert_eq!(ask(&till, &session, &for_audience(STOCK)).await.unwrap().expose(), stock.expose());
    assert_eq!(till.total(Endpoint::Refresh), 1);
    till.assert_sells(&session).await;
}

/// 1. Two parts of the app ask for tokens for two audiences. 2. The first request holds the account's lock; the second
/// waits. 3. The first brings a newer generation. 4. The second finds that one under the lock: it holds a token for the
/// other audience, and none for its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_callers_for_two_audiences_get_theirs_one_after_the_other() {
    let (till, session) = Till::signed_in().await;
    till.control().hold(Endpoint::Refresh);
    let stock = start_asking(&till, &session, for_audience(STOCK));
    let loyalty = start_asking(&till, &session, for_audience(LOYALTY));
    till.control().wait_for_held(1).await;
    till.settle().await;
    assert_eq!(till.control().observations().held, 1, "one request at a time");
    till.control().clear_faults();
    let stock = till.wait_for(stock).await.unwrap().unwrap();
    let loyalty = till.wait_for(loyalty).await.unwrap().unwrap();
    assert_eq!((named_audience(&stock).as_str(), named_audience(&loyalty).as_str()), (STOCK, LOYALTY));
    assert_eq!(till.total(Endpoint::Refresh), 2);
    assert_eq!(till.control().observations().reuse_detections, 0);
    till.assert_sells(&session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_callers_for_one_audience_cause_one_request() {
    let (till, session) = Till::signed_in().await;
    till.control().hold(Endpoint::Refresh);
    let callers: Vec<_> = (0..50).map(|_| start_asking(&till, &session, for_audience(STOCK))).collect();
    till.control().wait_for_held(1).await;
    till.settle().await;
    till.control().clear_faults();
    for caller in callers {
        assert_eq!(named_audience(&till.wait_for(caller).await.unwrap().unwrap()), STOCK);
    }
    assert_eq!(till.total(Endpoint::Refresh), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_cancels_no_request_for_another_audience() {
    let (till, session) = Till::signed_in().await;
    till.control().hold(Endpoint::Refresh);
    let caller = start_asking(&till, &session, for_audience(STOCK));
    till.control().wait_for_held(1).await;
    till.settle().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    till.control().clear_faults();
    till.settle().await;
    ask(&till, &session, &for_audience(STOCK)).await.unwrap();
    assert_eq!(till.total(Endpoint::Refresh), 1);
}

/// 1. The app asks for another audience's token, and the server takes its time. 2. The session's own renewal comes due and
/// waits for the lock. 3. It finds a newer generation there, with the very token that it is to replace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_behind_another_audiences_request_still_renews() {
    let (till, session) = Till::signed_in().await;
    let own = session.access_token().await.unwrap();
    till.control().hold(Endpoint::Refresh);
    let stock = start_asking(&till, &session, for_audience(STOCK));
    till.control().wait_for_held(1).await;
    till.settle().await;
    session.try_now().await.unwrap();
    till.settle().await;
    till.control().clear_faults();
    till.wait_for(stock).await.unwrap().unwrap();
    till.settle().await;
    assert_eq!(till.total(Endpoint::Refresh), 2, "{:?}", codes(&session));
    assert_ne!(session.access_token().await.unwrap().expose(), own.expose());
    assert_eq!(noted(&session, "evidence.malformed"), 0, "{:?}", codes(&session));
    assert_eq!(till.control().observations().reuse_detections, 0);
    till.assert_sells(&session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_for_another_audience_is_no_word_about_the_session() {
    for code in ["invalid_target", "invalid_scope", "invalid_grant", "invalid_request", "access_denied"] {
        let (till, session) = Till::signed_in().await;
        let own = session.access_token().await.unwrap();
        let before = till.keepsake().await;
        till.control().set_fault(refusal(code)).unwrap();

        let refused = ask(&till, &session, &for_audience(STOCK)).await.unwrap_err();

        assert!(matches!(&refused, Error::Misconfigured(text) if text.contains(STOCK)), "{code}: {refused:?}");
        assert!(is_signed_in(&session), "{code}: {:?}", codes(&session));
        assert_eq!(session.access_token().await.unwrap().expose(), own.expose(), "{code}");
        assert_eq!(till.keepsake().await, before, "{code}");
        till.control().clear_faults();
        ask(&till, &session, &for_audience(LOYALTY)).await.unwrap_or_else(|error| panic!("{code}: {error}"));
        till.pass(TOKEN_LIFE * 2).await;
        till.assert_sells(&session).await;
        assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_in_trouble_is_tried_again_later_for_other_audiences_too() {
    let (till, session) = Till::signed_in().await;
    till.control().set_fault(Fault::status(503).at(Endpoint::Refresh)).unwrap();
    let refused = ask(&till, &session, &for_audience(STOCK)).await.unwrap_err();
    assert!(matches!(refused, Error::TryLater { .. }), "{refused}");
    for _ in 0..10 {
        assert!(matches!(ask(&till, &session, &for_audience(STOCK)).await, Err(Error::TryLater { .. })));
    }
    assert_eq!(till.total(Endpoint::Refresh), 1, "an app that loops loads nobody");
    till.control().clear_faults();
    till.pass(Duration::from_secs(20)).await;
    ask(&till, &session, &for_audience(STOCK)).await.unwrap();
    till.assert_sells(&session).await;
}

/// Asks every ten seconds for as long as the session's own token needs no renewal, and returns the last answer.
async fn ask_again_and_again(till: &Till, session: &Session, request: &TokenRequest) -> Error {
    let mut latest = ask(till, session, request).await.unwrap_err();
    for _ in 0..30 {
        till.pass(Duration::from_secs(10)).await;
        latest = ask(till, session, request).await.unwrap_err();
    }
    latest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_asks_for_a_refused_audience_costs_one_request() {
    let (till, session) = Till::signed_in().await;
    till.control().set_fault(refusal("invalid_target")).unwrap();
    let answer = ask_again_and_again(&till, &session, &for_audience(STOCK)).await;
    assert!(matches!(&answer, Error::Misconfigured(text) if text.contains(STOCK)), "{answer:?}");
    assert_eq!(till.total(Endpoint::Refresh), 1);
    till.control().clear_faults();
    till.pass(MINUTE * 61).await;
    ask(&till, &session, &for_audience(STOCK)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_asks_for_more_life_than_the_server_gives_costs_one_request() {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    let too_much = that_lives(TOKEN_LIFE + Duration::from_secs(1));
    let answer = ask_again_and_again(&till, &session, &too_much).await;
    assert!(matches!(&answer, Error::Misconfigured(text) if text.contains("900 s")), "{answer:?}");
    assert_eq!(till.total(Endpoint::Refresh), 1);
    assert!(is_signed_in(&session));
    till.assert_sells(&session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_asks_for_more_life_for_another_audience_costs_one_more_request() {
    let (till, session) = Till::signed_in().await;
    let too_much = TokenRequest { min_remaining: TOKEN_LIFE * 2, ..for_audience(STOCK) };
    let answer = ask_again_and_again(&till, &session, &too_much).await;
    assert!(matches!(&answer, Error::Misconfigured(text) if text.contains("900 s")), "{answer:?}");
    assert_eq!(till.total(Endpoint::Refresh), 1);
    ask(&till, &session, &for_audience(STOCK)).await.unwrap();
    assert_eq!(till.total(Endpoint::Refresh), 1, "what did come is as good as any for who asks for less");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_has_just_come_is_not_renewed_for_a_little_more_life() {
    let (till, session) = Till::signed_in().await;
    let nearly_all = that_lives(TOKEN_LIFE - Duration::from_secs(30));
    ask(&till, &session, &nearly_all).await.unwrap();
    till.pass(MINUTE).await;
    let later = ask(&till, &session, &nearly_all).await.unwrap_err();
    assert!(matches!(later, Error::TryLater { cause: None, retry_after } if retry_after <= MINUTE), "{later:?}");
    assert_eq!(till.total(Endpoint::Refresh), 0);
    till.pass(MINUTE).await;
    ask(&till, &session, &nearly_all).await.unwrap();
    assert_eq!(till.total(Endpoint::Refresh), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_that_asks_for_scopes_that_are_refused_or_left_out_costs_one_request() {
    for answer in [refusal("invalid_scope"), grant("openid pos", 900)] {
        let inherited = Setup::new().profile(|profile| profile.refresh_identity = RefreshIdentity::Inherited);
        let (till, session) = inherited.signed_in().await;
        till.control().set_fault(answer).unwrap();
        let answer = ask_again_and_again(&till, &session, &with_scopes(&["admin"])).await;
        assert!(matches!(&answer, Error::Misconfigured(text) if text.contains("admin")), "{answer:?}");
        assert_eq!(till.total(Endpoint::Refresh), 1);
        assert!(is_signed_in(&session));
    }
}

/// An app that is wrong in many ways at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_through_ever_new_audiences_costs_at_most_twelve_requests_an_hour() {
    let (till, session) = Till::signed_in().await;
    session.network_changed(false);
    till.control().set_fault(refusal("invalid_target")).unwrap();
    for number in 0..60 {
        let refused = ask(&till, &session, &for_audience(&format!("https://{number}.example"))).await.unwrap_err();
        assert!(matches!(refused, Error::Misconfigured(_) | Error::TryLater { .. }), "{refused}");
        till.pass(Duration::from_secs(5)).await;
    }
    assert_eq!(till.total(Endpoint::Refresh), 12);
}

/// What was refused to one person says nothing about the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_asks_anew_for_what_was_refused_before() {
    let (till, session) = Till::signed_in().await;
    till.control().set_fault(refusal("invalid_target")).unwrap();
    ask(&till, &session, &for_audience(STOCK)).await.unwrap_err();
    till.control().clear_faults();
    let before = generation(&session);
    till.sign_in_again(&session, "ada").await.unwrap();
    assert!(generation(&session) > before);
    ask(&till, &session, &for_audience(STOCK)).await.unwrap();
}

fn rejection() -> http::Response<bytes::Bytes> {
    let header = ("www-authenticate", r#"Bearer error="invalid_token""#);
    http::Response::builder().status(401).header(header.0, header.1).body(bytes::Bytes::new()).unwrap()
}

/// The stock server took it for void. Whoever asks next gets another one, and the session has nothing to do with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_token_of_another_audience_is_not_handed_out_again() {
    let (till, session) = Till::signed_in().await;
    let stock = ask(&till, &session, &for_audience(STOCK)).await.unwrap();
    let loyalty = ask(&till, &session, &for_audience(LOYALTY)).await.unwrap();
    till.pass(A_WHILE).await;
    let url = url::Url::parse(STOCK).unwrap();
    session.report_rejection(&stock, &url, &rejection());
    let next = ask(&till, &session, &for_audience(STOCK)).await.unwrap();
    assert_ne!(next.expose(), stock.expose());
    assert_eq!(ask(&till, &session, &for_audience(LOYALTY)).await.unwrap().expose(), loyalty.expose());
    assert!(is_signed_in(&session) && session.access_token().await.is_ok());
    till.assert_sells(&session).await;
}

/// A server that rejects whatever it is given costs a bounded number of requests, and the app is told to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_rejects_every_token_of_another_audience_costs_few_requests() {
    let (till, session) = Till::signed_in().await;
    let url = url::Url::parse(STOCK).unwrap();
    let before = till.total(Endpoint::Refresh);
    for _ in 0..120 {
        match ask(&till, &session, &for_audience(STOCK)).await {
            Ok(token) => assert!(session.report_rejection(&token, &url, &rejection()).accuses_token()),
            Err(error) => assert!(matches!(error, Error::TryLater { .. }), "{error}"),
        }
        till.pass(Duration::from_secs(30)).await;
    }
    // The session renews its own token besides, at most five times in this hour.
    let asked = till.total(Endpoint::Refresh) - before;
    assert!(asked <= 13 + 5, "{asked}");
    assert!(is_signed_in(&session));
}
