//! A device makes its key known to the authorization server, and withdraws it. An extension of ours: the discovery
//! document names the place as `mainstay_enrollment_endpoint`.

use http::Method;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    Answer, Endpoint, MAX_BODY, MalformedAnswer, ProtectedFailure, PublicJwk, RequestError, SecretRequest, TokenType,
    json, userinfo::accepted_body,
};
use crate::Secret;

/// The longest name of a key, in bytes.
const MAX_KEY_ID: usize = 256;

/// The server knows the key under this name from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The name to put into assertions (`kid`).
    pub key_id: String,
}

/// A request to enrol a key for whoever the access token belongs to: `POST {"jwk": …}`.
///
/// # Errors
/// [`RequestError::TokenNotSendable`].
pub fn request(
    endpoint: &Endpoint,
    token_type: TokenType,
    token: &Secret,
    jwk: &PublicJwk,
) -> Result<SecretRequest, RequestError> {
    #[derive(Serialize)]
    struct Body<'a> {
        jwk: &'a PublicJwk,
    }
    // Four texts always serialise.
    let body = Zeroizing::new(serde_json::to_vec(&Body { jwk }).unwrap_or_default());
    SecretRequest::post(endpoint, "application/json", body).authorize(token_type.as_str(), token)
}

/// Reads the answer to an enrolment: `{"kid": …}`.
///
/// # Errors
/// [`ProtectedFailure`]: the device is not enrolled, or not known to be.
pub fn read(answer: &Answer<'_>, endpoint: &Endpoint) -> Result<Enrolled, ProtectedFailure> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        kid: json::Lenient<String>,
    }
    let body: Body = json::object(accepted_body(answer, endpoint, &[])?, MAX_BODY)?;
    let key_id = body.kid.0.ok_or(MalformedAnswer::Missing("kid"))?;
    let usable = !key_id.is_empty() && key_id.len() <= MAX_KEY_ID && !key_id.chars().any(char::is_control);
    if usable { Ok(Enrolled { key_id }) } else { Err(MalformedAnswer::Invalid("kid").into()) }
}

/// A request to withdraw a key: `DELETE …/{kid}`.
///
/// # Errors
/// [`RequestError`].
pub fn removal_request(
    endpoint: &Endpoint,
    token_type: TokenType,
    token: &Secret,
    key_id: &str,
) -> Result<SecretRequest, RequestError> {
    // `.` and `..` would be swallowed by URL normalisation and hit the endpoint itself.
    let endpoint = endpoint.below(key_id).filter(|_| !matches!(key_id, "" | "." | ".."));
    let endpoint = endpoint.ok_or(RequestError::InvalidAddress)?;
    SecretRequest::without_body(Method::DELETE, &endpoint).authorize(token_type.as_str(), token)
}

/// Whether the key is withdrawn now: the server says so, or does not know it any more.
#[must_use]
pub fn is_removed(answer: &Answer<'_>) -> bool {
    answer.is_success() || matches!(answer.status(), 404 | 410)
}

#[cfg(test)]
mod tests;
