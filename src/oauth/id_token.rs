//! ID tokens, [OpenID Connect Core 1.0 section 2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken).
//!
//! [`IdToken::check`] asks what it says, [`IdToken::verify`] whether the server said it. Neither makes up for the other.

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{
    Claims, IdentityError, IdentitySource, KeySet, MAX_BODY, MalformedAnswer, SignatureError, base64url, json,
};
use crate::{Identity, Secret};

/// How far a server's clocks may be apart, in seconds: its nodes sign and answer by clocks of their own.
pub const ID_TOKEN_LENIENCY: u64 = 600;

/// An ID token, taken apart. Nothing in it is checked before [`check`](IdToken::check), and nothing is proven before
/// [`verify`](IdToken::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdToken {
    algorithm: String,
    key_id: Option<String>,
    claims: Claims,
    /// Header and claims as they came, which is what is signed.
    input: Secret,
    signature: Secret,
}

/// What an ID token must say.
#[derive(Clone, Copy, Debug)]
pub struct IdTokenExpectation<'a> {
    /// The issuer, exactly.
    pub issuer: &'a str,
    /// The client that asked.
    pub client_id: &'a str,
    /// The nonce of the authorization request; `None` after a refresh.
    pub nonce: Option<&'a str>,
    /// How old the person's sign-in may be, in seconds, if the authorization request said so (`max_age`).
    pub max_age: Option<u64>,
    /// The access token that came with it, for `at_hash`.
    pub access_token: Option<&'a Secret>,
    /// Now, in seconds since 1970, by the **server's** `Date`: a device clock may be days off. `None` skips the times.
    pub now: Option<u64>,
}

