//! ID tokens, [OpenID Connect Core 1.0 section 2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken).
//!
//! The signature is **not** verified here. An ID token that comes straight from the token endpoint is vouched for by
//! TLS (section 3.1.3.7, item 6); verification against the server's keys is a layer of its own, for which
//! [`IdToken::key_id`] and [`IdToken::algorithm`] are read. Use no ID token that came any other way.

use serde::Deserialize;
use serde_json::Value;

use super::{Claims, IdentityError, IdentitySource, MAX_BODY, MalformedAnswer, base64url, json};
use crate::{Identity, Secret};

/// How far a server's clocks may be apart, in seconds: its nodes sign and answer by clocks of their own.
pub const ID_TOKEN_LENIENCY: u64 = 600;

/// An ID token, taken apart. Nothing in it is checked before [`check`](IdToken::check).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdToken {
    algorithm: String,
    key_id: Option<String>,
    claims: Claims,
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
    /// Now, in seconds since 1970, by the **server's** `Date`: a device clock may be days off. `None` skips the times.
    pub now: Option<u64>,
}

/// Why an ID token is refused. None of these may be published under the pinned identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// It is no JWS in compact form ([RFC 7515 section 7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).
    #[error("the ID token cannot be read: {0}")]
    Malformed(#[from] MalformedAnswer),
    /// It is not signed (`alg` is `none`), or asks for extensions (`crit`) that are not known here.
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
        let header: Header = json::object(&decoded(header)?, MAX_BODY)?;
        let is_signed = !header.alg.eq_ignore_ascii_case("none") && !header.alg.is_empty() && !signature.is_empty();
        if !is_signed || header.crit.is_some() {
            return Err(IdTokenError::Algorithm);
        }
        let claims = Claims::read(&decoded(payload)?)?;
        Ok(Self { algorithm: header.alg, key_id: header.kid, claims })
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

    /// Checks the claims (OpenID Connect Core 1.0 section 3.1.3.7, items 2 to 5 and 9 to 11) and says who it names.
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
        self.check_times(expected.now)?;
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

    fn check_times(&self, now: Option<u64>) -> Result<(), IdTokenError> {
        let expires = self.time("exp")?;
        let issued = self.time("iat")?;
        let Some(now) = now else { return Ok(()) };
        if expires.saturating_add(ID_TOKEN_LENIENCY) <= now {
            return Err(IdTokenError::Expired);
        }
        if issued > now.saturating_add(ID_TOKEN_LENIENCY) {
            return Err(IdTokenError::NotYet);
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
