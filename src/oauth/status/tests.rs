use proptest::prelude::*;

use super::*;
use crate::oauth::fixtures::{bad_bodies, fresh, response};

fn read(body: impl AsRef<[u8]>) -> Result<ServerStatus, MalformedAnswer> {
    ServerStatus::read(&fresh(&response(200, &[], body)))
}

fn spread_of(value: &str) -> Option<u64> {
    let body = format!(r#"{{"healthy":false,"spread_seconds":{value}}}"#);
    read(body).unwrap().spread.map(|spread| spread.as_secs())
}

fn hint(value: &str) -> Option<u64> {
    spread_hint(response(503, &[(SPREAD_HEADER, value)], "").headers()).map(|spread| spread.as_secs())
}

#[test]
fn a_document_is_read_whole() {
    let status =
        read(r#"{"healthy":false,"spread_seconds":600,"message":"We are restoring a key.\u001b[2J"}"#).unwrap();
    assert!(!status.healthy);
    assert_eq!(status.spread, Some(Duration::from_secs(600)));
    assert_eq!(status.message.unwrap().shown(), "We are restoring a key. [2J");
    assert_eq!(read(r#"{"healthy":true}"#), Ok(ServerStatus { healthy: true, spread: None, message: None }));
}

#[test]
fn a_spread_is_at_most_a_day_and_never_negative() {
    for (value, seconds) in
        [("0", Some(0)), ("1e9", Some(86_400)), ("\"60\"", Some(60)), ("-1", None), ("null", None), ("[]", None)]
    {
        assert_eq!(spread_of(value), seconds, "{value}");
    }
    for (value, seconds) in
        [("0", Some(0)), (" 60 ", Some(60)), ("999999999", Some(86_400)), ("-1", None), ("soon", None), ("", None)]
    {
        assert_eq!(hint(value), seconds, "{value}");
    }
}

#[test]
fn health_is_not_guessed() {
    assert_eq!(read("{}"), Err(MalformedAnswer::Missing("healthy")));
    assert_eq!(read(r#"{"healthy":"yes"}"#), Err(MalformedAnswer::Invalid("healthy")));
    assert_eq!(read(r#"{"healthy":1}"#), Err(MalformedAnswer::Invalid("healthy")));
    for status in [204, 302, 404, 500] {
        let answer = response(status, &[], r#"{"healthy":true}"#);
        assert_eq!(ServerStatus::read(&fresh(&answer)), Err(MalformedAnswer::Status(status)));
    }
    let old_news = response(200, &[("age", "60")], r#"{"healthy":true}"#);
    assert_eq!(ServerStatus::read(&fresh(&old_news)), Err(MalformedAnswer::Cached));
}

#[test]
fn bad_bodies_are_refused_with_their_reason() {
    for (name, body, reason) in bad_bodies(MAX_STATUS) {
        assert_eq!(read(body), Err(reason), "{name}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[ -~]{0,30}") {
        prop_assert!(read(bytes).is_err());
        let _ = hint(&text);
    }
}
