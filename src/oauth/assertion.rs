//! Assertions that a device signs: JWT bearer grants, [RFC 7523](https://www.rfc-editor.org/rfc/rfc7523), as a JWS in
//! compact form, [RFC 7515](https://www.rfc-editor.org/rfc/rfc7515), with ES256.

use std::time::Duration;

use serde::Serialize;

use super::base64url;
use crate::Secret;

/// The longest time an assertion is good for. It is used once, at once.
pub const MAX_ASSERTION_LIFETIME: Duration = Duration::from_secs(300);

/// What an assertion says ([RFC 7523 section 3](https://www.rfc-editor.org/rfc/rfc7523#section-3)).
#[derive(Clone, Copy, Debug)]
pub struct AssertionClaims<'a> {
    /// Who signs: the client, or the key's name, as the server wants it (`iss`).
    pub issuer: &'a str,
    /// Whose tokens are asked for (`sub`).
    pub subject: &'a str,
    /// The server: its issuer or token endpoint (`aud`).
    pub audience: &'a str,
    /// 16 random bytes; an assertion is accepted once (`jti`).
    pub id: [u8; 16],
    /// Now by the device's clock, in milliseconds since 1970.
    pub now_ms: u64,
    /// How far the server's clock is ahead of the device's, in milliseconds, as learned from its `Date`.
    pub clock_offset_ms: i64,
    /// How long it is good for (`exp`); at most [`MAX_ASSERTION_LIFETIME`].
    pub lifetime: Duration,
}

/// An assertion that waits for its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion(String);

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    kid: &'a str,
}

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: String,
    iat: u64,
    exp: u64,
}

impl Assertion {
    /// Writes an assertion of the key named `key_id`.
    #[must_use]
    pub fn new(key_id: &str, claims: &AssertionClaims<'_>) -> Self {
        let iat = claims.now_ms.saturating_add_signed(claims.clock_offset_ms) / 1000;
        let header = Header { alg: "ES256", typ: "JWT", kid: key_id };
        let payload = Payload {
            iss: claims.issuer,
            sub: claims.subject,
            aud: claims.audience,
            jti: base64url::encode(claims.id),
            iat,
            exp: iat.saturating_add(claims.lifetime.min(MAX_ASSERTION_LIFETIME).as_secs()),
        };
        Self(format!("{}.{}", part(&header), part(&payload)))
    }

    /// The bytes to sign with ES256 ([RFC 7515 section 5.1](https://www.rfc-editor.org/rfc/rfc7515#section-5.1)).
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The assertion with its signature: 64 bytes, `r` and `s`.
    #[must_use]
    pub fn signed(self, signature: &[u8; 64]) -> Secret {
        Secret::new(format!("{}.{}", self.0, base64url::encode(signature)).into_bytes())
    }
}

fn part(value: &impl Serialize) -> String {
    // Texts and whole numbers always serialise.
    base64url::encode(serde_json::to_vec(value).unwrap_or_default())
}

#[cfg(test)]
mod tests;
