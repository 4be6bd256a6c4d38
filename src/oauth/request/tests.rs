use http::Method;

use super::*;
use crate::oauth::fixtures::endpoint;

#[test]
fn debug_shows_where_a_request_goes_and_nothing_else() {
    let request =
        SecretRequest::post(&endpoint("/token?tenant=canary"), "text/plain", Zeroizing::new(b"canary".to_vec()))
            .authorize("Bearer", &Secret::from_text("canary"))
            .unwrap();
    assert_eq!(format!("{request:?}"), "SecretRequest(POST id.example/token)");
    let request = request.into_request();
    assert_eq!(request.headers()["authorization"], "Bearer canary");
    assert!(!format!("{:?}", request.headers()).contains("canary"));
}

#[test]
fn no_cache_is_to_answer() {
    let request = SecretRequest::without_body(Method::GET, &endpoint("/userinfo")).into_request();
    assert_eq!(request.headers()["cache-control"], "no-store");
    assert_eq!(request.headers()["accept"], "application/json");
    assert!(request.body().is_empty());
}

#[test]
fn a_token_with_a_line_break_cannot_smuggle_a_header() {
    let request = SecretRequest::without_body(Method::GET, &endpoint("/userinfo"));
    let error = request.authorize("Bearer", &Secret::from_text("a\r\nX-Admin: yes")).unwrap_err();
    assert_eq!(error, RequestError::TokenNotSendable);
}
