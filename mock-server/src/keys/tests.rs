use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 4231, test cases 2 (a short key) and 6 (one longer than a block).
#[test]
fn hmac_keys_may_have_any_length() {
    let cases: [(&[u8], &[u8], &str); 2] = [
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ];
    for (key, data, expected) in cases {
        let material = Material::Hmac(HmacKey::new(key));
        assert_eq!(hex(&material.sign(data)), expected);
        assert!(material.verifies(data, &material.sign(data)));
        assert!(!material.verifies(b"other", &material.sign(data)));
    }
}

/// RFC 7517 appendix A.1, the EC key; its thumbprint by RFC 7638, computed by other software.
#[test]
fn a_jwk_has_the_thumbprint_that_everybody_computes() {
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "use": "enc", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    });
    let (_, thumbprint) = public_key(&jwk).unwrap();
    assert_eq!(thumbprint, "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
}
