use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::oauth::{
    ClientAuth, ConfigurationFault, LIFETIME_ASSUMED, TokenFailure, TransientKind,
    fixtures::{bad_bodies, client, endpoint, fresh, response},
};

fn form(request: SecretRequest) -> BTreeMap<String, String> {
    let request = request.into_request();
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(request.uri(), "https://id.example/token");
    url::form_urlencoded::parse(request.body()).into_owned().collect()
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn request(client: &OAuthClient, grant: &Grant<'_>, resource: Option<&str>) -> SecretRequest {
    token_request(&endpoint("/token"), client, grant, resource).unwrap()
}

fn read(body: impl AsRef<[u8]>) -> Result<TokenAnswer, TokenError> {
    TokenAnswer::read(&fresh(&response(200, &[], body)))
}

fn malformed(result: Result<TokenAnswer, TokenError>) -> MalformedAnswer {
    match result.unwrap_err().failure {
        TokenFailure::Transient(TransientKind::Malformed(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_code_is_exchanged_with_its_verifier_and_redirect_uri() {
    let (code, verifier) = (Secret::from_text("c&=+ d"), Secret::from_text("v"));
    let redirect_uri = Url::parse("http://127.0.0.1:7000/callback").unwrap();
    let grant = Grant::AuthorizationCode { code: &code, redirect_uri: &redirect_uri, verifier: &verifier };
    assert_eq!(
        form(request(&client(), &grant, None)),
        pairs(&[
            ("grant_type", "authorization_code"),
            ("code", "c&=+ d"),
            ("redirect_uri", "http://127.0.0.1:7000/callback"),
            ("code_verifier", "v"),
            ("client_id", "till-app"),
        ])
    );
}

#[test]
fn a_refresh_asks_for_scopes_only_when_told_to() {
    let token = Secret::from_text("rt-1");
    let bare = pairs(&[("grant_type", "refresh_token"), ("refresh_token", "rt-1"), ("client_id", "till-app")]);
    assert_eq!(form(request(&client(), &Grant::RefreshToken { token: &token, scopes: None }, None)), bare);
    let scopes = ["openid".to_owned(), "sales".to_owned()];
    let grant = Grant::RefreshToken { token: &token, scopes: Some(&scopes) };
    let mut with_scope = bare;
    with_scope.extend(pairs(&[("scope", "openid sales"), ("resource", "https://api.example")]));
    assert_eq!(form(request(&client(), &grant, Some("https://api.example"))), with_scope);
}

#[test]
fn an_assertion_is_a_grant() {
    let assertion = Secret::from_text("h.p.s");
    assert_eq!(
        form(request(&client(), &Grant::JwtBearer { assertion: &assertion, scopes: None }, None)),
        pairs(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", "h.p.s"),
            ("client_id", "till-app"),
        ])
    );
}

#[test]
fn a_client_with_a_secret_proves_itself_in_the_header_or_in_the_body() {
    let token = Secret::from_text("rt-1");
    let grant = Grant::RefreshToken { token: &token, scopes: None };
    let basic = OAuthClient { id: "till:app".into(), auth: ClientAuth::Basic(Secret::from_text("p ss&ü")) };
    let sent = request(&basic, &grant, None).into_request();
    // base64 of till%3Aapp:p+ss%26%C3%BC: both parts are form-encoded first.
    assert_eq!(sent.headers()["authorization"], "Basic dGlsbCUzQWFwcDpwK3NzJTI2JUMzJUJD");
    assert!(!sent.body().windows(9).any(|window| window == b"client_id"));
    let post = OAuthClient { id: "till".into(), auth: ClientAuth::Post(Secret::from_text("pass")) };
    let sent = form(request(&post, &grant, None));
    assert_eq!((sent["client_id"].as_str(), sent["client_secret"].as_str()), ("till", "pass"));
}

#[test]
fn nothing_secret_is_in_the_address_or_in_debug() {
    let token = Secret::from_text("canary");
    let sent = request(&client(), &Grant::RefreshToken { token: &token, scopes: None }, None);
    assert!(!format!("{sent:?}").contains("canary"));
    assert!(!sent.into_request().uri().to_string().contains("canary"));
    let answer = read(r#"{"access_token":"canary","refresh_token":"canary","id_token":"canary"}"#);
    assert!(!format!("{answer:?}").contains("canary"));
}

#[test]
fn a_full_answer_is_read_whole() {
    let body = r#"{"access_token":"at","token_type":"bEaReR","expires_in":900,"refresh_token":"rt-2","id_token":"a.b.c",
        "scope":"sales openid sales","unknown":{"x":[1]}}"#;
    let answer = TokenAnswer::read(&fresh(&response(200, &[("date", "Sun, 06 Nov 1994 08:49:37 GMT")], body))).unwrap();
    assert_eq!(answer.access_token.expose_text(), "at");
    assert_eq!(answer.token_type, TokenType::Bearer);
    assert_eq!(answer.lifetime.duration.as_secs(), 900);
    assert_eq!(answer.refresh_token, Some(Secret::from_text("rt-2")));
    assert_eq!(answer.id_token, Some(Secret::from_text("a.b.c")));
    assert_eq!(answer.scopes, Some(vec!["openid".to_owned(), "sales".to_owned()]));
    assert_eq!(answer.server_time_ms, Some(784_111_777_000));
}

#[test]
fn a_refresh_answer_without_a_new_refresh_token_keeps_the_old_one() {
    // Field case C14: none, the same, an empty one; and what else servers write there.
    let old = Secret::from_text("rt-1");
    for member in [
        "",
        r#","refresh_token":"rt-1""#,
        r#","refresh_token":"""#,
        r#","refresh_token":null"#,
        r#","refresh_token":false"#,
    ] {
        let answer = read(format!(r#"{{"access_token":"at"{member}}}"#)).unwrap();
        assert_eq!(answer.refresh_token_to_keep(Some(&old)), Some(old.clone()), "{member}");
    }
    let rotated = read(r#"{"access_token":"at","refresh_token":"rt-2"}"#).unwrap();
    assert_eq!(rotated.refresh_token_to_keep(Some(&old)), Some(Secret::from_text("rt-2")));
    assert_eq!(read(r#"{"access_token":"at"}"#).unwrap().refresh_token_to_keep(None), None);
}

#[test]
fn only_what_is_needed_is_insisted_on() {
    let answer = read(r#"{"access_token":"at","expires_in":{},"scope":["a"],"id_token":7,"token_type":null}"#).unwrap();
    assert_eq!((answer.lifetime.duration, answer.token_type), (LIFETIME_ASSUMED, TokenType::Bearer));
    assert_eq!((answer.scopes, answer.id_token), (None, None));
}

#[test]
fn a_token_of_an_unknown_type_is_not_used() {
    assert_eq!(read(r#"{"access_token":"at","token_type":"DPOP"}"#).unwrap().token_type, TokenType::Dpop);
    assert_eq!(malformed(read(r#"{"access_token":"at","token_type":"mac"}"#)), MalformedAnswer::Invalid("token_type"));
}

#[test]
fn an_access_token_that_cannot_be_one_is_refused() {
    for (body, reason) in [
        ("{}", MalformedAnswer::Missing("access_token")),
        (r#"{"access_token":null}"#, MalformedAnswer::Missing("access_token")),
        (r#"{"access_token":7}"#, MalformedAnswer::Missing("access_token")),
        (r#"{"access_token":""}"#, MalformedAnswer::Invalid("access_token")),
        (r#"{"access_token":"a b"}"#, MalformedAnswer::Invalid("access_token")),
        (r#"{"access_token":"a\r\nX-Admin: yes"}"#, MalformedAnswer::Invalid("access_token")),
        (r#"{"access_token":"jetön"}"#, MalformedAnswer::Invalid("access_token")),
        (r#"{"access_token":"a","access_token":"b"}"#, MalformedAnswer::WrongShape),
    ] {
        assert_eq!(malformed(read(body)), reason, "{body}");
    }
}

#[test]
fn tokens_out_of_a_cache_are_refused() {
    let body = r#"{"access_token":"somebody-elses"}"#;
    assert_eq!(malformed(TokenAnswer::read(&fresh(&response(200, &[("age", "30")], body)))), MalformedAnswer::Cached);
    assert_eq!(malformed(TokenAnswer::read(&Answer::new(&response(200, &[], body), true))), MalformedAnswer::Cached);
    assert!(TokenAnswer::read(&fresh(&response(200, &[("age", "0")], body))).is_ok());
}

#[test]
fn bad_bodies_are_transient_and_may_have_spent_the_refresh_token() {
    for (name, body, reason) in bad_bodies(MAX_BODY) {
        let error = read(body).unwrap_err();
        assert!(error.is_transient() && error.may_have_been_granted(), "{name}");
        assert_eq!(malformed(Err(error)), reason, "{name}");
    }
}

#[test]
fn a_refusal_is_classified() {
    let refused = response(401, &[], r#"{"error":"invalid_client"}"#);
    let error = TokenAnswer::read(&fresh(&refused)).unwrap_err();
    assert_eq!(error.failure, TokenFailure::Configuration(ConfigurationFault::InvalidClient));
    assert!(!error.is_transient());
}

#[test]
fn a_redirect_is_never_taken_for_tokens() {
    let body = r#"{"access_token":"at"}"#;
    let redirect = response(302, &[("location", "https://elsewhere.example/token")], body);
    let error = TokenAnswer::read(&fresh(&redirect)).unwrap_err();
    assert_eq!(error.failure, TokenFailure::Transient(TransientKind::Redirect));
}

proptest! {
    #[test]
    fn any_bytes_give_tokens_or_an_error(status in 100_u16..=599, body in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(answer) = TokenAnswer::read(&fresh(&response(status, &[], body))) {
            prop_assert!(!answer.access_token.is_empty());
        }
    }

    #[test]
    fn what_is_sent_is_what_was_given(token in "\\PC{1,80}") {
        let secret = Secret::from_text(&token);
        let sent = form(request(&client(), &Grant::RefreshToken { token: &secret, scopes: None }, None));
        prop_assert_eq!(&sent["refresh_token"], &token);
    }
}
