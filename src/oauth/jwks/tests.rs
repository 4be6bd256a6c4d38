use http::Response;

use super::*;

fn read(status: u16, headers: &[(&str, &str)], body: &str) -> Result<KeySet, MalformedAnswer> {
    let mut response = Response::builder().status(status).header("content-type", "application/json");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let response = response.body(bytes::Bytes::copy_from_slice(body.as_bytes())).unwrap();
    KeySet::read(&Answer::new(&response, false))
}

fn token(header: &str) -> Secret {
    Secret::from_text(&format!("{}.e30.c2ln", base64url::encode(header)))
}

#[test]
fn a_key_that_is_not_in_the_set_is_lacking_and_one_that_is_there_is_not() {
    let keys = read(200, &[], r#"{"keys":[{"kty":"EC","kid":"new"},{"kty":"RSA","kid":"other"}]}"#).unwrap();
    assert!(keys.lacks("old"));
    assert!(!keys.lacks("new") && !keys.lacks("other"));
}

/// What is not certain is no evidence.
#[test]
fn a_set_that_says_nothing_certain_lacks_nothing() {
    assert!(!read(200, &[], r#"{"keys":[{"kid":"new"},{"kty":"RSA"}]}"#).unwrap().lacks("old"), "a key without a name");
    for (what, answer) in [
        ("empty", read(200, &[], r#"{"keys":[]}"#)),
        ("no keys", read(200, &[], "{}")),
        ("down", read(503, &[], r#"{"keys":[{"kid":"new"}]}"#)),
        ("a page", read(200, &[], "<html>")),
        ("endless", read(200, &[], &format!(r#"{{"keys":[{}{{}}]}}"#, "{},".repeat(2000)))),
    ] {
        assert!(answer.is_err(), "{what}");
    }
}

/// Keys out of a cache still prove signatures. That one is missing among them proves nothing.
#[test]
fn a_set_out_of_a_cache_lacks_nothing() {
    assert!(!read(200, &[("age", "30")], r#"{"keys":[{"kid":"new"}]}"#).unwrap().lacks("old"));
}

#[test]
fn keys_that_are_known_are_asked_for_by_their_tag() {
    let endpoint = Endpoint::parse("https://id.example/jwks").unwrap();
    let tag = HeaderValue::from_static("\"v1\"");
    let request = jwks_request(&endpoint, Some(&tag)).into_request();
    assert_eq!(request.headers()[header::IF_NONE_MATCH], tag);
    assert_eq!(request.headers()[header::CACHE_CONTROL], "no-cache");
    assert!(!jwks_request(&endpoint, None).into_request().headers().contains_key(header::IF_NONE_MATCH));
    assert_eq!(read(304, &[], "").unwrap_err(), MalformedAnswer::Status(304));
}

#[test]
fn deep_and_odd_sets_are_refused_or_harmless() {
    let deep = format!(r#"{{"keys":[{}{}]}}"#, "[".repeat(100), "]".repeat(100));
    assert_eq!(read(200, &[], &deep).unwrap_err(), MalformedAnswer::TooDeep);
    let odd = read(200, &[], r#"{"keys":[7,null,"key",[],{"kid":7,"kty":["RSA"]},{"kid":"k"}]}"#).unwrap();
    assert!(!odd.lacks("old"), "some of them have no name");
    assert_eq!(format!("{odd:?}"), r#"[None, None, None, None, None, Some("k")]"#);
}

#[test]
fn only_a_public_key_s_name_is_a_name() {
    assert_eq!(signing_key(&token(r#"{"alg":"ES256","kid":"k1"}"#)).as_deref(), Some("k1"));
    for header in [
        r#"{"alg":"HS256","kid":"k1"}"#,
        r#"{"alg":"none","kid":"k1"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"ES256","kid":""}"#,
        r#"{"alg":"ES256","kid":7}"#,
        "[]",
        "no JSON",
    ] {
        assert_eq!(signing_key(&token(header)), None, "{header}");
    }
    let long = format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(300));
    for text in [token(&long), Secret::from_text("opaque"), Secret::from_text("a.b"), Secret::from_text("a.b.c.d.e")] {
        assert_eq!(signing_key(&text), None);
    }
}
