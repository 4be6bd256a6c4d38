//! A device's own key, ES256, for hosts without a guarded one.

use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::base64url;
use crate::Secret;

/// A P-256 key in software. Wiped when dropped, redacted in `Debug`. Hosts that can guard a key better (Android
/// Keystore, WebCrypto) sign by themselves and need only [`PublicJwk`].
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// Makes a key out of 32 random bytes, or takes one back from [`to_secret`](DeviceKey::to_secret). `None` if the
    /// bytes are no valid key, which happens to random ones once in 2^32: draw again.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        // The library would take shorter ones, too.
        Some(bytes).filter(|bytes| bytes.len() == 32).and_then(|bytes| SigningKey::from_slice(bytes).ok()).map(Self)
    }

    /// The private key, 32 bytes, for a secret store.
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        Secret::new(self.0.to_bytes().to_vec())
    }

    /// Signs a message: 64 bytes, `r` and `s` ([RFC 7518 section 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)),
    /// the same for the same message (RFC 6979).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature: Signature = self.0.sign(message);
        signature.to_bytes().into()
    }

    /// The public key.
    #[must_use]
    pub fn public_jwk(&self) -> PublicJwk {
        let point = self.0.verifying_key().to_sec1_point(false);
        let coordinate = |bytes: Option<&p256::FieldBytes>| bytes.map(base64url::encode).unwrap_or_default();
        PublicJwk::new(coordinate(point.x()), coordinate(point.y()))
    }
}

impl std::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceKey(redacted)")
    }
}

/// A public P-256 key ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517),
/// [RFC 7518 section 6.2](https://www.rfc-editor.org/rfc/rfc7518#section-6.2)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicJwk {
    // In the order of RFC 7638 section 3.2: the thumbprint is taken over just this text.
    crv: Curve,
    kty: KeyType,
    x: String,
    y: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Curve {
    #[serde(rename = "P-256")]
    P256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum KeyType {
    #[serde(rename = "EC")]
    Ec,
}

impl PublicJwk {
    /// From the coordinates of the point, in base64url.
    #[must_use]
    pub const fn new(x: String, y: String) -> Self {
        Self { crv: Curve::P256, kty: KeyType::Ec, x, y }
    }

    /// The key's name: its thumbprint ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)), in base64url.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let Self { x, y, .. } = self;
        base64url::encode(Sha256::digest(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)))
    }
}

#[cfg(test)]
mod tests;
