//! Answers for the tests of the readers.

use bytes::Bytes;
use http::Response;

use super::{Answer, Endpoint, Issuer, MalformedAnswer, OAuthClient, ServerMetadata};

/// A whole answer.
pub(super) fn response(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Response<Bytes> {
    let builder =
        headers.iter().fold(Response::builder().status(status), |builder, (name, value)| builder.header(*name, *value));
    builder.body(Bytes::copy_from_slice(body.as_ref())).unwrap()
}

/// An answer that no cache inside the transport gave.
pub(super) fn fresh(response: &Response<Bytes>) -> Answer<'_> {
    Answer::new(response, false)
}

pub(super) fn endpoint(path: &str) -> Endpoint {
    Endpoint::parse(&format!("https://id.example{path}")).unwrap()
}

pub(super) fn client() -> OAuthClient {
    OAuthClient::public("till-app")
}

/// The metadata of a server that offers everything.
pub(super) fn metadata() -> ServerMetadata {
    let issuer = Issuer::parse("https://id.example").unwrap();
    let document = response(200, &[], DISCOVERY);
    ServerMetadata::read(&fresh(&document), &issuer).unwrap()
}

pub(super) const DISCOVERY: &str = r#"{
    "issuer": "https://id.example",
    "authorization_endpoint": "https://id.example/authorize?tenant=7",
    "token_endpoint": "https://id.example/token",
    "revocation_endpoint": "https://id.example/revoke",
    "userinfo_endpoint": "https://id.example/userinfo",
    "jwks_uri": "https://id.example/jwks",
    "mainstay_enrollment_endpoint": "https://id.example/enroll",
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "scopes_supported": ["openid", "sales"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": true
}"#;

/// Bodies that no reader of objects takes, and why.
pub(super) fn bad_bodies(limit: usize) -> Vec<(&'static str, Vec<u8>, MalformedAnswer)> {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let nested =
        |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth)).into_bytes();
    let deep = if limit >= 200_000 { 100_000 } else { 1_000 };
    let too_large = MalformedAnswer::TooLarge { limit };
    vec![
        ("empty", vec![], MalformedAnswer::Empty),
        ("white space", b" \r\n\t ".to_vec(), MalformedAnswer::Empty),
        ("only a byte order mark", b"\xEF\xBB\xBF".to_vec(), MalformedAnswer::Empty),
        ("cut off in a name", br#"{"access_tok"#.to_vec(), MalformedAnswer::Truncated),
        ("cut off before the end", br#"{"a": 1, "b": {}"#.to_vec(), MalformedAnswer::Truncated),
        ("10 MB of blanks", vec![b' '; 10 * 1024 * 1024], too_large),
        ("10 MB of one text", [br#"{"a":""#.as_slice(), &vec![b'x'; 10 * 1024 * 1024], br#""}"#].concat(), too_large),
        ("UTF-16 with a byte order mark", [b"\xFF\xFE".as_slice(), &utf16("{}")].concat(), MalformedAnswer::NotUtf8),
        ("UTF-16 without one", utf16("{}"), MalformedAnswer::NotJson),
        ("Latin-1", b"{\"error_description\":\"ung\xFCltig\"}".to_vec(), MalformedAnswer::NotUtf8),
        ("nested arrays", [b"{\"a\":".as_slice(), &nested("[", "]", deep), b"}"].concat(), MalformedAnswer::TooDeep),
        ("nested objects", nested("{\"a\":", "}", 1000), MalformedAnswer::TooDeep),
        ("only opening brackets", vec![b'['; deep], MalformedAnswer::TooDeep),
        ("a web page", b"<!doctype html><title>Wi-Fi sign-in</title>".to_vec(), MalformedAnswer::Html),
        ("a web page after a byte order mark", b"\xEF\xBB\xBF\n<html>".to_vec(), MalformedAnswer::Html),
        ("prose", b"Token invalid".to_vec(), MalformedAnswer::NotJson),
        ("a list", b"[]".to_vec(), MalformedAnswer::NotAnObject),
        ("null", b"null".to_vec(), MalformedAnswer::NotAnObject),
        ("a text", b"\"ok\"".to_vec(), MalformedAnswer::NotAnObject),
        ("NUL bytes", vec![0; 64], MalformedAnswer::NotJson),
    ]
}
