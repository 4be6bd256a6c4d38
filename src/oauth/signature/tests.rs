//! Vectors of the standards, and keys that no server should have.

use serde_json::{Value, json};

use super::*;
use crate::oauth::{
    KeySet, SignatureError,
    fixtures::{fresh, response},
};

/// A token taken apart: the algorithm, what is signed, and the signature.
struct Signed {
    algorithm: &'static str,
    input: &'static str,
    signature: &'static str,
}

/// [RFC 7515 appendix A.2](https://www.rfc-editor.org/rfc/rfc7515#appendix-A.2).
const RS256: Signed = Signed {
    algorithm: "RS256",
    input: "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    signature: concat!(
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W",
        "2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkS",
        "jtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv",
        "Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    ),
};
const RS256_N: &str = concat!(
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt",
    "0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSX",
    "ndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5",
    "IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
);
/// [RFC 7515 appendix A.3](https://www.rfc-editor.org/rfc/rfc7515#appendix-A.3).
const ES256: Signed = Signed {
    algorithm: "ES256",
    input: "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
    signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
};
/// [RFC 8037 appendix A.4](https://www.rfc-editor.org/rfc/rfc8037#appendix-A.4).
const EDDSA: Signed = Signed {
    algorithm: "EdDSA",
    input: "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
    signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
};
/// Made by OpenSSL 3: `openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32`.
const PS256: Signed = Signed {
    algorithm: "PS256",
    input: "eyJhbGciOiJQUzI1NiJ9.eyJpc3MiOiJqb2UifQ",
    signature: concat!(
        "QDqDWgrpHaElcbLDkfGUStjRTKk7-vOVXsrJ02mCVGP2z5_OZxANXXhV1-dBVdOKjaGedFHrZW5Fc5NQOK0QPHJN",
        "zoWLjdJ-8FRGI7zUsgT4zPg3KAVxSN5Vz63xPIM1GPm8YBFDj_QiXVQLIGybFhLBXTtBipYkyBQpxs1G33O3KTVO",
        "KTu75-Tw3heJYuA6ghmppbHNbbWB2rkf4_O7c2lwXwF7S2f_YKj1Yj0ezJAnwP7D47JiJwjFoG6recn0oUCSVkV8",
        "SKnK2LNPafs5vVCYTc61qLU2_c-o9wA6B7yb0ThWHP_FL_1q73IIInBPccvMT5LZuRb0zj_4Jenrfw",
    ),
};
const PS256_N: &str = concat!(
    "25mrs9XydLmgny66TeaC9qA8jTQ72Ih1EK9EY9jmxqVJDNYwfEcMx3srlC59CLCoyyzBv5hOKwJAWMg0n7xRiBHi",
    "sChgXQAac7ddcy5nUGLW2oYGChr7Wt5PxpXsqG7syR3E2CoNQaw9MIkvedCL-StcLvOoHlP0gyp_yeHqlnij1EV8",
    "BNcJx1bti73dhXdtwcnMp9BnVYoUjbNoSi0Arv_dRPGW3m5rSi4qCK1ndzey1ekXTh56Hnmx3NRwhsLm3NWB4G6R",
    "jO9KFM2JE5Z-PI3PDpq3xlEXxrPy9YY61OOVGjEBmd9NH7ATJJI9jySmN9vb2k0U0oUdizImuE_1TQ",
);
/// The same with a salt of 20 bytes, which RFC 7518 section 3.5 does not allow.
const PS256_SHORT_SALT: Signed = Signed {
    algorithm: "PS256",
    input: PS256.input,
    signature: concat!(
        "cYzN5qT9KSihc-U-2bnzxVCjjmz34ksoMPzOdLNnZqVaA3pgrhSwwkIn7XYteWWzKFdJSHheZEadr9xE8fSj1Skl",
        "uF0MIh-XzL-evF8uFzD8yMeR7F4UQ77UeZI6RBCt4CwUcahPy3Ofg6x3ZGXLRdE3LCBHEK9a0RmSlIJZr1vgKk4D",
        "1JV9R4UXsuv6GPlbL15lWLoZPxAFVUWjyWiDFiQvaBqz4o_Jqm4siWdzycSjx5f7XxB5pFd-eAswTmkW23Fz8Rrn",
        "iN70FEjz3iOMLaw-Z7uuiH6dmxRBfzgsZvCmTqSvcTkZuoXLblQHRw4CAVw6W8L-L3BxNok4BkJ15g",
    ),
};
/// By a key of 1024 bits.
const RS256_TINY: Signed = Signed {
    algorithm: "RS256",
    input: PS256.input,
    signature: concat!(
        "UZVg07RxJt93WOCAL0Aev5a6CYcAEeJ2jnO_9y1oA4j4BBqCdhywNw4VMFA6ikUAbhrqzYqXsbO5z_REqUzbhK6H",
        "qBXk5Pv6O3zoOvm7Rc2264VTfKMsCiv3YErjUyKMQIAHLKRw-5ZhUInNI6kVtu5Aq99LBXYMIhA7JGXuJWI",
    ),
};
const RS256_TINY_N: &str = concat!(
    "rsSle1xy_XoRX4dEw8iwZZFkoYyifJ2UbG9q6qYJeQGJTTh8ZuAD8wZJH4yzG6P4PyfVHQ6BDYM7PIxc0sBu3f2V",
    "sM4Y8Sk5hohHfmzUahPHEbaUrNxfwU_TiA6Xq7aLvo-od_ayIjTWsJuNSud_0tOLnVftVfc0a800risvgw8",
);

