use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::oauth::fixtures::bad_bodies;

const NOW: u64 = 1_795_305_600;

fn good_claims() -> Value {
    json!({"iss": "https://id.example", "sub": "ada", "aud": "till-app", "exp": NOW + 900, "iat": NOW, "nonce": "n-1"})
}

fn token(header: &Value, claims: &Value) -> Secret {
    let part = |value: &Value| base64url::encode(value.to_string());
    Secret::from_text(&format!("{}.{}.c2ln", part(header), part(claims)))
}

/// What is asked of every token beside the rest: nothing.
const NOTHING_MORE: IdTokenExpectation<'static> =
    IdTokenExpectation { issuer: "", client_id: "", nonce: None, max_age: None, access_token: None, now: None };

fn expected() -> IdTokenExpectation<'static> {
    IdTokenExpectation {
        issuer: "https://id.example",
        client_id: "till-app",
        nonce: Some("n-1"),
        now: Some(NOW),
        ..NOTHING_MORE
    }
}

/// Checks the good claims with some replaced; `null` removes one.
fn check(changes: Value) -> Result<Identity, IdTokenError> {
    check_expecting(changes, &expected())
}

fn check_expecting(changes: Value, expected: &IdTokenExpectation<'_>) -> Result<Identity, IdTokenError> {
    let mut claims = good_claims();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    IdToken::read(&token(&json!({"alg": "ES256", "kid": "k-1"}), &claims))?.check(expected, &[])
}

#[test]
fn a_good_token_names_the_person() {
    let identity = check(json!({})).unwrap();
    assert_eq!((identity.issuer.as_str(), identity.subject.as_deref()), ("https://id.example", Some("ada")));
}

#[test]
fn key_and_algorithm_are_told() {
    let token = IdToken::read(&token(&json!({"alg": "ES256", "kid": "k-1"}), &good_claims())).unwrap();
    assert_eq!((token.algorithm(), token.key_id()), ("ES256", Some("k-1")));
}

#[test]
fn an_unsigned_token_is_refused() {
    for header in
        [json!({"alg": "none"}), json!({"alg": "NONE"}), json!({"alg": ""}), json!({"alg": "ES256", "crit": ["b64"]})]
    {
        assert_eq!(IdToken::read(&token(&header, &good_claims())), Err(IdTokenError::Algorithm), "{header}");
    }
    let signed = token(&json!({"alg": "ES256"}), &good_claims());
    let stripped = Secret::from_text(signed.expose_text().strip_suffix("c2ln").unwrap());
    assert_eq!(IdToken::read(&stripped), Err(IdTokenError::Algorithm));
    let scrawled = Secret::from_text(&format!("{}!", signed.expose_text()));
    assert!(matches!(IdToken::read(&scrawled), Err(IdTokenError::Malformed(_))));
}

#[test]
fn a_token_signed_with_a_shared_secret_is_refused() {
    for alg in ["HS256", "HS384", "HS512", "hs256"] {
        assert_eq!(IdToken::read(&token(&json!({"alg": alg}), &good_claims())), Err(IdTokenError::Algorithm), "{alg}");
    }
}

