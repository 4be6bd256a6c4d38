use super::*;
use crate::oauth::{
    DeviceKey, Rejection,
    fixtures::{bad_bodies, endpoint, fresh, response},
};

fn token() -> Secret {
    Secret::from_text("at-1")
}

fn read_body(status: u16, body: impl AsRef<[u8]>) -> Result<Enrolled, ProtectedFailure> {
    read(&fresh(&response(status, &[], body)), &endpoint("/enroll"))
}

#[test]
fn a_key_is_enrolled_by_its_public_half() {
    let jwk = DeviceKey::from_bytes(&[7; 32]).unwrap().public_jwk();
    let request = request(&endpoint("/enroll"), TokenType::Bearer, &token(), &jwk).unwrap().into_request();
    assert_eq!(request.headers()["authorization"], "Bearer at-1");
    assert_eq!(request.headers()["content-type"], "application/json");
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body, serde_json::json!({"jwk": jwk}));
    assert!(body["jwk"].get("d").is_none());
}

#[test]
fn the_server_names_the_key() {
    assert_eq!(read_body(201, r#"{"kid":"k-1"}"#).unwrap().key_id, "k-1");
    for (body, reason) in [
        ("{}", MalformedAnswer::Missing("kid")),
        (r#"{"kid":7}"#, MalformedAnswer::Missing("kid")),
        (r#"{"kid":""}"#, MalformedAnswer::Invalid("kid")),
        (r#"{"kid":"a\nb"}"#, MalformedAnswer::Invalid("kid")),
    ] {
        assert_eq!(read_body(200, body), Err(reason.into()), "{body}");
    }
    let too_long = format!(r#"{{"kid":"{}"}}"#, "k".repeat(MAX_KEY_ID + 1));
    assert_eq!(read_body(200, too_long), Err(MalformedAnswer::Invalid("kid").into()));
}

#[test]
fn a_refusal_is_read_like_any_resource_servers() {
    assert_eq!(read_body(401, ""), Err(ProtectedFailure::Rejected(Rejection::Unauthorized)));
    assert_eq!(read_body(403, ""), Err(ProtectedFailure::Rejected(Rejection::Forbidden { scope: None })));
    assert_eq!(read_body(404, ""), Err(MalformedAnswer::Status(404).into()));
    for (name, body, reason) in bad_bodies(MAX_BODY) {
        assert_eq!(read_body(200, body), Err(reason.into()), "{name}");
    }
}

#[test]
fn a_key_is_withdrawn_by_its_name_and_nothing_else() {
    let address = |kid: &str| {
        removal_request(&endpoint("/enroll"), TokenType::Bearer, &token(), kid).map(|request| request.into_request())
    };
    let request = address("k-1").unwrap();
    assert_eq!((request.method().as_str(), request.uri().path()), ("DELETE", "/enroll/k-1"));
    assert_eq!(address("a/../b?c#d").unwrap().uri().path(), "/enroll/a%2F..%2Fb%3Fc%23d");
    for kid in ["", ".", ".."] {
        assert_eq!(address(kid).unwrap_err(), RequestError::InvalidAddress, "{kid}");
    }
}

#[test]
fn a_key_that_the_server_does_not_know_is_withdrawn() {
    for (status, removed) in
        [(200, true), (204, true), (404, true), (410, true), (401, false), (403, false), (500, false), (302, false)]
    {
        assert_eq!(is_removed(&fresh(&response(status, &[], ""))), removed, "{status}");
    }
}