fn rsa(n: &str) -> Value {
    json!({"kty": "RSA", "n": n, "e": "AQAB"})
}

fn p256() -> Value {
    json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
}

fn ed25519() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

/// The key with members more or others.
fn with(mut key: Value, members: Value) -> Value {
    key.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    key
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::read(&fresh(&response(200, &[], json!({"keys": keys}).to_string()))).unwrap()
}

fn verify(keys: &[Value], kid: Option<&str>, signed: &Signed) -> Result<(), SignatureError> {
    let signature = base64url::decode(signed.signature).unwrap();
    set(keys).verify((signed.algorithm, kid), signed.input.as_bytes(), &signature)
}

fn good() -> [(Value, Signed); 4] {
    [(rsa(RS256_N), RS256), (rsa(PS256_N), PS256), (p256(), ES256), (ed25519(), EDDSA)]
}

#[test]
fn the_signatures_of_the_standards_are_right() {
    for (key, signed) in good() {
        assert_eq!(verify(std::slice::from_ref(&key), None, &signed), Ok(()), "{}", signed.algorithm);
        let named = with(key, json!({"kid": "k1", "use": "sig", "key_ops": ["verify"], "alg": signed.algorithm}));
        assert_eq!(verify(&[named], Some("k1"), &signed), Ok(()), "{}", signed.algorithm);
    }
}

#[test]
fn one_bit_makes_a_signature_wrong() {
    for (key, signed) in good() {
        let keys = set(&[with(key, json!({"kid": "k1"}))]);
        let named = (signed.algorithm, Some("k1"));
        let signature = base64url::decode(signed.signature).unwrap();
        let mut other = signature.clone();
        other[20] ^= 1;
        assert_eq!(keys.verify(named, signed.input.as_bytes(), &other), Err(SignatureError::Wrong));
        let said = signed.input.replace('J', "K");
        assert_eq!(keys.verify(named, said.as_bytes(), &signature), Err(SignatureError::Wrong));
        for odd in [&[][..], &signature[1..], &[signature.as_slice(), &[0]].concat(), &[0; 64], &[0xff; 256]] {
            assert_eq!(keys.verify(named, signed.input.as_bytes(), odd), Err(SignatureError::Wrong));
        }
    }
}

#[test]
fn an_algorithm_belongs_to_its_type_of_key() {
    for (key, signed) in good() {
        for (other, _) in good() {
            let mut other = with(other, json!({"kid": "k1"}));
            if other["kty"] == key["kty"] && other["n"] == key["n"] {
                // Its own type, and the key says that it is for something else.
                for no in [
                    json!({"use": "enc"}),
                    json!({"key_ops": ["encrypt"]}),
                    json!({"key_ops": "verify"}),
                    json!({"alg": "RS512"}),
                ] {
                    let other = with(other.clone(), no);
                    assert_eq!(verify(&[other], Some("k1"), &signed), Err(SignatureError::Wrong));
                }
                other["crv"] = json!("P-521");
                other["kty"] = json!("oct");
            }
            assert_eq!(verify(&[other], Some("k1"), &signed), Err(SignatureError::Wrong), "{}", signed.algorithm);
        }
    }
}

