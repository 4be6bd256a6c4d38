use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::oauth::{MAX_BODY, fixtures::bad_bodies};

#[derive(Debug, Deserialize)]
struct Texts {
    #[serde(default)]
    a: Lenient<String>,
    #[serde(default)]
    b: Lenient<Secret>,
}

fn nested(depth: usize) -> String {
    format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))
}

#[test]
fn every_bad_body_is_refused_with_its_reason() {
    for (name, body, reason) in bad_bodies(MAX_BODY) {
        assert_eq!(object::<Value>(&body, MAX_BODY).unwrap_err(), reason, "{name}");
    }
}

#[test]
fn a_reason_never_repeats_the_answer() {
    let error = object::<Texts>(br#"{"canary-7f3a": tru}"#, MAX_BODY).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[test]
fn the_limits_are_inclusive() {
    assert!(object::<Value>(nested(MAX_DEPTH).as_bytes(), MAX_BODY).is_ok());
    assert_eq!(object::<Value>(nested(MAX_DEPTH + 1).as_bytes(), MAX_BODY), Err(MalformedAnswer::TooDeep));
    assert!(object::<Value>(b"{\"a\":1}", 7).is_ok());
    assert_eq!(object::<Value>(b"{\"a\":1}", 6), Err(MalformedAnswer::TooLarge { limit: 6 }));
}

#[test]
fn an_answer_is_one_object() {
    assert_eq!(object::<Value>(b"{}{}", MAX_BODY), Err(MalformedAnswer::NotJson));
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert_eq!(object::<Value>(b"\xEF\xBB\xBF{\"a\":1}", MAX_BODY), Ok(json!({"a": 1})));
}

#[test]
fn brackets_inside_texts_do_not_nest() {
    let body = format!(r#"{{"a":"{}\"{}\\"}}"#, "[".repeat(100), "{".repeat(100));
    assert!(object::<Value>(body.as_bytes(), MAX_BODY).is_ok());
}

#[test]
fn a_member_that_stands_twice_is_refused() {
    assert_eq!(object::<Texts>(br#"{"a":"x","a":"y"}"#, MAX_BODY).unwrap_err(), MalformedAnswer::WrongShape);
}

#[test]
fn a_member_of_another_type_counts_as_absent() {
    for other in ["null", "true", "1", "-1", "1.5", "[1,[2]]", r#"{"x":{"y":1}}"#] {
        let body = format!(r#"{{"a":{other},"b":"kept"}}"#);
        let texts: Texts = object(body.as_bytes(), MAX_BODY).unwrap();
        assert_eq!((texts.a.0, texts.b.0), (None, Some(Secret::from_text("kept"))), "{other}");
    }
}

#[test]
fn whole_numbers_are_read_in_every_spelling() {
    for (value, expected) in [
        (json!(3600), Some(3600)),
        (json!("3600"), Some(3600)),
        (json!(" 3600 "), Some(3600)),
        (json!(3599.9), Some(3599)),
        (json!("3599.9"), Some(3599)),
        (json!(-1), Some(-1)),
        (json!(-1.5), Some(-1)),
        (json!(u64::MAX), Some(i64::MAX)),
        (json!(1e300), Some(i64::MAX)),
        (json!(-1e300), Some(i64::MIN)),
        (json!("1e300"), Some(i64::MAX)),
        (json!("NaN"), None),
        (json!("inf"), Some(i64::MAX)),
        (json!(""), None),
        (json!("soon"), None),
        (json!("9".repeat(33)), None),
        (json!(null), None),
        (json!(true), None),
        (json!([1]), None),
    ] {
        assert_eq!(whole_number(&value), expected, "{value}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = object::<Value>(&bytes, 500);
        let _ = object::<Texts>(&bytes, 500);
    }

    #[test]
    fn nothing_deeper_than_the_limit_is_parsed(text in r#"[\{\}\[\]":,\\a1]{0,200}"#) {
        if let Ok(value) = object::<Value>(text.as_bytes(), MAX_BODY) {
            prop_assert!(depth(&value) <= MAX_DEPTH);
        }
    }

    #[test]
    fn what_is_valid_and_shallow_is_read(members in prop::collection::btree_map("[a-z]{1,8}", "\\PC{0,20}", 0..8)) {
        let body = serde_json::to_vec(&members).unwrap();
        prop_assert_eq!(object::<Value>(&body, MAX_BODY).unwrap(), json!(members));
    }

    #[test]
    fn any_number_becomes_a_whole_one(number in any::<f64>()) {
        let text = number.to_string();
        prop_assert_eq!(whole_number(&json!(text.clone())).is_some(), !number.is_nan() && text.len() <= 32);
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
