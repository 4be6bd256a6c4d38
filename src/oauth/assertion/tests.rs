use serde_json::{Value, json};

use super::*;
use crate::oauth::DeviceKey;

fn claims() -> AssertionClaims<'static> {
    AssertionClaims {
        issuer: "till-app",
        subject: "ada",
        audience: "https://id.example",
        id: [7; 16],
        now_ms: 1_795_305_600_999,
        clock_offset_ms: 0,
        lifetime: Duration::from_secs(60),
    }
}

fn payload(claims: &AssertionClaims<'_>) -> Value {
    let assertion = Assertion::new("k-1", claims);
    let payload = assertion.0.split('.').nth(1).unwrap().to_owned();
    serde_json::from_slice(&base64url::decode(&payload).unwrap()).unwrap()
}

#[test]
fn an_assertion_says_who_asks_for_whom_where_and_when() {
    let expected = json!({
        "iss": "till-app", "sub": "ada", "aud": "https://id.example", "jti": base64url::encode([7; 16]),
        "iat": 1_795_305_600, "exp": 1_795_305_660,
    });
    assert_eq!(payload(&claims()), expected);
}

#[test]
fn a_wrong_device_clock_is_corrected_by_what_was_learned() {
    // Field case E1: a day behind, a day ahead.
    let day_ms = 86_400_000;
    assert_eq!(payload(&AssertionClaims { clock_offset_ms: day_ms, ..claims() })["iat"], 1_795_392_000);
    assert_eq!(payload(&AssertionClaims { clock_offset_ms: -day_ms, ..claims() })["iat"], 1_795_219_200);
    assert_eq!(payload(&AssertionClaims { clock_offset_ms: i64::MIN, ..claims() })["iat"], 0);
    assert_eq!(
        payload(&AssertionClaims { now_ms: u64::MAX, clock_offset_ms: i64::MAX, ..claims() })["iat"],
        u64::MAX / 1000
    );
}

#[test]
fn an_assertion_never_lives_long() {
    let long = payload(&AssertionClaims { lifetime: Duration::from_secs(86_400), ..claims() });
    assert_eq!(long["exp"].as_u64().unwrap() - long["iat"].as_u64().unwrap(), MAX_ASSERTION_LIFETIME.as_secs());
}

#[test]
fn the_signature_covers_header_and_payload() {
    use p256::ecdsa::{Signature, SigningKey, VerifyingKey, signature::Verifier};
    let key = DeviceKey::from_bytes(&[7; 32]).unwrap();
    let assertion = Assertion::new("k-1", &claims());
    let signature = key.sign(assertion.signing_input());
    let signed = assertion.signed(&signature);
    let (input, end) = signed.expose_text().rsplit_once('.').unwrap();
    let header: Value = serde_json::from_slice(&base64url::decode(input.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!(header, json!({"alg": "ES256", "typ": "JWT", "kid": "k-1"}));
    let signature = Signature::from_slice(&base64url::decode(end).unwrap()).unwrap();
    let public = VerifyingKey::from(&SigningKey::from_slice(&[7; 32]).unwrap());
    public.verify(input.as_bytes(), &signature).unwrap();
}