/// The classic: a public key is known to everybody, and so is what an HMAC with it comes to.
#[test]
fn a_public_key_is_no_shared_secret_and_no_signature_is_none() {
    for algorithm in ["HS256", "none", "None", "", "RS1", "ES384", "rs256"] {
        let found = set(&[rsa(RS256_N)]).verify((algorithm, None), RS256.input.as_bytes(), &[0; 32]);
        assert_eq!(found, Err(SignatureError::Unsupported), "{algorithm}");
    }
}

#[test]
fn keys_that_are_too_weak_too_large_or_no_keys_prove_nothing() {
    let huge = base64url::encode([0xff; 8192 / 8 + 1]);
    let even = base64url::encode([0xfe; 256]);
    let large_exponent = with(rsa(RS256_N), json!({"e": base64url::encode([0xff; 9])}));
    let no_exponent = with(rsa(RS256_N), json!({"e": "AQ"}));
    let private = with(rsa(RS256_N), json!({"d": "AQAB"}));
    for key in [rsa(&huge), rsa(&even), rsa(""), rsa("!"), large_exponent, no_exponent, private] {
        let key = with(key, json!({"kid": "k1"}));
        assert_eq!(verify(&[key], Some("k1"), &RS256), Err(SignatureError::Unsupported));
    }
    // Its signature is right.
    let tiny = with(rsa(RS256_TINY_N), json!({"kid": "k1"}));
    assert_eq!(verify(&[tiny], Some("k1"), &RS256_TINY), Err(SignatureError::Unsupported));
    for odd in [json!({"x": "AA"}), json!({"y": "AA"}), json!({"x": p256()["y"]}), json!({"x": 7}), json!({"y": null})]
    {
        let key = with(with(p256(), odd), json!({"kid": "k1"}));
        assert_eq!(verify(&[key], Some("k1"), &ES256), Err(SignatureError::Unsupported));
    }
    let short = with(ed25519(), json!({"kid": "k1", "x": "AA"}));
    assert_eq!(verify(&[short], Some("k1"), &EDDSA), Err(SignatureError::Unsupported));
    // The point of order one, under which a signature of zeros fits everything that is not checked strictly.
    let mut point = [0; 32];
    point[0] = 1;
    let weak = with(ed25519(), json!({"kid": "k1", "x": base64url::encode(point)}));
    let mut zeros = [0; 64];
    zeros[0] = 1;
    let found = set(&[weak]).verify(("EdDSA", Some("k1")), EDDSA.input.as_bytes(), &zeros);
    assert_eq!(found, Err(SignatureError::Wrong));
}

#[test]
fn a_salt_of_another_length_is_refused() {
    assert_eq!(
        verify(&[with(rsa(PS256_N), json!({"kid": "k"}))], Some("k"), &PS256_SHORT_SALT),
        Err(SignatureError::Wrong)
    );
}

#[test]
fn the_key_is_found_by_its_name() {
    let [own, other] = [("own", p256()), ("other", ed25519())].map(|(kid, key)| with(key, json!({"kid": kid})));
    let keys = [other.clone(), own.clone()];
    assert_eq!(verify(&keys, Some("own"), &ES256), Ok(()));
    assert_eq!(verify(&keys, Some("other"), &ES256), Err(SignatureError::Wrong));
    assert_eq!(verify(&keys, Some("new"), &ES256), Err(SignatureError::UnknownKey));
    // Who names no key may mean any, and a key without a name may be meant by any.
    assert_eq!(verify(&keys, None, &ES256), Ok(()));
    assert_eq!(verify(&[other.clone(), p256()], Some("new"), &ES256), Ok(()));
    assert_eq!(verify(&[ed25519()], Some("new"), &ES256), Err(SignatureError::UnknownKey));
    // Two keys of one name: RFC 7517 section 4.5 allows it for keys of different types.
    let twins = [with(ed25519(), json!({"kid": "own"})), own];
    assert_eq!(verify(&twins, Some("own"), &ES256), Ok(()));
}

/// A set may hold many keys of one name; what they cost is bounded.
#[test]
fn a_flood_of_keys_costs_eight_comparisons() {
    let wrong = with(rsa(PS256_N), json!({"kid": "k"}));
    let mut keys = vec![wrong; 8];
    keys.push(with(rsa(RS256_N), json!({"kid": "k"})));
    assert_eq!(verify(&keys, Some("k"), &RS256), Err(SignatureError::Wrong));
    keys.remove(0);
    assert_eq!(verify(&keys, Some("k"), &RS256), Ok(()));
}
