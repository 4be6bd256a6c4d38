//! Error objects, [RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2).

use serde::Deserialize;

use super::{Answer, MAX_BODY, MalformedAnswer, Untrusted, json};

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)*) => {
        /// An error code, from token answers, authorization answers and `WWW-Authenticate`.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
            /// A code that no standard known here names.
            Other(Untrusted),
        }

        impl ErrorCode {
            /// Every code with a name.
            pub const KNOWN: &'static [(&'static str, Self)] = &[$(($code, Self::$variant),)*];

            /// From the code as the server spells it. Codes are case-sensitive.
            #[must_use]
            pub fn parse(code: &str) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    other => Self::Other(Untrusted::new(other)),
                }
            }

            /// The code as the standard spells it; `other` for a code without a name.
            #[must_use]
            pub const fn as_str(&self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Other(_) => "other",
                }
            }
        }
    };
}

error_codes! {
    /// RFC 6749 section 5.2 and RFC 6750 section 3.1: the request is not as the server expects it.
    InvalidRequest = "invalid_request",
    /// RFC 6749 section 5.2: the client is unknown or did not prove itself.
    InvalidClient = "invalid_client",
    /// RFC 6749 section 5.2: this code, refresh token or assertion is refused.
    InvalidGrant = "invalid_grant",
    /// RFC 6749 section 5.2: the client may not use this grant type.
    UnauthorizedClient = "unauthorized_client",
    /// RFC 6749 section 5.2: the server does not offer this grant type.
    UnsupportedGrantType = "unsupported_grant_type",
    /// RFC 6749 section 5.2: a scope is unknown or more than was granted.
    InvalidScope = "invalid_scope",
    /// RFC 6749 section 4.1.2.1: the server broke.
    ServerError = "server_error",
    /// RFC 6749 section 4.1.2.1: the server is overloaded or under maintenance.
    TemporarilyUnavailable = "temporarily_unavailable",
    /// RFC 6749 section 4.1.2.1: the person or the server said no.
    AccessDenied = "access_denied",
    /// RFC 6749 section 4.1.2.1: the server does not offer this response type.
    UnsupportedResponseType = "unsupported_response_type",
    /// OpenID Connect Core 1.0 section 3.1.2.6: somebody has to sign in.
    LoginRequired = "login_required",
    /// OpenID Connect Core 1.0 section 3.1.2.6: somebody has to do something.
    InteractionRequired = "interaction_required",
    /// OpenID Connect Core 1.0 section 3.1.2.6: somebody has to consent.
    ConsentRequired = "consent_required",
    /// OpenID Connect Core 1.0 section 3.1.2.6: somebody has to choose an account.
    AccountSelectionRequired = "account_selection_required",
    /// RFC 6750 section 3.1: the access token is refused.
    InvalidToken = "invalid_token",
    /// RFC 6750 section 3.1: the token is good, and not good enough for this.
    InsufficientScope = "insufficient_scope",
    /// RFC 9470 section 3: the sign-in is too old or too weak for this.
    InsufficientUserAuthentication = "insufficient_user_authentication",
    /// RFC 9449 section 8: once more, with the server's nonce.
    UseDpopNonce = "use_dpop_nonce",
    /// RFC 9449 section 5: the proof is refused.
    InvalidDpopProof = "invalid_dpop_proof",
    /// RFC 8707 section 2: the resource is unknown.
    InvalidTarget = "invalid_target",
    /// RFC 7009 section 2.2.1: this kind of token cannot be revoked.
    UnsupportedTokenType = "unsupported_token_type",
    /// RFC 8628 section 3.5: nobody has approved the device yet.
    AuthorizationPending = "authorization_pending",
    /// RFC 8628 section 3.5: poll less often.
    SlowDown = "slow_down",
    /// RFC 8628 section 3.5: the device's code is not good any more.
    ExpiredToken = "expired_token",
}

/// An error as an OAuth server words it: a code, and perhaps a description. The `error_uri` is dropped: a link from a
/// server in trouble is nothing to show to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorObject {
    /// What went wrong.
    pub code: ErrorCode,
    /// The server's own words.
    pub description: Option<Untrusted>,
}

impl ErrorObject {
    pub(crate) fn new(code: &str, description: Option<&str>) -> Self {
        let description = description.filter(|text| !text.is_empty()).map(Untrusted::new);
        Self { code: ErrorCode::parse(code), description }
    }

    /// Reads the error object in a body; `None` if the body is a JSON object without a usable `error`.
    ///
    /// # Errors
    /// [`MalformedAnswer`] if the body is no JSON object.
    pub fn read(answer: &Answer<'_>) -> Result<Option<Self>, MalformedAnswer> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            error: json::Lenient<String>,
            #[serde(default)]
            error_description: json::Lenient<String>,
        }
        let body: Body = json::object(answer.body(), MAX_BODY)?;
        let code = body.error.0.filter(|code| !code.is_empty());
        Ok(code.map(|code| Self::new(&code, body.error_description.0.as_deref())))
    }
}

#[cfg(test)]
mod tests;
