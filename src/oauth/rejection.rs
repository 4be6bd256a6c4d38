//! What a resource server's answer says about the token it got. Follows the evidence table of the design, row by row.

use std::time::Duration;

use super::{Answer, BearerError, Challenges, ErrorCode, RejectionRule};

/// How much of a body is looked at, in bytes.
pub const REJECTION_BODY: usize = 4 * 1024;

/// What a resource server's answer says about the token. None of it ends a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Nothing: the answer is about the request.
    NotARejection,
    /// 401 with `invalid_token` ([RFC 6750 section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)): starts
    /// an episode.
    InvalidToken,
    /// 401 without a reason that a standard names: weaker, because a proxy may have dropped the header or written the
    /// answer itself.
    Unauthorized,
    /// 401 with `use_dpop_nonce` ([RFC 9449 section 9](https://www.rfc-editor.org/rfc/rfc9449#section-9)): once more
    /// with the nonce. The token is fine.
    UseDpopNonce {
        /// The nonce; `None` if the server forgot to send one.
        nonce: Option<String>,
    },
    /// 401 with `invalid_dpop_proof` (RFC 9449 section 7.1): once more with the server's time, then evidence.
    InvalidDpopProof {
        /// The server's own time (`Date`), in milliseconds since 1970.
        server_time_ms: Option<u64>,
    },
    /// 403, or `insufficient_scope` (RFC 6750 section 3.1): never a session matter.
    Forbidden {
        /// The scopes that are needed, if the server says.
        scope: Option<String>,
    },
    /// `insufficient_user_authentication` ([RFC 9470](https://www.rfc-editor.org/rfc/rfc9470)): a step-up for the app to
    /// ask for; the session is fine.
    InsufficientUserAuthentication {
        /// The authentication context classes that are needed, if the server says.
        acr_values: Option<String>,
        /// How old the sign-in may be, in seconds, if the server says.
        max_age: Option<u64>,
    },
    /// A rule of the profile recognised a rejection in the server's own words.
    Legacy {
        /// The rule's name.
        rule: String,
    },
    /// A rule of the profile recognised that the server says that somebody ended this session: points to this account, and
    /// is no reason to re-authenticate without a person.
    SessionRevoked {
        /// The rule's name.
        rule: String,
    },
    /// 408, 425, 429 or 5xx: the server is in trouble, and says nothing about the token.
    ServerTrouble {
        /// The status code.
        status: u16,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
}

impl Rejection {
    /// Reads an answer to a request for `path`. A reason in the words of a standard comes first, then the rules of the
    /// profile in their order, then the bare status. No body is looked at unless a rule asks for it. Of the standard reasons
    /// only `invalid_token` may hide that the session was revoked, so a rule may add that.
    #[must_use]
    pub fn read(answer: &Answer<'_>, path: &str, rules: &[RejectionRule]) -> Self {
        let standard = match answer.status() {
            401 | 403 => Challenges::read(answer.headers()).bearer_error().and_then(|error| by_code(error, answer)),
            _ => None,
        };
        let rule = match standard {
            None | Some(Self::InvalidToken) => rules.iter().find(|rule| rule.matches(answer, path)),
            Some(_) => None,
        };
        match (standard, rule) {
            (_, Some(rule)) if rule.is_of_revocation() => Self::SessionRevoked { rule: rule.name().to_owned() },
            (Some(standard), _) => standard,
            (None, Some(rule)) => Self::Legacy { rule: rule.name().to_owned() },
            (None, None) => by_status(answer),
        }
    }

    /// Whether this accuses the token: worth gathering evidence about.
    #[must_use]
    pub const fn accuses_token(&self) -> bool {
        matches!(self, Self::InvalidToken | Self::Unauthorized | Self::Legacy { .. } | Self::SessionRevoked { .. })
    }
}

fn by_code(error: BearerError, answer: &Answer<'_>) -> Option<Rejection> {
    let is_401 = answer.status() == 401;
    match error.error.code {
        ErrorCode::InsufficientScope => Some(Rejection::Forbidden { scope: error.scope }),
        ErrorCode::InvalidToken if is_401 => Some(Rejection::InvalidToken),
        ErrorCode::UseDpopNonce if is_401 => {
            Some(Rejection::UseDpopNonce { nonce: answer.dpop_nonce().map(str::to_owned) })
        }
        ErrorCode::InvalidDpopProof if is_401 => {
            Some(Rejection::InvalidDpopProof { server_time_ms: answer.server_time_ms() })
        }
        ErrorCode::InsufficientUserAuthentication if is_401 => {
            Some(Rejection::InsufficientUserAuthentication { acr_values: error.acr_values, max_age: error.max_age })
        }
        _ => None,
    }
}

fn by_status(answer: &Answer<'_>) -> Rejection {
    match answer.status() {
        401 => Rejection::Unauthorized,
        403 => Rejection::Forbidden { scope: None },
        status @ (408 | 425 | 429 | 500..=599) => {
            Rejection::ServerTrouble { status, retry_after: answer.retry_after() }
        }
        _ => Rejection::NotARejection,
    }
}

#[cfg(test)]
mod tests;
