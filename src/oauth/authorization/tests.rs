use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::oauth::{
    ErrorCode,
    fixtures::{bad_bodies, client, metadata},
};

const STARTED: Timestamp = Timestamp::from_millis(1_795_305_600_000);

fn entropy() -> SignInEntropy {
    SignInEntropy { state: [1; 32], nonce: [2; 32], verifier: [3; 32] }
}

fn redirect_uri() -> Url {
    Url::parse("http://127.0.0.1:7000/callback").unwrap()
}

fn start(options: &SignInOptions) -> (PendingSignIn, Url) {
    PendingSignIn::start(&metadata(), &client(), &redirect_uri(), options, &entropy(), STARTED).unwrap()
}

fn pending() -> PendingSignIn {
    start(&SignInOptions::default()).0
}

/// A callback with the right state, and what a test adds.
fn callback(rest: &str) -> String {
    let state = base64url::encode([1; 32]);
    format!("http://127.0.0.1:7000/callback?state={state}&{rest}")
}

fn accept(callback: &str) -> Result<AuthorizationCode, CallbackError> {
    pending().accept(callback, STARTED.plus(Duration::from_secs(60)))
}

const ISS: &str = "iss=https%3A%2F%2Fid.example";

#[test]
fn the_address_asks_for_what_was_wanted_and_keeps_the_servers_own_query() {
    let options = SignInOptions {
        scopes: vec!["openid".into(), "sales".into()],
        login_hint: Some("ada@shop.example".into()),
        prompt: Some("login".into()),
        acr_values: Some("mfa pwd".into()),
        max_age: Some(300),
        resource: Some("https://api.example".into()),
        extra: vec![("ui_locales".into(), "nb".into())],
    };
    let (_, url) = start(&options);
    let sent: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    let expected = [
        ("tenant", "7"),
        ("response_type", "code"),
        ("client_id", "till-app"),
        ("redirect_uri", "http://127.0.0.1:7000/callback"),
        ("state", &base64url::encode([1; 32])),
        ("nonce", &base64url::encode([2; 32])),
        ("code_challenge", &Verifier::new(&[3; 32]).challenge()),
        ("code_challenge_method", "S256"),
        ("scope", "openid sales"),
        ("login_hint", "ada@shop.example"),
        ("prompt", "login"),
        ("acr_values", "mfa pwd"),
        ("max_age", "300"),
        ("resource", "https://api.example"),
        ("ui_locales", "nb"),
    ];
    assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn the_verifier_is_not_in_the_address() {
    let (pending, url) = start(&SignInOptions::default());
    assert!(!url.as_str().contains(pending.verifier().secret().expose_text()));
}

#[test]
fn an_extra_parameter_cannot_replace_one_of_the_protocol() {
    for name in RESERVED {
        let options = SignInOptions { extra: vec![(name.into(), "x".into())], ..SignInOptions::default() };
        let result = PendingSignIn::start(&metadata(), &client(), &redirect_uri(), &options, &entropy(), STARTED);
        assert_eq!(result.unwrap_err(), AuthorizationError::ReservedParameter(name.to_owned()));
    }
}

#[test]
fn a_server_without_sign_in_or_without_s256_is_a_wrong_configuration() {
    let start = |server: &ServerMetadata| {
        PendingSignIn::start(server, &client(), &redirect_uri(), &SignInOptions::default(), &entropy(), STARTED)
            .unwrap_err()
    };
    let nowhere = ServerMetadata { authorization_endpoint: None, ..metadata() };
    assert_eq!(start(&nowhere), AuthorizationError::NoAuthorizationEndpoint);
    let plain = ServerMetadata { code_challenge_methods: Some(vec!["plain".into()]), ..metadata() };
    assert_eq!(start(&plain), AuthorizationError::NoPkce);
}

#[test]
fn a_callback_with_the_right_state_and_issuer_brings_the_code() {
    assert_eq!(accept(&callback(&format!("code=c%2F1&{ISS}"))).unwrap().code.expose_text(), "c/1");
}

#[test]
fn a_callback_with_another_state_or_address_is_ignored() {
    let good = callback(&format!("code=c&{ISS}"));
    for bad in [
        good.replace("state=", "state=A"),
        good.replace("state=", "stat="),
        format!("http://127.0.0.1:7000/callback?state=&code=c&{ISS}"),
        good.replace(":7000", ":7001"),
        good.replace("127.0.0.1", "127.0.0.2"),
        good.replace("/callback", "/callback/x"),
        good.replace("http:", "https:"),
        "/callback?code=c".to_owned(),
        String::new(),
        format!("{good}&pad={}", "x".repeat(MAX_CALLBACK)),
    ] {
        assert_eq!(accept(&bad), Err(CallbackError::NotOurs), "{bad:.120}");
    }
}

#[test]
fn an_app_link_of_its_own_scheme_is_a_redirect_uri_too() {
    let link = Url::parse("com.example.till:/signed-in").unwrap();
    let (pending, _) =
        PendingSignIn::start(&metadata(), &client(), &link, &SignInOptions::default(), &entropy(), STARTED).unwrap();
    let good = callback(&format!("code=c&{ISS}")).replace("http://127.0.0.1:7000/callback", link.as_str());
    assert!(pending.accept(&good, STARTED).is_ok());
    assert_eq!(pending.accept(&good.replace("till", "evil"), STARTED), Err(CallbackError::NotOurs));
}

#[test]
fn an_answer_of_another_server_is_refused() {
    for iss in ["iss=https%3A%2F%2Fevil.example", "iss=https%3A%2F%2Fid.example%2F", "iss=", "x=y"] {
        assert_eq!(accept(&callback(&format!("code=c&{iss}"))), Err(CallbackError::WrongIssuer), "{iss}");
    }
    let silent = ServerMetadata { names_issuer_in_callback: false, ..metadata() };
    let (pending, _) =
        PendingSignIn::start(&silent, &client(), &redirect_uri(), &SignInOptions::default(), &entropy(), STARTED)
            .unwrap();
    assert!(pending.accept(&callback("code=c"), STARTED).is_ok());
    assert_eq!(
        pending.accept(&callback("code=c&iss=https%3A%2F%2Fevil.example"), STARTED),
        Err(CallbackError::WrongIssuer)
    );
}

#[test]
fn a_refusal_comes_with_its_reason() {
    let refused = accept(&callback(&format!("error=access_denied&error_description=No%1B%5B31m+way&{ISS}")));
    let Err(CallbackError::Refused(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.code, ErrorCode::AccessDenied);
    assert_eq!(error.description.unwrap().shown(), "No [31m way");
}

#[test]
fn a_refusal_with_another_state_cannot_end_the_sign_in() {
    let forged = callback(&format!("error=access_denied&{ISS}")).replace("state=", "state=A");
    assert_eq!(accept(&forged), Err(CallbackError::NotOurs));
}

#[test]
fn a_callback_without_a_code_or_with_two_is_malformed() {
    for rest in ["", "code=", "code=a&code=b", "code=a&state=x"] {
        assert_eq!(accept(&callback(&format!("{rest}&{ISS}"))), Err(CallbackError::Malformed), "{rest}");
    }
}

#[test]
fn a_sign_in_expires() {
    let good = callback(&format!("code=c&{ISS}"));
    let late = STARTED.plus(PENDING_SIGN_IN_LIFETIME);
    assert_eq!(pending().accept(&good, late), Err(CallbackError::Expired));
    assert!(pending().is_expired(late) && !pending().is_expired(STARTED));
}

/// The record of format 1, frozen: every later release must read it.
const RECORD_1: &str = r#"{"format":1,"issuer":"https://id.example","names_issuer":true,"redirect_uri":"http://127.0.0.1:7000/callback","state":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","nonce":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI","verifier":"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM","started_at":1795305600000}"#;

#[test]
fn a_pending_sign_in_survives_the_death_of_the_app() {
    assert_eq!(pending().to_record().expose_text(), RECORD_1);
    assert_eq!(PendingSignIn::from_record(&Secret::from_text(RECORD_1)), Ok(pending()));
}

/// What a step-up asked for is checked after the app has died as well.
#[test]
fn what_was_asked_of_the_authentication_survives_too() {
    let options = SignInOptions { acr_values: Some("phr mfa".into()), max_age: Some(300), ..SignInOptions::default() };
    let (pending, _) = start(&options);
    let read = PendingSignIn::from_record(&pending.to_record()).unwrap();
    assert_eq!(read, pending);
    assert_eq!((read.wanted().acr_values.as_deref(), read.wanted().max_age), (Some("phr mfa"), Some(300)));
}

#[test]
fn a_damaged_or_newer_record_is_refused() {
    for (bad, reason) in [
        (RECORD_1.replace("\"format\":1", "\"format\":2"), MalformedAnswer::Invalid("format")),
        (RECORD_1.replace("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", ""), MalformedAnswer::Invalid("state")),
        (RECORD_1.replace("AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM", ""), MalformedAnswer::Invalid("verifier")),
        (RECORD_1.replace("http://127.0.0.1:7000", ""), MalformedAnswer::Invalid("redirect_uri")),
        (RECORD_1.replace("\"nonce\"", "\"once\""), MalformedAnswer::WrongShape),
    ] {
        assert_eq!(PendingSignIn::from_record(&Secret::from_text(&bad)), Err(reason), "{bad}");
    }
    for (name, body, reason) in bad_bodies(MAX_RECORD) {
        assert_eq!(PendingSignIn::from_record(&Secret::new(body)), Err(reason), "{name}");
    }
}

#[test]
fn debug_shows_neither_state_nor_verifier_nor_code() {
    let shown = format!("{:?} {:?} {:?}", pending(), entropy(), accept(&callback(&format!("code=canary&{ISS}"))));
    for secret in ["AQEBAQ", "AwMDAw", "canary", "3, 3"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

proptest! {
    #[test]
    fn no_callback_makes_it_panic(rest in "\\PC{0,120}", whole in any::<String>()) {
        let _ = accept(&callback(&rest));
        prop_assert!(accept(&whole).is_err());
    }

    #[test]
    fn only_the_exact_state_is_ours(state in "[A-Za-z0-9_-]{0,60}") {
        let result = accept(&format!("http://127.0.0.1:7000/callback?state={state}&code=c&{ISS}"));
        prop_assert_eq!(result.is_ok(), state == base64url::encode([1; 32]));
    }
}
