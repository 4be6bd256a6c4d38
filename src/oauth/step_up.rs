//! How a person has to authenticate: step-up authentication, [RFC 9470](https://www.rfc-editor.org/rfc/rfc9470).

use serde_json::Value;

use super::{BearerError, Claims, SignInOptions, json};

/// How much older than allowed an authentication may look, in seconds: a server's nodes have clocks of their own.
const LENIENCY: u64 = 60;

/// How a person had to authenticate; checked against the ID token that the sign-in brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthenticationWanted {
    /// The authentication context classes that will do, separated by blanks; `None`: any.
    pub acr_values: Option<String>,
    /// How old the authentication may be, in seconds; `None`: any age.
    pub max_age: Option<u64>,
}

/// Why a sign-in is not the one that was asked for. What it brought is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// The ID token does not say, or there is none: the server cannot do this, or `openid` was not asked for.
    #[error("the server does not say how the person authenticated: its ID token has no usable `{0}`")]
    NotSaid(&'static str),
    /// The person authenticated too long ago (`auth_time`). Ask them again.
    #[error("the person authenticated too long ago")]
    TooOld,
    /// The person authenticated in another way (`acr`). Ask them again.
    #[error("the person authenticated in another way than was asked for")]
    AnotherWay,
}

impl AuthenticationWanted {
    /// Whether anything is wanted at all.
    #[must_use]
    pub const fn is_anything(&self) -> bool {
        self.acr_values.is_some() || self.max_age.is_some()
    }

    /// Checks what the ID token says of the authentication
    /// ([OpenID Connect Core 1.0 section 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation),
    /// items 12 and 13). Its age is counted up to when the token was issued, by the server's own clock. `None`: there is no ID
    /// token.
    ///
    /// # Errors
    /// [`AuthenticationError`].
    pub fn check(&self, claims: Option<&Claims>) -> Result<(), AuthenticationError> {
        let said = |name: &'static str| claims.and_then(|it| it.at(name)).ok_or(AuthenticationError::NotSaid(name));
        if let Some(wanted) = &self.acr_values {
            let acr = said("acr")?.as_str().ok_or(AuthenticationError::NotSaid("acr"))?;
            if !wanted.split_whitespace().any(|wanted| wanted == acr) {
                return Err(AuthenticationError::AnotherWay);
            }
        }
        if let Some(max_age) = self.max_age {
            let seconds = |name: &'static str| {
                let number = |value: &Value| json::whole_number(value).and_then(|it| u64::try_from(it).ok());
                said(name).and_then(|value| number(value).ok_or(AuthenticationError::NotSaid(name)))
            };
            let (authenticated, issued) = (seconds("auth_time")?, seconds("iat")?);
            if issued.saturating_sub(authenticated) > max_age.saturating_add(LENIENCY) {
                return Err(AuthenticationError::TooOld);
            }
        }
        Ok(())
    }
}

impl SignInOptions {
    /// What a resource server's `insufficient_user_authentication` asks for
    /// ([RFC 9470 section 3](https://www.rfc-editor.org/rfc/rfc9470#section-3)): sign in again with these, then send the
    /// request again.
    #[must_use]
    pub fn step_up(challenge: &BearerError) -> Self {
        Self { acr_values: challenge.acr_values.clone(), max_age: challenge.max_age, ..Self::default() }
    }
}

#[cfg(test)]
mod tests;
