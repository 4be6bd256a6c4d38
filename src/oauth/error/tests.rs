use super::*;
use crate::oauth::fixtures::{bad_bodies, fresh, response};

fn read(body: &str) -> Option<ErrorObject> {
    ErrorObject::read(&fresh(&response(400, &[], body))).unwrap()
}

#[test]
fn every_known_code_is_read_and_written_alike() {
    for (text, code) in ErrorCode::KNOWN {
        assert_eq!((&ErrorCode::parse(text), code.as_str()), (code, *text));
    }
}

#[test]
fn codes_are_compared_exactly() {
    for text in ["Invalid_Grant", "invalid_grant ", "invalid-grant", "Token invalid", "other"] {
        assert!(matches!(ErrorCode::parse(text), ErrorCode::Other(_)), "{text}");
    }
}

#[test]
fn a_description_may_be_missing_empty_or_of_another_type() {
    for body in [
        r#"{"error":"invalid_grant"}"#,
        r#"{"error":"invalid_grant","error_description":""}"#,
        r#"{"error":"invalid_grant","error_description":["x"],"error_uri":7}"#,
    ] {
        assert_eq!(read(body), Some(ErrorObject { code: ErrorCode::InvalidGrant, description: None }), "{body}");
    }
}

#[test]
fn an_object_without_a_usable_error_is_no_error_object() {
    for body in
        ["{}", r#"{"error":""}"#, r#"{"error":null}"#, r#"{"error":{"code":1}}"#, r#"{"message":"Token invalid"}"#]
    {
        assert_eq!(read(body), None, "{body}");
    }
}

#[test]
fn bad_bodies_are_no_error_objects() {
    for (name, body, reason) in bad_bodies(MAX_BODY) {
        assert_eq!(ErrorObject::read(&fresh(&response(400, &[], body))), Err(reason), "{name}");
    }
}

#[test]
fn a_description_never_reaches_debug() {
    let object = read(r#"{"error":"weird canary","error_description":"token canary"}"#).unwrap();
    assert!(!format!("{object:?}").contains("canary"));
}
