use proptest::prelude::*;

use super::*;
use crate::oauth::fixtures::{DISCOVERY, bad_bodies, endpoint, fresh, metadata, response};

fn issuer() -> Issuer {
    Issuer::parse("https://id.example").unwrap()
}

fn read(body: impl AsRef<[u8]>) -> Result<ServerMetadata, MalformedAnswer> {
    ServerMetadata::read(&fresh(&response(200, &[], body)), &issuer())
}

#[test]
fn a_full_document_is_read_whole() {
    let server = metadata();
    assert_eq!(server.token_endpoint, endpoint("/token"));
    assert_eq!(server.authorization_endpoint, Some(endpoint("/authorize?tenant=7")));
    assert_eq!(server.revocation_endpoint, Some(endpoint("/revoke")));
    assert_eq!(server.userinfo_endpoint, Some(endpoint("/userinfo")));
    assert_eq!(server.jwks_uri, Some(endpoint("/jwks")));
    assert_eq!(server.enrollment_endpoint, Some(endpoint("/enroll")));
    assert_eq!((server.introspection_endpoint.as_ref(), server.status_endpoint.as_ref()), (None, None));
    assert!(server.offers("refresh_token") && !server.offers("implicit"));
    assert!(server.names_issuer_in_callback && server.unusable.is_empty());
    assert_eq!(server.code_challenge_methods, Some(vec!["S256".to_owned()]));
}

#[test]
fn the_issuer_must_match_character_by_character() {
    for other in ["https://id.example/", "https://ID.example", "https://id.example:443", "https://evil.example", ""] {
        let body = DISCOVERY.replace("\"https://id.example\"", &format!("\"{other}\""));
        assert_eq!(read(body), Err(MalformedAnswer::Invalid("issuer")), "{other}");
    }
    assert_eq!(read(r#"{"token_endpoint":"https://id.example/token"}"#), Err(MalformedAnswer::Missing("issuer")));
}

#[test]
fn tokens_are_never_asked_for_in_the_open() {
    let body = DISCOVERY.replace("https://id.example/token", "http://id.example/token");
    assert_eq!(read(body), Err(MalformedAnswer::Invalid("token_endpoint")));
    let body = DISCOVERY.replace("https://id.example/authorize", "http://id.example/authorize");
    assert_eq!(read(body), Err(MalformedAnswer::Invalid("authorization_endpoint")));
    assert_eq!(read(r#"{"issuer":"https://id.example"}"#), Err(MalformedAnswer::Missing("token_endpoint")));
}

#[test]
fn an_optional_endpoint_that_cannot_be_used_counts_as_absent_and_is_named() {
    let body = DISCOVERY
        .replace("https://id.example/revoke", "/revoke")
        .replace("https://id.example/jwks", "http://id.example/jwks");
    let server = read(body).unwrap();
    assert_eq!((server.revocation_endpoint, server.jwks_uri), (None, None));
    assert_eq!(server.unusable, ["revocation_endpoint", "jwks_uri"]);
}

#[test]
fn what_the_server_leaves_out_has_the_default_of_rfc_8414() {
    let server = read(r#"{"issuer":"https://id.example","token_endpoint":"https://id.example/token"}"#).unwrap();
    assert_eq!(server.grant_types, ["authorization_code", "implicit"]);
    assert_eq!((server.scopes, server.code_challenge_methods, server.authorization_endpoint), (None, None, None));
    assert!(!server.names_issuer_in_callback);
}

#[test]
fn only_a_200_is_a_document() {
    for status in [204, 301, 401, 404, 500] {
        let answer = response(status, &[], DISCOVERY);
        assert_eq!(ServerMetadata::read(&fresh(&answer), &issuer()), Err(MalformedAnswer::Status(status)));
    }
}

#[test]
fn bad_bodies_are_refused_with_their_reason() {
    for (name, body, reason) in bad_bodies(MAX_BODY) {
        assert_eq!(read(body), Err(reason), "{name}");
    }
}

#[test]
fn a_document_is_asked_for_without_credentials() {
    let request = ServerMetadata::request(&endpoint("/.well-known/openid-configuration")).into_request();
    assert_eq!((request.method().as_str(), request.headers().get("authorization")), ("GET", None));
}

proptest! {
    #[test]
    fn a_document_cut_anywhere_is_refused(cut in 0..DISCOVERY.len() - 1) {
        prop_assert!(read(&DISCOVERY[..cut]).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(read(bytes).is_err());
    }
}