/// Why an ID token is refused. None of these may be published under the pinned identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// It is no JWS in compact form ([RFC 7515 section 7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).
    #[error("the ID token cannot be read: {0}")]
    Malformed(#[from] MalformedAnswer),
    /// It is not signed (`alg` is `none`), or with a secret that an app shares with whoever has the app (`HS256` and its kin,
    /// OpenID Connect Core 1.0 section 10.1), or asks for extensions (`crit`) that are not known here.
    #[error("the ID token is not signed in a way that is accepted")]
    Algorithm,
    /// Another issuer's.
    #[error("the ID token is another issuer's")]
    Issuer,
    /// It names nobody.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// For another client (`aud`, `azp`).
    #[error("the ID token is for another client")]
    Audience,
    /// For another sign-in.
    #[error("the ID token is for another sign-in")]
    Nonce,
    /// It has expired.
    #[error("the ID token has expired")]
    Expired,
    /// It was issued in the future.
    #[error("the ID token was issued in the future")]
    NotYet,
    /// The person signed in longer ago than was asked for (`auth_time`), or it does not say when.
    #[error("the sign-in is older than was asked for")]
    AuthTime,
    /// It came with another access token (`at_hash`): one of the two was put in the other's place.
    #[error("the ID token belongs to another access token")]
    AtHash,
    /// Its signature proves nothing.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl IdToken {
    /// Takes an ID token apart.
    ///
    /// # Errors
    /// [`IdTokenError::Malformed`], [`IdTokenError::Algorithm`].
    pub fn read(token: &Secret) -> Result<Self, IdTokenError> {
        let parts: Vec<_> = token.expose_text().splitn(4, '.').collect();
        let [header, payload, signature] = parts.as_slice() else {
            return Err(MalformedAnswer::Invalid("id_token").into());
        };
        let decoded_header: Header = json::object(&decoded(header)?, MAX_BODY)?;
        let Header { alg, kid, crit } = decoded_header;
        let is_of_a_shared_secret = alg.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("HS"));
        let is_signed = !alg.eq_ignore_ascii_case("none") && !alg.is_empty() && !signature.is_empty();
        if !is_signed || is_of_a_shared_secret || crit.is_some() {
            return Err(IdTokenError::Algorithm);
        }
        let claims = Claims::read(&decoded(payload)?)?;
        let input = Secret::from_text(&format!("{header}.{payload}"));
        Ok(Self { algorithm: alg, key_id: kid, claims, input, signature: Secret::new(decoded(signature)?) })
    }

    /// Checks the signature against the server's keys (OpenID Connect Core 1.0 section 3.1.3.7, items 6 and 7; [RFC 7515
    /// section 5.2](https://www.rfc-editor.org/rfc/rfc7515#section-5.2)): `RS256`, `PS256`, `ES256` or `EdDSA`, whichever the
    /// key is for.
    ///
    /// # Errors
    /// [`SignatureError`] says whether to refuse the token, to read the keys again, or to ask the server by other means.
    pub fn verify(&self, keys: &KeySet) -> Result<(), SignatureError> {
        let named = (self.algorithm.as_str(), self.key_id.as_deref());
        keys.verify(named, self.input.expose(), self.signature.expose())
    }

    /// The algorithm it claims to be signed with (`alg`).
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// The key it claims to be signed with (`kid`). One that vanished from the server's key set points to the server.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// Its claims.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Checks the claims (OpenID Connect Core 1.0 sections 3.1.3.7, items 2 to 5, 9 to 11 and 13, and 3.1.3.8) and says who it
    /// names.
    /// Whether that is the pinned identity is the caller's question.
    ///
    /// # Errors
    /// [`IdTokenError`] names the first claim that is wrong.
    pub fn check(&self, expected: &IdTokenExpectation<'_>, tenant: &[String]) -> Result<Identity, IdTokenError> {
        if self.text("iss") != Some(expected.issuer) {
            return Err(IdTokenError::Issuer);
        }
        self.check_audience(expected.client_id)?;
        if expected.nonce.is_some_and(|nonce| self.text("nonce") != Some(nonce)) {
            return Err(IdTokenError::Nonce);
        }
        self.check_access_token(expected.access_token)?;
        self.check_times(expected)?;
        if !matches!(self.claims.at("sub"), Some(Value::String(_))) {
            return Err(IdentityError::NoSubject.into());
        }
        let source = IdentitySource { tenant: tenant.to_vec(), ..IdentitySource::default() };
        Ok(self.claims.identity(expected.issuer, &source)?)
    }

    fn check_audience(&self, client_id: &str) -> Result<(), IdTokenError> {
        let named = match self.claims.at("aud") {
            Some(Value::String(audience)) => audience == client_id,
            Some(Value::Array(audiences)) => audiences.iter().any(|audience| audience.as_str() == Some(client_id)),
            _ => false,
        };
        // `azp` is optional even with several audiences; where it stands, it must be us.
        let authorized = self.claims.at("azp").is_none_or(|party| party.as_str() == Some(client_id));
        if named && authorized { Ok(()) } else { Err(IdTokenError::Audience) }
    }

    /// The left half of the access token's hash, where the token says one. The hash is the signature's: SHA-512 for `EdDSA`.
    fn check_access_token(&self, token: Option<&Secret>) -> Result<(), IdTokenError> {
        let (Some(claimed), Some(token)) = (self.claims.at("at_hash"), token) else { return Ok(()) };
        let hash = match self.algorithm.as_str() {
            "EdDSA" | "Ed25519" => Sha512::digest(token.expose()).to_vec(),
            name if name.ends_with("256") => Sha256::digest(token.expose()).to_vec(),
            name if name.ends_with("384") => Sha384::digest(token.expose()).to_vec(),
            name if name.ends_with("512") => Sha512::digest(token.expose()).to_vec(),
            _ => return Ok(()),
        };
        let half = base64url::encode(hash.get(..hash.len() / 2).unwrap_or_default());
        if claimed.as_str() == Some(&half) { Ok(()) } else { Err(IdTokenError::AtHash) }
    }

    fn check_times(&self, expected: &IdTokenExpectation<'_>) -> Result<(), IdTokenError> {
        let expires = self.time("exp")?;
        let issued = self.time("iat")?;
        let signed_in = if expected.max_age.is_some() { Some(self.time("auth_time")) } else { None };
        let signed_in = signed_in.transpose().map_err(|_| IdTokenError::AuthTime)?;
        let Some(now) = expected.now else { return Ok(()) };
        if expires.saturating_add(ID_TOKEN_LENIENCY) <= now {
            return Err(IdTokenError::Expired);
        }
        if issued > now.saturating_add(ID_TOKEN_LENIENCY) {
            return Err(IdTokenError::NotYet);
        }
        let oldest = expected.max_age.map(|age| now.saturating_sub(age.saturating_add(ID_TOKEN_LENIENCY)));
        if oldest.is_some_and(|oldest| signed_in.is_none_or(|at| at < oldest)) {
            return Err(IdTokenError::AuthTime);
        }
        Ok(())
    }

    fn time(&self, name: &'static str) -> Result<u64, IdTokenError> {
        let value = self.claims.at(name).ok_or(MalformedAnswer::Missing(name))?;
        let seconds = json::whole_number(value).and_then(|seconds| u64::try_from(seconds).ok());
        Ok(seconds.ok_or(MalformedAnswer::Invalid(name))?)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.claims.at(name).and_then(Value::as_str)
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, MalformedAnswer> {
    base64url::decode(part).ok_or(MalformedAnswer::Invalid("id_token"))
}

#[cfg(test)]
mod tests;
