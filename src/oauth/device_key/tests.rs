use p256::ecdsa::{VerifyingKey, signature::Verifier};

use super::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_public_key_is_that_of_rfc_7515_appendix_a_3() {
    let private = base64url::decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI").unwrap();
    let expected = PublicJwk::new(
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".into(),
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".into(),
    );
    assert_eq!(DeviceKey::from_bytes(&private).unwrap().public_jwk(), expected);
}

#[test]
fn a_signature_is_that_of_rfc_6979_appendix_a_2_5() {
    let key = DeviceKey::from_bytes(&hex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")).unwrap();
    let expected = hex(concat!(
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    ));
    assert_eq!(key.sign(b"sample").to_vec(), expected);
}

#[test]
fn the_thumbprint_is_that_of_rfc_9449_section_6_1() {
    let jwk = PublicJwk::new(
        "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs".into(),
        "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA".into(),
    );
    assert_eq!(jwk.thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    assert!(serde_json::to_string(&jwk).unwrap().starts_with(r#"{"crv":"P-256","kty":"EC","x":"l8tF"#));
}

#[test]
fn a_key_survives_its_store_and_signs_the_same() {
    let key = DeviceKey::from_bytes(&[7; 32]).unwrap();
    let again = DeviceKey::from_bytes(key.to_secret().expose()).unwrap();
    assert_eq!(again.public_jwk(), key.public_jwk());
    let signature = Signature::from_slice(&again.sign(b"message")).unwrap();
    VerifyingKey::from(&key.0).verify(b"message", &signature).unwrap();
}

#[test]
fn bytes_that_are_no_key_are_refused() {
    for bytes in [&[0; 32][..], &[0xFF; 32], &[1; 31], &[1; 33], &[]] {
        assert!(DeviceKey::from_bytes(bytes).is_none(), "{bytes:?}");
    }
}

#[test]
fn a_key_is_not_seen_in_debug() {
    assert_eq!(format!("{:?}", DeviceKey::from_bytes(&[7; 32]).unwrap()), "DeviceKey(redacted)");
}
