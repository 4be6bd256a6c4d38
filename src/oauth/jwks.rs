//! A server's public keys, [RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5), by their names only.
//!
//! No signature is checked with them. What they tell is whether the server still knows the key that signed a token: a key that
//! is gone points to the server, not to the account.

use std::collections::BTreeSet;

use http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Endpoint, MAX_BODY, MalformedAnswer, SecretRequest, base64url, json};
use crate::Secret;

/// The longest name of a key, in bytes.
const LONGEST_NAME: usize = 256;
/// The most keys that are looked at.
const MOST_KEYS: usize = 1000;

/// The names (`kid`) of a server's public keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySet {
    names: BTreeSet<String>,
    /// A key without a name could be any key.
    has_nameless: bool,
}

/// A request for the keys.
#[must_use]
pub fn jwks_request(endpoint: &Endpoint) -> SecretRequest {
    SecretRequest::without_body(Method::GET, endpoint)
}

impl KeySet {
    /// Reads the key set.
    ///
    /// # Errors
    /// [`MalformedAnswer`]: nothing is known about the server's keys. A set without any key is one of them, and so is one that
    /// was cached.
    pub fn read(answer: &Answer<'_>) -> Result<Self, MalformedAnswer> {
        #[derive(Deserialize)]
        struct Body {
            keys: Vec<Value>,
        }
        answer.require_uncached()?;
        if answer.status() != 200 {
            return Err(MalformedAnswer::Status(answer.status()));
        }
        let Body { keys } = json::object(answer.body(), MAX_BODY)?;
        if keys.is_empty() || keys.len() > MOST_KEYS {
            return Err(MalformedAnswer::Invalid("keys"));
        }
        let name = |key: &Value| Some(key.get("kid")?.as_str()?.to_owned());
        let names: Vec<_> = keys.iter().map(name).collect();
        Ok(Self { has_nameless: names.contains(&None), names: names.into_iter().flatten().collect() })
    }

    /// Whether the server certainly has no key of this name.
    #[must_use]
    pub fn lacks(&self, name: &str) -> bool {
        !self.has_nameless && !self.names.contains(name)
    }
}

/// The name of the key that signed a token, if it is a JWS that says so ([RFC 7515 section
/// 4.1.4](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.4)). `None` for a shared secret (`HS256` and its kin), which is in
/// no key set, and for what is no JWS: most access tokens are nobody's business but the server's.
#[must_use]
pub fn signing_key(token: &Secret) -> Option<String> {
    #[derive(Deserialize)]
    struct Header {
        alg: String,
        kid: String,
    }
    let mut parts = token.expose_text().split('.');
    let (header, _payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || signature.is_empty() || header.len() > 4 * LONGEST_NAME {
        return None;
    }
    let Header { alg, kid } = json::object(&base64url::decode(header)?, MAX_BODY).ok()?;
    let is_public = !alg.is_empty() && !alg.eq_ignore_ascii_case("none") && !alg.to_ascii_uppercase().starts_with("HS");
    let usable = !kid.is_empty() && kid.len() <= LONGEST_NAME && !kid.chars().any(char::is_control);
    (is_public && usable).then_some(kid)
}

#[cfg(test)]
mod tests;
