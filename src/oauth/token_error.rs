//! What a refusal of the token endpoint means. Follows the evidence table of the design, row by row.

use std::time::Duration;

use super::{Answer, ErrorCode, ErrorObject, MalformedAnswer, RejectionRule};

/// A token request that brought no tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authorization server gave no tokens (status {status}): {failure}")]
pub struct TokenError {
    /// What it means.
    pub failure: TokenFailure,
    /// The status code.
    pub status: u16,
    /// The error object, if there was one (RFC 6749 section 5.2).
    pub error: Option<ErrorObject>,
    /// How long the server asks to wait. A floor for the next attempt of every account of this issuer.
    pub retry_after: Option<Duration>,
    /// The server's own time (`Date`), in milliseconds since 1970.
    pub server_time_ms: Option<u64>,
}

/// What a refusal of the token endpoint means. Only [`InvalidGrant`](TokenFailure::InvalidGrant) and
/// [`SessionRevoked`](TokenFailure::SessionRevoked) say anything about the credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFailure {
    /// This refresh token, code or assertion is refused: terminal for that generation in this episode, nothing more.
    #[error("the grant was refused")]
    InvalidGrant,
    /// The grant is refused, and a rule of the profile recognised why: somebody ended this session.
    #[error("the session was revoked")]
    SessionRevoked {
        /// The rule's name.
        rule: String,
    },
    /// The installation is set up wrongly, on either side. Never the user's fault.
    #[error("{0}")]
    Configuration(ConfigurationFault),
    /// The scope is refused: once more without it.
    #[error("the scope was refused")]
    InvalidScope,
    /// The server wants a DPoP proof with this nonce (RFC 9449 section 8): once more with it.
    #[error("the server wants its nonce in the proof")]
    UseDpopNonce {
        /// The nonce; `None` if the server forgot to send one.
        nonce: Option<String>,
    },
    /// The DPoP proof is refused (RFC 9449 section 5): once more with the server's time.
    #[error("the proof was refused")]
    InvalidDpopProof,
    /// The server is in trouble, or something on the way is. Credentials stay untouched.
    #[error("{0}")]
    Transient(TransientKind),
    /// Transient, too. But the server says no without saying why, and real servers mean `invalid_grant` by it: six of
    /// the same over at least 30 minutes, with no sign of a server problem, count as that.
    #[error("the server refused without a reason that a standard names")]
    Unreasoned(Unreasoned),
}

/// What is set up wrongly (RFC 6749 section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationFault {
    /// `invalid_client`: the client is unknown, deleted, or did not prove itself.
    #[error("the server does not know this client")]
    InvalidClient,
    /// `unauthorized_client`: the client may not use this grant.
    #[error("the server does not allow this client the grant")]
    UnauthorizedClient,
    /// `unsupported_grant_type`: the server does not offer this grant.
    #[error("the server does not offer the grant")]
    UnsupportedGrantType,
}

/// Why no tokens came, without any meaning for the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransientKind {
    /// `server_error` or a 5xx status.
    #[error("the server broke")]
    ServerError,
    /// `temporarily_unavailable`, `authorization_pending` or `slow_down`, in whatever status, or 503.
    #[error("the server is unavailable for now")]
    Unavailable,
    /// 429.
    #[error("the server asks for fewer requests")]
    TooManyRequests,
    /// 408 or 425.
    #[error("the server wants the request again")]
    TryAgain,
    /// 3xx: an endpoint that has moved, or a captive portal. Never followed.
    #[error("the server points elsewhere")]
    Redirect,
    /// An answer that cannot be read, with a status that says success or refusal.
    #[error("{0}")]
    Malformed(MalformedAnswer),
    /// Any other status.
    #[error("the server gave a status that means nothing here")]
    UnexpectedStatus,
}

/// A refusal without a reason. Two are *the same answer* if they are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unreasoned {
    /// The status code: 2xx (only with an error object in it), 400, 401, 403 or 404.
    pub status: u16,
    /// What the body held.
    pub body: UnreasonedBody,
}

/// What the body of an unreasoned refusal held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnreasonedBody {
    /// Nothing.
    Empty,
    /// A JSON object without `error`, such as `{}`.
    NoError,
    /// An error object whose code no standard names for this, or that stands where the standard has none.
    OtherCode,
}

impl TokenError {
    /// Reads an answer of the token endpoint that carries no tokens.
    #[must_use]
    pub fn read(answer: &Answer<'_>) -> Self {
        let object = ErrorObject::read(answer);
        let failure = match answer.require_uncached() {
            Err(cached) => TokenFailure::Transient(TransientKind::Malformed(cached)),
            Ok(()) => classify(answer, &object),
        };
        Self::new(answer, failure, object.ok().flatten())
    }

