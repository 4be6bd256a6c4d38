//! Requests that carry an access token, and whom the server takes it for: userinfo
//! ([OpenID Connect Core 1.0 section 5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)), a
//! configured *who am I*, and probes.

use http::Method;

use super::{
    Answer, Claims, Endpoint, IdentitySource, MalformedAnswer, Rejection, RejectionRule, RequestError, SecretRequest,
    TokenType,
};
use crate::{Identity, Secret};

/// A request that carries an access token ([RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).
///
/// # Errors
/// [`RequestError::TokenNotSendable`].
pub fn protected_request(
    method: Method,
    endpoint: &Endpoint,
    token_type: TokenType,
    token: &Secret,
) -> Result<SecretRequest, RequestError> {
    SecretRequest::without_body(method, endpoint).authorize(token_type.as_str(), token)
}

/// Why a protected endpoint gave no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtectedFailure {
    /// The server refused, or is in trouble.
    #[error("the server did not accept the request")]
    Rejected(Rejection),
    /// The answer cannot be used. Says nothing about the token.
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
}

/// Reads a userinfo or *who am I* answer of `endpoint`. Ask the [`Claims`] who it names.
///
/// # Errors
/// [`ProtectedFailure`]. An answer out of a cache may be somebody else's and is malformed.
pub fn who_am_i(answer: &Answer<'_>, endpoint: &Endpoint, rules: &[RejectionRule]) -> Result<Claims, ProtectedFailure> {
    Ok(Claims::read(accepted_body(answer, endpoint, rules)?)?)
}

/// What a probe says about the token it carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Accepted: 2xx from the server itself, parseable, and not naming anybody else.
    Accepted {
        /// Whether it named the pinned subject.
        named: bool,
    },
    /// The server takes the token for somebody else's.
    Foreign,
    /// The server refused it, or is in trouble.
    Rejected(Rejection),
    /// Neither: any other answer, also a 2xx that is cached, empty or a web page.
    NoEvidence(MalformedAnswer),
}

impl Probe {
    /// Reads the answer to a probe of `endpoint` with a token of `pinned`. `source` says where the answer names the
    /// person, if it does.
    #[must_use]
    pub fn read(
        answer: &Answer<'_>,
        endpoint: &Endpoint,
        rules: &[RejectionRule],
        pinned: &Identity,
        source: &IdentitySource,
    ) -> Self {
        match accepted_body(answer, endpoint, rules) {
            Err(ProtectedFailure::Rejected(rejection)) => Self::Rejected(rejection),
            Err(ProtectedFailure::Malformed(reason)) => Self::NoEvidence(reason),
            Ok(body) => match Claims::read(body) {
                Ok(claims) => compare(&claims, pinned, source),
                // A protected list is as good a probe as an object; it names nobody.
                Err(MalformedAnswer::NotAnObject) => Self::Accepted { named: false },
                Err(reason) => Self::NoEvidence(reason),
            },
        }
    }
}

/// Compares what is there: an answer that leaves the subject or a tenant out accuses nobody.
fn compare(claims: &Claims, pinned: &Identity, source: &IdentitySource) -> Probe {
    let differs =
        |place: &str, value: &str| claims.at(place).is_some() && claims.name_at(place).as_deref() != Some(value);
    let foreign_subject = pinned.subject.as_deref().is_some_and(|subject| differs(&source.subject, subject));
    let foreign_tenant = pinned.tenant.iter().any(|(place, value)| differs(place, value));
    if foreign_subject || foreign_tenant {
        return Probe::Foreign;
    }
    Probe::Accepted { named: pinned.subject.is_some() && claims.at(&source.subject).is_some() }
}

/// The body of a 2xx that came from the server itself and that no rule calls a rejection.
pub(crate) fn accepted_body<'a>(
    answer: &Answer<'a>,
    endpoint: &Endpoint,
    rules: &[RejectionRule],
) -> Result<&'a [u8], ProtectedFailure> {
    answer.require_uncached()?;
    match Rejection::read(answer, endpoint.url().path(), rules) {
        Rejection::NotARejection if answer.is_success() => Ok(answer.body()),
        Rejection::NotARejection => Err(MalformedAnswer::Status(answer.status()).into()),
        rejection => Err(ProtectedFailure::Rejected(rejection)),
    }
}

#[cfg(test)]
mod tests;
