//! Signing in with a browser: what is asked of the server, what comes back, and what is refused.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use mainstay::{
    Error, Session,
    driver::{Browser, BrowserError},
    host::BoxFuture,
    oauth::{PENDING_SIGN_IN_LIFETIME, SignInOptions},
};
use mainstay_mock_server::{Endpoint, Fault, PushedRequests};
use serde_json::{Value, json};
use url::Url;

use crate::{
    browser::ScriptedBrowser,
    till::{Setup, Till, is_signed_in},
};

/// What the browser was sent to, parameter by parameter.
fn asked(browser: &ScriptedBrowser) -> Vec<BTreeMap<String, String>> {
    browser.visited().iter().map(|url| url.query_pairs().into_owned().collect()).collect()
}

/// Signs ada in, and returns what was asked for.
async fn asked_for(till: &Till) -> BTreeMap<String, String> {
    let browser = till.browser();
    till.control().script_sign_in("ada");
    till.wait_for(till.client.sign_in(&browser)).await.unwrap();
    till.settle().await;
    asked(&browser).remove(0)
}

/// Somebody between the server and the app, or a server of somebody else's.
struct Tampering<F> {
    browser: ScriptedBrowser,
    change: F,
}

impl<F: Fn(Url) -> Url + Send + Sync> Browser for Tampering<F> {
    fn visit(&self, url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        Box::pin(async move { Ok((self.change)(self.browser.visit(url).await?)) })
    }
}

fn with_parameter(url: &Url, name: &str, value: Option<&str>) -> Url {
    let kept: Vec<_> = url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
    let mut changed = url.clone();
    changed.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(value.map(|value| (name, value)));
    changed
}