    /// The same error, for a request to `path`, with its reason if a rule of the profile recognises that the session was
    /// revoked. Only a refusal gets one: `invalid_grant`, or one without a reason that a standard names.
    #[must_use]
    pub fn with_reason(mut self, answer: &Answer<'_>, path: &str, rules: &[RejectionRule]) -> Self {
        if matches!(self.failure, TokenFailure::InvalidGrant | TokenFailure::Unreasoned(_))
            && let Some(rule) = rules.iter().find(|rule| rule.is_of_revocation() && rule.matches(answer, path))
        {
            self.failure = TokenFailure::SessionRevoked { rule: rule.name().to_owned() };
        }
        self
    }

    /// An answer that should carry tokens and cannot be used.
    pub(crate) fn malformed(answer: &Answer<'_>, reason: MalformedAnswer) -> Self {
        Self::new(answer, TokenFailure::Transient(TransientKind::Malformed(reason)), None)
    }

    fn new(answer: &Answer<'_>, failure: TokenFailure, error: Option<ErrorObject>) -> Self {
        Self {
            failure,
            status: answer.status(),
            error,
            retry_after: answer.retry_after(),
            server_time_ms: answer.server_time_ms(),
        }
    }

    /// Whether the answer says nothing about the credential.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.failure, TokenFailure::Transient(_) | TokenFailure::Unreasoned(_))
    }

    /// Whether the server may have acted on the grant all the same, so that a refresh token may be spent: a success that
    /// cannot be read, a broken server, a gateway that lost the answer. A 503 may be a gateway's own word; the server's own
    /// is an error object that says it is unavailable.
    #[must_use]
    pub const fn may_have_been_granted(&self) -> bool {
        use ErrorCode::{AuthorizationPending, SlowDown, TemporarilyUnavailable};
        if let Some(ErrorObject { code: TemporarilyUnavailable | AuthorizationPending | SlowDown, .. }) = self.error {
            return false;
        }
        self.is_transient() && matches!(self.status, 200..=299 | 408 | 500..=599)
    }
}

fn classify(answer: &Answer<'_>, object: &Result<Option<ErrorObject>, MalformedAnswer>) -> TokenFailure {
    let code = object.as_ref().ok().and_then(Option::as_ref).map(|object| &object.code);
    // These two are believed in whatever status: they only ever make us wait.
    match code {
        Some(ErrorCode::ServerError) => return TokenFailure::Transient(TransientKind::ServerError),
        Some(ErrorCode::TemporarilyUnavailable | ErrorCode::AuthorizationPending | ErrorCode::SlowDown) => {
            return TokenFailure::Transient(TransientKind::Unavailable);
        }
        _ => {}
    }
    match answer.status() {
        // The statuses of RFC 6749 section 5.2, and 403, which some servers use for the same.
        400 | 401 | 403 => match code {
            Some(code) => by_code(code, answer),
            None => without_reason(answer.status(), object),
        },
        200..=299 | 404 => without_reason(answer.status(), object),
        300..=399 => TokenFailure::Transient(TransientKind::Redirect),
        408 | 425 => TokenFailure::Transient(TransientKind::TryAgain),
        429 => TokenFailure::Transient(TransientKind::TooManyRequests),
        503 => TokenFailure::Transient(TransientKind::Unavailable),
        500..=599 => TokenFailure::Transient(TransientKind::ServerError),
        _ => TokenFailure::Transient(TransientKind::UnexpectedStatus),
    }
}

fn by_code(code: &ErrorCode, answer: &Answer<'_>) -> TokenFailure {
    match code {
        ErrorCode::InvalidGrant => TokenFailure::InvalidGrant,
        ErrorCode::InvalidClient => TokenFailure::Configuration(ConfigurationFault::InvalidClient),
        ErrorCode::UnauthorizedClient => TokenFailure::Configuration(ConfigurationFault::UnauthorizedClient),
        ErrorCode::UnsupportedGrantType => TokenFailure::Configuration(ConfigurationFault::UnsupportedGrantType),
        ErrorCode::InvalidScope => TokenFailure::InvalidScope,
        ErrorCode::UseDpopNonce => TokenFailure::UseDpopNonce { nonce: answer.dpop_nonce().map(str::to_owned) },
        ErrorCode::InvalidDpopProof => TokenFailure::InvalidDpopProof,
        _ => TokenFailure::Unreasoned(Unreasoned { status: answer.status(), body: UnreasonedBody::OtherCode }),
    }
}

/// A refusal that names no reason, or names it where the standard has none: in a 2xx, in a 404. A web page or any other
/// text comes from something on the way and is transient only.
fn without_reason(status: u16, object: &Result<Option<ErrorObject>, MalformedAnswer>) -> TokenFailure {
    let body = match object {
        Ok(Some(_)) => UnreasonedBody::OtherCode,
        Ok(None) if status < 300 => {
            return TokenFailure::Transient(TransientKind::Malformed(MalformedAnswer::Missing("access_token")));
        }
        Ok(None) => UnreasonedBody::NoError,
        Err(MalformedAnswer::Empty) if status >= 300 => UnreasonedBody::Empty,
        Err(reason) => return TokenFailure::Transient(TransientKind::Malformed(*reason)),
    };
    TokenFailure::Unreasoned(Unreasoned { status, body })
}

#[cfg(test)]
mod tests;
