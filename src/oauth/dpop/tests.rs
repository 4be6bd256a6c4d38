use p256::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use serde_json::{Value, json};

use super::*;

/// [RFC 9449 section 7.1](https://www.rfc-editor.org/rfc/rfc9449#section-7.1): an access token and its hash.
const ACCESS_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const ITS_HASH: &str = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo";

fn key() -> DpopKey {
    DpopKey::from_bytes(&[7; 32]).unwrap()
}

fn taken_apart(proof: &HeaderValue) -> (Value, Value) {
    let text = proof.to_str().unwrap();
    let (input, signature) = text.rsplit_once('.').unwrap();
    let mut parts = input.split('.').map(|part| serde_json::from_slice(&base64url::decode(part).unwrap()).unwrap());
    let (header, payload): (Value, Value) = (parts.next().unwrap(), parts.next().unwrap());
    let coordinate = |name: &str| base64url::decode(header["jwk"][name].as_str().unwrap()).unwrap();
    let point = [&[4][..], &coordinate("x"), &coordinate("y")].concat();
    let signature = Signature::from_slice(&base64url::decode(signature).unwrap()).unwrap();
    VerifyingKey::from_sec1_bytes(&point).unwrap().verify(input.as_bytes(), &signature).unwrap();
    (header, payload)
}

#[test]
fn a_proof_says_what_rfc_9449_section_4_2_asks_for() {
    let url = Url::parse("https://resource.example.org/protectedresource?page=2#end").unwrap();
    let token = Secret::from_text(ACCESS_TOKEN);
    let proof = DpopProof {
        method: &Method::GET,
        url: &url,
        id: [1; 16],
        now_ms: 1_562_262_618_500,
        clock_offset_ms: -1000,
        access_token: Some(&token),
        nonce: Some("eyJ7S_zG.eyJH0-Z.HX4w-7v"),
    };
    let (header, payload) = taken_apart(&key().prove(&proof).unwrap());
    assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
    assert_eq!(header["jwk"].as_object().unwrap().len(), 4, "the public key, and no more: {header}");
    assert_eq!(
        payload,
        json!({"jti": "AQEBAQEBAQEBAQEBAQEBAQ", "htm": "GET", "htu": "https://resource.example.org/protectedresource",
            "iat": 1_562_262_617, "ath": ITS_HASH, "nonce": "eyJ7S_zG.eyJH0-Z.HX4w-7v"})
    );
}

#[test]
fn a_proof_for_the_token_endpoint_has_no_token_s_hash() {
    let url = Url::parse("https://server.example.com/token").unwrap();
    let proof = DpopProof {
        method: &Method::POST,
        url: &url,
        id: [2; 16],
        now_ms: 1000,
        clock_offset_ms: 0,
        access_token: None,
        nonce: None,
    };
    let (_, payload) = taken_apart(&key().prove(&proof).unwrap());
    let members: Vec<_> = payload.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["htm", "htu", "iat", "jti"]);
}

#[test]
fn a_key_survives_its_store_and_keeps_its_name() {
    let back = DpopKey::from_bytes(key().to_secret().expose()).unwrap();
    assert_eq!(back.thumbprint(), key().thumbprint());
    assert!(DpopKey::from_bytes(&[0; 32]).is_none() && DpopKey::from_bytes(&[7; 31]).is_none());
}