#[test]
fn a_token_that_came_with_another_access_token_is_refused() {
    // OpenID Connect Core 1.0 appendix A.3: the access token and its hash.
    let access_token = Secret::from_text("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
    let another = Secret::from_text("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Z");
    let hash = json!({"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"});
    let with = |token| IdTokenExpectation { access_token: Some(token), ..expected() };
    assert!(check_expecting(hash.clone(), &with(&access_token)).is_ok());
    assert_eq!(check_expecting(hash.clone(), &with(&another)), Err(IdTokenError::AtHash));
    assert_eq!(check_expecting(json!({"at_hash": 7}), &with(&access_token)), Err(IdTokenError::AtHash));
    assert_eq!(check_expecting(json!({"at_hash": ""}), &with(&access_token)), Err(IdTokenError::AtHash));
    // Optional in the code flow (section 3.1.3.6).
    assert!(check_expecting(json!({}), &with(&access_token)).is_ok());
    // The hash is that of the signature: SHA-512 for Ed25519.
    let half = base64url::encode(&Sha512::digest(access_token.expose())[..32]);
    let mut claims = good_claims();
    claims["at_hash"] = json!(half);
    let by_ed25519 = IdToken::read(&token(&json!({"alg": "EdDSA"}), &claims)).unwrap();
    assert!(by_ed25519.check(&with(&access_token), &[]).is_ok());
    assert_eq!(by_ed25519.check(&with(&another), &[]), Err(IdTokenError::AtHash));
}

#[test]
fn a_sign_in_that_is_older_than_asked_for_is_refused() {
    let asked = IdTokenExpectation { max_age: Some(300), ..expected() };
    let limit = NOW - 300 - ID_TOKEN_LENIENCY;
    assert!(check_expecting(json!({"auth_time": limit}), &asked).is_ok());
    for auth_time in [json!(limit - 1), json!(null), json!("long ago")] {
        assert_eq!(check_expecting(json!({"auth_time": auth_time}), &asked), Err(IdTokenError::AuthTime));
    }
    // Where nobody asked, nobody is told.
    assert!(check(json!({"auth_time": 1})).is_ok());
}

#[test]
fn another_issuer_is_refused() {
    for iss in [json!("https://id.example/"), json!("https://evil.example"), json!(null), json!(7)] {
        assert_eq!(check(json!({"iss": iss.clone()})), Err(IdTokenError::Issuer), "{iss}");
    }
}

#[test]
fn a_token_without_a_subject_is_refused() {
    // Field case H3.
    for sub in [json!(null), json!(""), json!(" "), json!(7), json!(["ada"])] {
        assert_eq!(check(json!({"sub": sub.clone()})), Err(IdTokenError::Identity(IdentityError::NoSubject)), "{sub}");
    }
}

#[test]
fn a_token_for_another_client_is_refused() {
    for aud in [json!("other"), json!(["other"]), json!([]), json!(null), json!([7]), json!("till-app2")] {
        assert_eq!(check(json!({"aud": aud.clone()})), Err(IdTokenError::Audience), "{aud}");
    }
    assert!(check(json!({"aud": ["api", "till-app"]})).is_ok());
    assert!(check(json!({"aud": ["api", "till-app"], "azp": "till-app"})).is_ok());
    assert_eq!(check(json!({"aud": ["api", "till-app"], "azp": "api"})), Err(IdTokenError::Audience));
    assert_eq!(check(json!({"azp": 7})), Err(IdTokenError::Audience));
}

#[test]
fn a_token_of_another_sign_in_is_refused() {
    assert_eq!(check(json!({"nonce": "n-2"})), Err(IdTokenError::Nonce));
    assert_eq!(check(json!({"nonce": null})), Err(IdTokenError::Nonce));
    let refresh = IdTokenExpectation { nonce: None, ..expected() };
    assert!(check_expecting(json!({"nonce": null}), &refresh).is_ok());
}

#[test]
fn times_are_lenient_and_count_by_the_servers_clock() {
    assert!(check(json!({"exp": NOW - ID_TOKEN_LENIENCY + 1})).is_ok());
    assert_eq!(check(json!({"exp": NOW - ID_TOKEN_LENIENCY})), Err(IdTokenError::Expired));
    assert!(check(json!({"iat": NOW + ID_TOKEN_LENIENCY})).is_ok());
    assert_eq!(check(json!({"iat": NOW + ID_TOKEN_LENIENCY + 1})), Err(IdTokenError::NotYet));
    assert!(check(json!({"exp": 1_795_306_500.5, "iat": 1_795_305_600.0})).is_ok());
}

#[test]
fn a_device_clock_that_is_days_off_refuses_nobody() {
    // Field cases E1 and E2: without the server's own time the times are not judged.
    let no_date = IdTokenExpectation { now: None, ..expected() };
    assert!(check_expecting(json!({"exp": 1, "iat": u32::MAX}), &no_date).is_ok());
}

#[test]
fn a_token_without_times_is_malformed() {
    for (name, bad) in [("exp", json!("soon")), ("exp", json!(-1)), ("iat", json!({}))] {
        let result = check(json!({name: bad.clone()}));
        assert_eq!(result, Err(IdTokenError::Malformed(MalformedAnswer::Invalid(name))), "{bad}");
    }
    assert_eq!(check(json!({"exp": null})), Err(IdTokenError::Malformed(MalformedAnswer::Missing("exp"))));
}

#[test]
fn configured_tenants_must_be_there() {
    let tenant = ["tenant".to_owned()];
    let mut claims = good_claims();
    let read = |claims: &Value| IdToken::read(&token(&json!({"alg": "ES256"}), claims)).unwrap();
    let missing = IdTokenError::Identity(IdentityError::NoTenant("tenant".into()));
    assert_eq!(read(&claims).check(&expected(), &tenant), Err(missing));
    claims["tenant"] = json!("shop-7");
    let identity = read(&claims).check(&expected(), &tenant).unwrap();
    assert_eq!(identity.tenant, [("tenant".to_owned(), "shop-7".to_owned())]);
}

#[test]
fn what_is_no_token_is_malformed() {
    for text in ["", "a", "a.b", "a.b.c.d", "..", "e30.e30.", "!!.e30.x", "e30=.e30.x"] {
        assert!(matches!(IdToken::read(&Secret::from_text(text)), Err(IdTokenError::Malformed(_))), "{text}");
    }
    let encrypted = Secret::from_text("eyJhbGciOiJSU0EtT0FFUCJ9.a.b.c.d");
    assert!(matches!(IdToken::read(&encrypted), Err(IdTokenError::Malformed(_))));
    let header = base64url::encode(r#"{"alg":"ES256"}"#);
    for (name, body, reason) in bad_bodies(MAX_BODY) {
        let body = base64url::encode(body);
        let as_claims = Secret::from_text(&format!("{header}.{body}.c2ln"));
        assert_eq!(IdToken::read(&as_claims), Err(IdTokenError::Malformed(reason)), "{name}");
        let as_header = Secret::from_text(&format!("{body}.e30.c2ln"));
        assert_eq!(IdToken::read(&as_header), Err(IdTokenError::Malformed(reason)), "{name}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[A-Za-z0-9_.-]{0,120}") {
        prop_assert!(IdToken::read(&Secret::new(bytes)).is_err());
        let _ = IdToken::read(&Secret::from_text(&text));
    }
}
