use proptest::prelude::*;

use super::*;
use crate::oauth::fixtures::bad_bodies;

fn claims(text: &str) -> Claims {
    Claims::read(text.as_bytes()).unwrap()
}

fn source(subject: &str, tenant: &[&str]) -> IdentitySource {
    IdentitySource { subject: subject.to_owned(), tenant: tenant.iter().map(|place| (*place).to_owned()).collect() }
}

fn subject(text: &str) -> Option<String> {
    claims(text).identity("https://id.example", &IdentitySource::default()).ok()?.subject
}

#[test]
fn a_person_is_issuer_subject_and_tenants_in_order() {
    let person = claims(r#"{"sub":"ada","tenant":"shop-7","https://x.example/org":12,"name":"Ada"}"#);
    let identity = person.identity("https://id.example", &source("sub", &["tenant", "https://x.example/org"])).unwrap();
    assert_eq!(
        identity,
        Identity {
            issuer: "https://id.example".into(),
            subject: Some("ada".into()),
            tenant: vec![("https://x.example/org".into(), "12".into()), ("tenant".into(), "shop-7".into())],
        }
    );
}

#[test]
fn absent_never_equals_absent() {
    for text in [
        "{}",
        r#"{"sub":""}"#,
        r#"{"sub":"  "}"#,
        r#"{"sub":null}"#,
        r#"{"sub":true}"#,
        r#"{"sub":1.5}"#,
        r#"{"sub":["ada"]}"#,
        r#"{"sub":"a\u0000b"}"#,
    ] {
        assert_eq!(subject(text), None, "{text}");
    }
    assert_eq!(subject(&format!(r#"{{"sub":"{}"}}"#, "x".repeat(MAX_NAME + 1))), None);
    let missing = claims(r#"{"sub":"ada","tenant":null}"#).identity("i", &source("sub", &["tenant"]));
    assert_eq!(missing, Err(IdentityError::NoTenant("tenant".into())));
}

#[test]
fn a_place_is_a_name_or_a_pointer() {
    let person = claims(r#"{"data":{"user":{"id":42,"a/b":"slash"}},"/odd":"x","sub":"ada"}"#);
    for (place, value) in [
        ("/data/user/id", Some("42")),
        ("/data/user/a~1b", Some("slash")),
        ("/sub", Some("ada")),
        ("sub", Some("ada")),
        ("data/user/id", None),
        ("/data", None),
        ("/", None),
        ("", None),
        ("/~1odd", Some("x")),
    ] {
        assert_eq!(person.name_at(place).as_deref(), value, "{place}");
    }
}

#[test]
fn bad_bodies_are_refused_with_their_reason() {
    for (name, body, reason) in bad_bodies(MAX_BODY) {
        assert_eq!(Claims::read(&body), Err(reason), "{name}");
    }
}

#[test]
fn debug_shows_names_only() {
    assert_eq!(format!("{:?}", claims(r#"{"sub":"ada"}"#)), r#"{"sub"}"#);
}

proptest! {
    #[test]
    fn no_bytes_and_no_place_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), place in any::<String>()) {
        let _ = Claims::read(&bytes);
        let _ = claims(r#"{"a":{"b":[{"c":1}]}}"#).name_at(&place);
    }
}
