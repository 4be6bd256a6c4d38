//! Proofs of possession: a request says that whoever sends it has the key that its tokens are bound to,
//! [RFC 9449](https://www.rfc-editor.org/rfc/rfc9449).

use http::{HeaderName, HeaderValue, Method};
use serde::Serialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::{DeviceKey, PublicJwk, base64url};
use crate::Secret;

/// The header that carries a proof (RFC 9449 section 4.1).
pub const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The key that a session's tokens are bound to, ES256. Wiped when dropped, redacted in `Debug`.
#[derive(Clone)]
pub struct DpopKey {
    key: DeviceKey,
    /// The header of every proof, encoded.
    header: String,
}

impl DpopKey {
    /// Makes a key out of 32 random bytes, or takes one back from [`to_secret`](DpopKey::to_secret). `None` if the bytes are no
    /// valid key, which happens to random ones once in 2^32: draw again.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key = DeviceKey::from_bytes(bytes)?;
        let header = Header { typ: "dpop+jwt", alg: "ES256", jwk: key.public_jwk() };
        Some(Self { header: base64url::encode(serde_json::to_vec(&header).ok()?), key })
    }

    /// The private key, 32 bytes, to be sealed beside the tokens that are bound to it.
    #[must_use]
    pub fn to_secret(&self) -> Secret {
        self.key.to_secret()
    }

    /// The name that bound tokens have for it (`jkt`, RFC 9449 section 6.1).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        self.key.public_jwk().thumbprint()
    }

    /// Signs a proof (RFC 9449 section 4.2). Never `None`: base64url can stand in every header.
    #[must_use]
    pub fn prove(&self, proof: &DpopProof<'_>) -> Option<HeaderValue> {
        let payload = Payload {
            jti: base64url::encode(proof.id),
            htm: proof.method.as_str(),
            htu: htu(proof.url),
            iat: proof.now_ms.saturating_add_signed(proof.clock_offset_ms) / 1000,
            ath: proof.access_token.map(|token| base64url::encode(Sha256::digest(token.expose()))),
            nonce: proof.nonce,
        };
        let input = format!("{}.{}", self.header, base64url::encode(serde_json::to_vec(&payload).ok()?));
        let signed = format!("{input}.{}", base64url::encode(self.key.sign(input.as_bytes())));
        HeaderValue::from_str(&signed).ok()
    }
}

impl std::fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DpopKey(redacted)")
    }
}

/// What a proof says, beside the key.
#[derive(Clone, Copy, Debug)]
pub struct DpopProof<'a> {
    /// The request's method (`htm`).
    pub method: &'a Method,
    /// The request's address; query and fragment are left out (`htu`).
    pub url: &'a Url,
    /// 16 random bytes; a proof is good for one request (`jti`).
    pub id: [u8; 16],
    /// Now by the device's clock, in milliseconds since 1970.
    pub now_ms: u64,
    /// How far the server's clock is ahead of the device's, in milliseconds, as learned from its `Date` (`iat` is by that).
    pub clock_offset_ms: i64,
    /// The access token that the request carries (`ath`); `None` at the token endpoint.
    pub access_token: Option<&'a Secret>,
    /// The server's latest nonce, if it wants one (sections 8 and 9).
    pub nonce: Option<&'a str>,
}

#[derive(Serialize)]
struct Header {
    typ: &'static str,
    alg: &'static str,
    jwk: PublicJwk,
}

#[derive(Serialize)]
struct Payload<'a> {
    jti: String,
    htm: &'a str,
    htu: String,
    iat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

fn htu(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

#[cfg(test)]
mod tests;
