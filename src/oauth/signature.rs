//! Signatures of a server's tokens: [RFC 7518 section 3](https://www.rfc-editor.org/rfc/rfc7518#section-3) and
//! [RFC 8037 section 3.1](https://www.rfc-editor.org/rfc/rfc8037#section-3.1). They are checked here, never made.

use p256::ecdsa::signature::Verifier;
use rsa::{BoxedUint, RsaPublicKey, pkcs1v15, pss};
use serde::Deserialize;
use sha2::Sha256;

use super::{base64url, json::Lenient};

/// The smallest RSA modulus that is believed, in bits (RFC 7518 section 3.3).
const SMALLEST_RSA: usize = 2048;
/// The largest. What is beyond it costs time and proves no more.
const LARGEST_RSA: usize = 8192;

/// How a token is signed. An algorithm belongs to one type of key, so that no key is ever used as another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
}

impl Algorithm {
    /// The algorithm of this name (`alg`), if signatures with it are checked here.
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "PS256" => Self::Ps256,
            "ES256" => Self::Es256,
            // RFC 9864 calls it by the curve.
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// The members of a key that matter ([RFC 7517 section 4](https://www.rfc-editor.org/rfc/rfc7517#section-4),
/// [RFC 7518 section 6](https://www.rfc-editor.org/rfc/rfc7518#section-6)). A member of another type counts as absent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Jwk {
    pub(super) kid: Lenient<String>,
    kty: Lenient<String>,
    #[serde(rename = "use")]
    purpose: Lenient<String>,
    key_ops: Option<serde_json::Value>,
    alg: Lenient<String>,
    crv: Lenient<String>,
    x: Lenient<String>,
    y: Lenient<String>,
    n: Lenient<String>,
    e: Lenient<String>,
    /// A private part. Whoever publishes it has no secret any more.
    d: Option<serde::de::IgnoredAny>,
}

impl Jwk {
    /// Whether signatures with this algorithm may be checked with this key, by what the key says of itself.
    pub(super) fn is_for(&self, algorithm: Algorithm, name: &str) -> bool {
        let (kty, crv) = (self.kty.0.as_deref(), self.crv.0.as_deref());
        let right_type = match algorithm {
            Algorithm::Rs256 | Algorithm::Ps256 => kty == Some("RSA"),
            Algorithm::Es256 => kty == Some("EC") && crv == Some("P-256"),
            Algorithm::EdDsa => kty == Some("OKP") && crv == Some("Ed25519"),
        };
        let verifies = |ops: &serde_json::Value| {
            ops.as_array().is_some_and(|ops| ops.iter().any(|op| op.as_str() == Some("verify")))
        };
        right_type
            && self.purpose.0.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(verifies)
            && self.alg.0.as_deref().is_none_or(|own| own == name)
    }

    /// The key itself; `None` if it is too weak, too large, no key at all, or not only public.
    pub(super) fn public_key(&self) -> Option<PublicKey> {
        if self.d.is_some() {
            return None;
        }
        let bytes = |member: &Lenient<String>| base64url::decode(member.0.as_deref()?);
        match self.kty.0.as_deref()? {
            "RSA" => rsa_key(&bytes(&self.n)?, &bytes(&self.e)?).map(|key| PublicKey::Rsa(Box::new(key))),
            "EC" => {
                let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                let sized = x.len() == 32 && y.len() == 32;
                p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().filter(|_| sized).map(PublicKey::P256)
            }
            "OKP" => {
                let point: [u8; 32] = bytes(&self.x)?.try_into().ok()?;
                ed25519_dalek::VerifyingKey::from_bytes(&point).ok().map(PublicKey::Ed25519)
            }
            _ => None,
        }
    }
}

fn rsa_key(n: &[u8], e: &[u8]) -> Option<RsaPublicKey> {
    // Before any arithmetic: the time of everything after depends on these lengths.
    if n.len() > LARGEST_RSA / 8 || e.len() > 8 {
        return None;
    }
    let (n, e) = (BoxedUint::from_be_slice_vartime(n), BoxedUint::from_be_slice_vartime(e));
    RsaPublicKey::new_with_size_limits(n, e, SMALLEST_RSA..=LARGEST_RSA).ok()
}

/// A public key, ready to check signatures with.
pub(super) enum PublicKey {
    Rsa(Box<RsaPublicKey>),
    P256(p256::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl PublicKey {
    /// Whether `signature` is this key's over `input`, with this algorithm and no other.
    pub(super) fn verifies(&self, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> bool {
        match (self, algorithm) {
            (Self::Rsa(key), Algorithm::Rs256) => pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| {
                pkcs1v15::VerifyingKey::<Sha256>::new(key.as_ref().clone()).verify(input, &signature).is_ok()
            }),
            // A salt of the hash's length, as RFC 7518 section 3.5 says.
            (Self::Rsa(key), Algorithm::Ps256) => pss::Signature::try_from(signature).is_ok_and(|signature| {
                pss::VerifyingKey::<Sha256>::new(key.as_ref().clone()).verify(input, &signature).is_ok()
            }),
            (Self::P256(key), Algorithm::Es256) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(input, &signature).is_ok()),
            (Self::Ed25519(key), Algorithm::EdDsa) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(input, &signature).is_ok()),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
