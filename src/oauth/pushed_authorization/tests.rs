use std::collections::BTreeMap;

use super::*;
use crate::oauth::{
    ClientAuth, PendingSignIn, SignInEntropy, SignInOptions, TokenFailure, TransientKind,
    fixtures::{bad_bodies, client, endpoint, fresh, metadata, response},
};

fn authorization_url() -> Url {
    let entropy = SignInEntropy { state: [1; 32], nonce: [2; 32], verifier: [3; 32] };
    let redirect_uri = Url::parse("http://127.0.0.1:7000/callback").unwrap();
    let options = SignInOptions { login_hint: Some("ada & co".into()), ..SignInOptions::default() };
    let now = mainstay_core::Timestamp::from_millis(0);
    PendingSignIn::start(&metadata(), &client(), &redirect_uri, &options, &entropy, now).unwrap().1
}

fn pushed(client: &OAuthClient) -> BTreeMap<String, String> {
    let request = push_request(&endpoint("/par"), client, &metadata(), &authorization_url()).unwrap().into_request();
    url::form_urlencoded::parse(request.body()).into_owned().collect()
}

#[test]
fn everything_is_pushed_but_the_servers_own_query() {
    let sent = pushed(&client());
    let expected: BTreeMap<_, _> =
        authorization_url().query_pairs().into_owned().filter(|(name, _)| name != "tenant").collect();
    assert_eq!(sent, expected);
    assert_eq!((sent["login_hint"].as_str(), sent["code_challenge_method"].as_str()), ("ada & co", "S256"));
    assert!(!sent.contains_key("tenant"));
}

#[test]
fn a_client_with_a_secret_proves_itself() {
    let with = |auth| OAuthClient { auth, ..client() };
    assert_eq!(pushed(&with(ClientAuth::Post(Secret::from_text("s"))))["client_secret"], "s");
    let basic = with(ClientAuth::Basic(Secret::from_text("s")));
    let request = push_request(&endpoint("/par"), &basic, &metadata(), &authorization_url()).unwrap().into_request();
    assert!(request.headers().contains_key("authorization"));
    assert!(!pushed(&basic).contains_key("client_secret"));
}

#[test]
fn the_browser_carries_the_reference_and_nothing_else_of_ours() {
    let created = response(201, &[], r#"{"request_uri":"urn:ietf:params:oauth:request_uri:6esc&x","expires_in":60}"#);
    let request = PushedRequest::read(&fresh(&created)).unwrap();
    let url = request.url(metadata().authorization_endpoint.as_ref().unwrap(), &client());
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let expected =
        [("tenant", "7"), ("client_id", "till-app"), ("request_uri", "urn:ietf:params:oauth:request_uri:6esc&x")];
    assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(!format!("{request:?}").contains("6esc"));
}

#[test]
fn a_refusal_is_read_as_the_token_endpoints() {
    let refused = response(400, &[], r#"{"error":"invalid_client"}"#);
    assert!(matches!(PushedRequest::read(&fresh(&refused)).unwrap_err().failure, TokenFailure::Configuration(_)));
    let broken = response(503, &[], "");
    assert!(PushedRequest::read(&fresh(&broken)).unwrap_err().is_transient());
}

#[test]
fn an_answer_without_a_reference_is_malformed() {
    let long = format!(r#"{{"request_uri":"{}"}}"#, "x".repeat(MAX_REFERENCE + 1));
    for body in ["{}", r#"{"request_uri":""}"#, r#"{"request_uri":7}"#, &long] {
        let answer = response(201, &[], body);
        let failure = PushedRequest::read(&fresh(&answer)).unwrap_err().failure;
        let expected = TokenFailure::Transient(TransientKind::Malformed(MalformedAnswer::Invalid("request_uri")));
        assert_eq!(failure, expected, "{body:.60}");
    }
    for (name, body, reason) in bad_bodies(MAX_BODY) {
        let failure = PushedRequest::read(&fresh(&response(201, &[], body))).unwrap_err().failure;
        assert_eq!(failure, TokenFailure::Transient(TransientKind::Malformed(reason)), "{name}");
    }
}
