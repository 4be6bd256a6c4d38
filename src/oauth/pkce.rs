//! Proof Key for Code Exchange, [RFC 7636](https://www.rfc-editor.org/rfc/rfc7636). `S256` only: `plain` protects nobody.

use sha2::{Digest, Sha256};

use super::base64url;
use crate::Secret;

/// A code verifier ([RFC 7636 section 4.1](https://www.rfc-editor.org/rfc/rfc7636#section-4.1)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier(Secret);

impl Verifier {
    /// Makes a verifier of 43 characters out of 32 random bytes.
    #[must_use]
    pub fn new(random: &[u8; 32]) -> Self {
        Self(Secret::new(base64url::encode(random).into_bytes()))
    }

    pub(crate) const fn from_secret(secret: Secret) -> Self {
        Self(secret)
    }

    /// The verifier itself, for the token request.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.0
    }

    /// The `S256` code challenge ([RFC 7636 section 4.2](https://www.rfc-editor.org/rfc/rfc7636#section-4.2)). Not secret.
    #[must_use]
    pub fn challenge(&self) -> String {
        base64url::encode(Sha256::digest(self.0.expose()))
    }
}

#[cfg(test)]
mod tests;
