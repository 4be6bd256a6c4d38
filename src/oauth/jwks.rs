//! A server's public keys, [RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5).
//!
//! They tell two things: whether a token's signature is the server's, and whether the server still knows the key that signed a
//! token. A key that is gone points to the server, not to the account.

use std::sync::OnceLock;

use http::{HeaderValue, Method, header};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Answer, Endpoint, MAX_BODY, MalformedAnswer, SecretRequest, base64url, json,
    signature::{Algorithm, Jwk, PublicKey},
};
use crate::Secret;

/// The longest name of a key, in bytes.
const LONGEST_NAME: usize = 256;
/// The most keys that are looked at.
const MOST_KEYS: usize = 1000;
/// The most keys that one signature is compared with: keys that share a name, or have none.
const MOST_COMPARED: usize = 8;

/// A server's public keys, by their names (`kid`).
pub struct KeySet {
    keys: Vec<Key>,
    /// Whether a cache on the way gave them: perhaps these are the keys of yesterday.
    from_cache: bool,
}

struct Key {
    jwk: Jwk,
    /// Made when it is first needed, for most keys of a set never are.
    public: OnceLock<Option<PublicKey>>,
}

/// Why a signature proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The server has a key of this name, and the signature is not that key's. The token is refused.
    #[error("the signature is not the server's")]
    Wrong,
    /// The server has no such key, as far as is known: read its keys again, once.
    #[error("the server has no key of this name")]
    UnknownKey,
    /// The algorithm is not one that is checked here, or the key is too weak to prove anything.
    #[error("the signature cannot be checked here")]
    Unsupported,
}

/// A request for the keys. Caches on the way are asked to look whether theirs are still the server's; `known` is the entity tag
/// of those that are here ([RFC 9110 section 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2)).
#[must_use]
pub fn jwks_request(endpoint: &Endpoint, known: Option<&HeaderValue>) -> SecretRequest {
    let request = SecretRequest::without_body(Method::GET, endpoint)
        .with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    match known {
        Some(tag) => request.with_header(header::IF_NONE_MATCH, tag.clone()),
        None => request,
    }
}

impl KeySet {
    /// Reads the key set.
    ///
    /// # Errors
    /// [`MalformedAnswer`]: nothing is known about the server's keys. A set without any key is one of them; `Status(304)` says
    /// that the keys are those that are known already.
    pub fn read(answer: &Answer<'_>) -> Result<Self, MalformedAnswer> {
        #[derive(Deserialize)]
        struct Body {
            keys: Vec<Value>,
        }
        if answer.status() != 200 {
            return Err(MalformedAnswer::Status(answer.status()));
        }
        let Body { keys } = json::object(answer.body(), MAX_BODY)?;
        if keys.is_empty() || keys.len() > MOST_KEYS {
            return Err(MalformedAnswer::Invalid("keys"));
        }
        // What is no key has no name, and could be any.
        let key = |value| Key { jwk: Jwk::deserialize(value).unwrap_or_default(), public: OnceLock::new() };
        let keys = keys.into_iter().map(key).collect();
        Ok(Self { keys, from_cache: answer.require_uncached().is_err() })
    }

    /// Whether the server certainly has no key of this name. A set out of a cache says nothing certain.
    #[must_use]
    pub fn lacks(&self, name: &str) -> bool {
        !self.from_cache && self.keys.iter().all(|key| key.name().is_some_and(|known| known != name))
    }

    /// Whether `signature` over `input` is one of the server's, made with the algorithm and the key that the token names. A key
    /// without a name could be any key, and so could the key of a token that names none.
    pub(super) fn verify(
        &self,
        (algorithm, name): (&str, Option<&str>),
        input: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let Some(known) = Algorithm::parse(algorithm) else { return Err(SignatureError::Unsupported) };
        let could_be = |key: &&Key| name.is_none() || key.name().is_none_or(|own| Some(own) == name);
        let is_named = self.keys.iter().any(|key| key.name().is_some() && could_be(&key));
        let mut failure = if is_named { SignatureError::Wrong } else { SignatureError::UnknownKey };
        let candidates = self.keys.iter().filter(could_be).filter(|key| key.jwk.is_for(known, algorithm));
        for key in candidates.take(MOST_COMPARED) {
            match key.public() {
                Some(public) if public.verifies(known, input, signature) => return Ok(()),
                Some(_) => {}
                None if is_named => failure = SignatureError::Unsupported,
                None => {}
            }
        }
        Err(failure)
    }
}

impl Key {
    fn name(&self) -> Option<&str> {
        self.jwk.kid.0.as_deref()
    }

    fn public(&self) -> Option<&PublicKey> {
        self.public.get_or_init(|| self.jwk.public_key()).as_ref()
    }
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(Key::name)).finish()
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
