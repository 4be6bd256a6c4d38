//! Token revocation, [RFC 7009](https://www.rfc-editor.org/rfc/rfc7009).

use std::time::Duration;

use super::{Answer, Endpoint, ErrorCode, ErrorObject, OAuthClient, RequestError, SecretRequest, form::Form};
use crate::Secret;

/// Which kind of token is revoked ([RFC 7009 section 2.1](https://www.rfc-editor.org/rfc/rfc7009#section-2.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// The refresh token; a server revokes the access tokens with it.
    RefreshToken,
    /// An access token.
    AccessToken,
}

/// A request to revoke a token.
///
/// # Errors
/// [`RequestError`] only if the client's own secret cannot be sent.
pub fn revocation_request(
    endpoint: &Endpoint,
    client: &OAuthClient,
    token: &Secret,
    kind: TokenKind,
) -> Result<SecretRequest, RequestError> {
    let hint = match kind {
        TokenKind::RefreshToken => "refresh_token",
        TokenKind::AccessToken => "access_token",
    };
    let form = Form::default().with("token", token.expose_text()).with("token_type_hint", hint);
    let pairs = client.form_pairs();
    let form = pairs.iter().fold(form, |form, (name, value)| form.with_some(name, *value));
    client.authorize(SecretRequest::post(endpoint, Form::CONTENT_TYPE, form.encode()))
}

/// What became of a revocation ([RFC 7009 section 2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationOutcome {
    /// The token is good for nothing any more, or never was.
    Done,
    /// Asking again would not help: the server does not revoke this kind of token, or does not know this client.
    GiveUp,
    /// Ask again, after the given wait if the server named one.
    Later(Option<Duration>),
}

/// Reads the answer to a revocation.
#[must_use]
pub fn read_revocation(answer: &Answer<'_>) -> RevocationOutcome {
    if answer.require_uncached().is_err() {
        return RevocationOutcome::Later(None);
    }
    // The standard's only success is 200, and its body is ignored; a web page in a 200 is a captive portal's.
    let is_page = answer.body().trim_ascii_start().starts_with(b"<");
    let code = ErrorObject::read(answer).ok().flatten().map(|object| object.code);
    match (answer.status(), code) {
        (200 | 204, _) if !is_page => RevocationOutcome::Done,
        (400 | 401 | 403, Some(ErrorCode::InvalidGrant | ErrorCode::InvalidToken)) => RevocationOutcome::Done,
        (
            400 | 401 | 403,
            Some(
                ErrorCode::UnsupportedTokenType
                | ErrorCode::InvalidClient
                | ErrorCode::UnauthorizedClient
                | ErrorCode::InvalidRequest,
            ),
        ) => RevocationOutcome::GiveUp,
        _ => RevocationOutcome::Later(answer.retry_after()),
    }
}

#[cfg(test)]
mod tests;