/// Another discovery document, with a member changed.
fn discovery(till: &Till, changes: &[(&str, Value)]) {
    let at = |path: &str| till.server.url().join(path).unwrap().to_string();
    let mut document = json!({
        "issuer": till.server.issuer(),
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "revocation_endpoint": at("/revoke"),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    for (name, value) in changes {
        document[*name] = value.clone();
    }
    till.control().set_fault(Fault::json(200, document.to_string()).at(Endpoint::Discovery)).unwrap();
}

// ---- who left, and who comes back --------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_sign_out_the_server_is_asked_to_ask() {
    let mut till = Till::new().await;
    let first = asked_for(&till).await;
    assert!(!first.contains_key("prompt") && !first.contains_key("login_hint"), "{first:?}");
    till.wait_for(till.client.session().unwrap().sign_out()).await.unwrap();
    till.restart().await;
    assert_eq!(asked_for(&till).await["prompt"], "login", "also after a restart");
    // Whoever is here now has signed in: the browser may go on knowing them.
    assert!(!asked_for(&till).await.contains_key("prompt"));

    let account = till.client.session().unwrap().account_id();
    till.wait_for(till.client.remove_account(account)).await.unwrap();
    till.restart().await;
    assert_eq!(asked_for(&till).await["prompt"], "login", "after an account was removed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_back_finds_their_name_filled_in() {
    let (till, session) = Till::signed_in().await;
    let browser = till.browser();
    till.wait_for(session.sign_in_again(&browser)).await.unwrap();
    let first = asked(&browser).remove(0);
    assert_eq!((first["login_hint"].as_str(), first.get("prompt")), ("ada", None));
    // What the app says counts.
    till.pass(Duration::from_secs(60)).await;
    let options =
        SignInOptions { login_hint: Some("ada@shop".into()), prompt: Some("consent".into()), ..Default::default() };
    till.wait_for(session.sign_in_again_with(&browser, &options)).await.unwrap();
    let second = asked(&browser).remove(1);
    assert_eq!((second["login_hint"].as_str(), second["prompt"].as_str()), ("ada@shop", "consent"));

    till.pass(Duration::from_secs(60)).await;
    till.wait_for(session.sign_out()).await.unwrap();
    till.wait_for(session.sign_in_again(&browser)).await.unwrap();
    let third = asked(&browser).remove(2);
    assert_eq!((third["prompt"].as_str(), third.get("login_hint")), ("login", None), "nothing names who left");
}

// ---- pushed requests ---------------------------------------------------------------------------------------------------

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_can_be_pushed_is_not_in_the_browser() {
    for pushed in [PushedRequests::Offered, PushedRequests::Required] {
        let till = Till::new().await;
        till.control().reconfigure(|config| config.pushed_authorization_requests = pushed).unwrap();
        let asked = asked_for(&till).await;
        assert_eq!(asked.keys().collect::<Vec<_>>(), ["client_id", "request_uri"]);
        assert_eq!(till.total(Endpoint::PushedAuthorization), 1);
        till.assert_sells(&till.client.session().unwrap()).await;
    }
    // The negative control: a server that does not offer it is not asked, and the browser carries the request.
    let till = Till::new().await;
    assert!(asked_for(&till).await.contains_key("code_challenge"));
    assert_eq!(till.total(Endpoint::PushedAuthorization), 0);
}

/// A request that cannot be pushed is not sent another way: that is what somebody in between would want.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_take_the_request_is_not_gone_round() {
    let till = Till::new().await;
    till.control().reconfigure(|config| config.pushed_authorization_requests = PushedRequests::Offered).unwrap();
    till.control().set_fault(Fault::status(503).at(Endpoint::PushedAuthorization)).unwrap();
    let browser = till.browser();
    let refused = till.wait_for(till.client.sign_in(&browser)).await.unwrap_err();
    assert!(matches!(refused, Error::TryLater { .. }), "{refused:?}");
    assert!(browser.visited().is_empty());

    let till = Till::new().await;
    discovery(&till, &[("require_pushed_authorization_requests", true.into())]);
    let browser = till.browser();
    let refused = till.wait_for(till.client.sign_in(&browser)).await.unwrap_err();
    assert!(matches!(&refused, Error::Misconfigured(text) if text.contains("pushed")), "{refused:?}");
    assert!(browser.visited().is_empty());
}

// ---- step-up -----------------------------------------------------------------------------------------------------------

async fn step_up(till: &Till, session: &Session, options: &SignInOptions) -> Result<(), Error> {
    till.pass(Duration::from_secs(60)).await;
    let done = till.wait_for(session.sign_in_again_with(&till.browser(), options)).await;
    till.settle().await;
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_is_older_than_asked_for_is_not_kept() {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    till.control().reconfigure(|config| config.authentication.age_seconds = 3600).unwrap();
    let recent = SignInOptions { max_age: Some(300), ..SignInOptions::default() };
    let (kept, generation) = (till.credential_files().await, session.state().generation);
    assert_eq!(step_up(&till, &session, &recent).await, Err(Error::SignInRequired));
    assert_eq!((till.credential_files().await, session.state().generation), (kept, generation));
    assert!(is_signed_in(&session));
    till.pass(Duration::from_secs(600)).await;
    assert_eq!(till.control().observations().revoked, 1, "what it brought is nobody's");

    // The negative controls: nothing asked, and a person who was asked anew.
    step_up(&till, &session, &SignInOptions::default()).await.unwrap();
    let anew = SignInOptions { prompt: Some("login".into()), ..recent };
    step_up(&till, &session, &anew).await.unwrap();
    till.assert_sells(&session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_of_another_kind_than_asked_for_is_not_kept() {
    let (till, session) = Till::signed_in().await;
    let strong = SignInOptions { acr_values: Some("phr phrh".into()), ..SignInOptions::default() };
    let said = |acr: Option<&str>| {
        let acr = acr.map(str::to_owned);
        till.control().reconfigure(move |config| config.authentication.acr = acr).unwrap();
    };
    said(None);
    let silent = step_up(&till, &session, &strong).await.unwrap_err();
    assert!(matches!(&silent, Error::Misconfigured(text) if text.contains("acr")), "{silent:?}");
    said(Some("pwd"));
    assert_eq!(step_up(&till, &session, &strong).await, Err(Error::SignInRequired));
    said(Some("phrh"));
    assert_eq!(step_up(&till, &session, &strong).await, Ok(()));
}

// ---- attacks -----------------------------------------------------------------------------------------------------------

/// 1. The person is sent to another server, by a mix-up. 2. Its answer comes back with the right state. 3. It names another
/// issuer, so its code is not shown to ours.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_another_server_is_refused_before_its_code_is_used() {
    for iss in [Some("https://evil.example"), Some(""), None] {
        let till = Till::new().await;
        till.control().script_sign_in("ada");
        let browser = Tampering { browser: till.browser(), change: |url| with_parameter(&url, "iss", iss) };
        assert_eq!(till.wait_for(till.client.sign_in(&browser)).await.unwrap_err(), Error::IdentityMismatch, "{iss:?}");
        assert_eq!(till.token_requests(), 0);
    }
    // The negative control: where the server never promised to name itself, a nameless answer is believed.
    let till = Till::new().await;
    till.control().script_sign_in("ada");
    discovery(&till, &[("authorization_response_iss_parameter_supported", false.into())]);
    let browser = Tampering { browser: till.browser(), change: |url| with_parameter(&url, "iss", None) };
    till.wait_for(till.client.sign_in(&browser)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_nobody_asked_for_is_refused_before_its_code_is_used() {
    for state in [Some("forged"), Some(""), None] {
        let till = Till::new().await;
        till.control().script_sign_in("ada");
        let browser = Tampering { browser: till.browser(), change: |url| with_parameter(&url, "state", state) };
        assert_eq!(till.wait_for(till.client.sign_in(&browser)).await.unwrap_err(), Error::Cancelled, "{state:?}");
        assert_eq!(till.token_requests(), 0);
    }
    // The negative control: the same browser with the right state signs in.
    let till = Till::new().await;
    till.control().script_sign_in("ada");
    let browser = Tampering { browser: till.browser(), change: |url| url };
    till.wait_for(till.client.sign_in(&browser)).await.unwrap();
}

/// Somebody who can change the discovery document, but not read the device, gains nothing by taking `S256` out of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_way_down_to_plain_pkce() {
    let till = Till::new().await;
    till.control().script_sign_in("ada");
    discovery(&till, &[("code_challenge_methods_supported", json!(["plain"]))]);
    let browser = till.browser();
    let refused = till.wait_for(till.client.sign_in(&browser)).await.unwrap_err();
    assert!(matches!(&refused, Error::Misconfigured(text) if text.contains("S256")), "{refused:?}");
    assert!(browser.visited().is_empty());

    // The negative control: where both are offered, or nothing is said, it is S256 that is used.
    for methods in [json!(["plain", "S256"]), Value::Null] {
        let till = Till::new().await;
        discovery(&till, &[("code_challenge_methods_supported", methods)]);
        assert_eq!(asked_for(&till).await["code_challenge_method"], "S256");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_writes_into_a_refusal_reaches_nobody() {
    let till = Till::new().await;
    let refusal = |url: Url| {
        let url = with_parameter(&url, "code", None);
        let url = with_parameter(&url, "error_description", Some("\x1b[2J\x1b]0;owned\x07 canary"));
        with_parameter(&url, "error", Some("access_denied"))
    };
    let browser = Tampering { browser: till.browser(), change: refusal };
    till.control().script_sign_in("ada");
    let refused = till.wait_for(till.client.sign_in(&browser)).await.unwrap_err();
    assert_eq!(refused, Error::Cancelled);
    assert!(!format!("{refused} {refused:?}").contains("canary"));
}

// ---- browsers that never come back ------------------------------------------------------------------------------------

/// A browser that the person leaves open.
struct LeftOpen(Arc<Mutex<u32>>);

impl Browser for LeftOpen {
    fn visit(&self, _url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        *self.0.lock().unwrap() += 1;
        Box::pin(std::future::pending())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_is_left_open_is_given_up_after_half_an_hour() {
    let till = Till::new().await;
    let opened = Arc::new(Mutex::new(0));
    let before = mainstay::host::Clock::monotonic(&till.clock);
    let given_up = till.wait_for(till.client.sign_in(&LeftOpen(Arc::clone(&opened)))).await.unwrap_err();
    assert_eq!(given_up, Error::Cancelled);
    assert_eq!(mainstay::host::Clock::monotonic(&till.clock) - before, PENDING_SIGN_IN_LIFETIME);
    assert_eq!(*opened.lock().unwrap(), 1);
}

// ---- links that start the app ------------------------------------------------------------------------------------------

/// What the link brings after `person` has signed in at this address.
async fn link(till: &Till, url: Url, person: &str) -> Url {
    till.control().script_sign_in(person);
    let browser = till.browser();
    till.wait_for(browser.visit(url)).await.unwrap()
}

/// 1. The app opens a browser. 2. The system ends the app. 3. The person signs in, and the link starts the app again. 4. It is
/// finished there, and the link is good for nothing afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_survives_the_death_of_the_app_and_is_finished_once() {
    let mut till = Setup::new().till().await;
    let url = till.wait_for(till.client.begin_sign_in(&SignInOptions::default())).await.unwrap();
    let callback = link(&till, url, "ada").await;
    till.restart().await;
    let forged = with_parameter(&callback, "state", Some("forged"));
    let finish = async |till: &Till, callback: &Url| till.wait_for(till.client.finish_sign_in(callback)).await;
    assert_eq!(finish(&till, &forged).await.unwrap_err(), Error::Cancelled, "and the one that waits goes on waiting");
    let session = finish(&till, &callback).await.unwrap();
    till.settle().await;
    till.assert_sells(&session).await;
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));

    let requests = till.token_requests();
    for restarts in [false, true] {
        if restarts {
            till.restart().await;
        }
        assert_eq!(finish(&till, &callback).await.unwrap_err(), Error::Cancelled, "single use");
    }
    assert_eq!(till.token_requests(), requests, "a used link asks nobody anything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_comes_too_late_or_after_four_others_is_not_ours() {
    let mut till = Till::new().await;
    let begin = async |till: &Till| till.wait_for(till.client.begin_sign_in(&SignInOptions::default())).await.unwrap();
    let url = begin(&till).await;
    till.pass(PENDING_SIGN_IN_LIFETIME).await;
    let late = link(&till, url, "ada").await;
    assert_eq!(till.wait_for(till.client.finish_sign_in(&late)).await.unwrap_err(), Error::Cancelled);

    let first = begin(&till).await;
    let mut last = Vec::new();
    for _ in 0..4 {
        last.push(begin(&till).await);
    }
    till.restart().await;
    let first = link(&till, first, "ada").await;
    assert_eq!(till.wait_for(till.client.finish_sign_in(&first)).await.unwrap_err(), Error::Cancelled);
    for url in last {
        let callback = link(&till, url, "ada").await;
        till.wait_for(till.client.finish_sign_in(&callback)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_finishes_a_sign_in_in_place_for_its_own_person_only() {
    let (mut till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    till.pass(Duration::from_secs(60)).await;
    let begin = async |till: &Till, session: &Session| {
        till.wait_for(session.begin_sign_in_again(&SignInOptions::default())).await.unwrap()
    };
    let url = begin(&till, &session).await;
    assert!(url.query_pairs().any(|(name, value)| name == "login_hint" && value == "ada"));
    let callback = link(&till, url, "grace").await;
    let session = till.restart().await.unwrap();
    let kept = till.credential_files().await;
    let refused = till.wait_for(till.client.finish_sign_in(&callback)).await.unwrap_err();
    assert_eq!((refused, till.credential_files().await), (Error::IdentityMismatch, kept));

    // The vault may be sealed anew meanwhile.
    till.pass(Duration::from_secs(60)).await;
    let before = session.state().generation;
    let url = begin(&till, &session).await;
    till.wait_for(till.client.reseal()).await.unwrap();
    let callback = link(&till, url, "ada").await;
    let renewed = till.wait_for(till.client.finish_sign_in(&callback)).await.unwrap();
    till.settle().await;
    assert_eq!(renewed.account_id(), session.account_id());
    assert!(renewed.state().generation > before);

    // A sign-out since then wins.
    till.pass(Duration::from_secs(60)).await;
    let url = begin(&till, &renewed).await;
    let callback = link(&till, url, "ada").await;
    till.wait_for(renewed.sign_out()).await.unwrap();
    assert_eq!(till.wait_for(till.client.finish_sign_in(&callback)).await.unwrap_err(), Error::Cancelled);
    assert!(till.credential_files().await.is_empty());
}
