//! Errors: rich inside, few outside, and one place that maps.

use std::time::Duration;

use mainstay_core::HoldCause;

use crate::{
    host::{BrowserError, LockError, TransportError},
    oauth::{
        AuthenticationError, AuthorizationError, CallbackError, EndpointError, IdTokenError, IdentityError,
        MalformedAnswer, ProtectedFailure, RequestError, TokenError, TokenFailure,
    },
    vault::VaultError,
};

/// What went wrong, as the caller's next move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Only a person can help. Show the sign-in prompt in place and call `sign_in_again`.
    #[error("a person has to sign in")]
    SignInRequired,
    /// Not now; the session is fine. Go on offline, and try again after `retry_after`.
    #[error("not available now; try again in {} s", retry_after.as_secs())]
    TryLater {
        /// What is wrong; `None` while merely offline.
        cause: Option<HoldCause>,
        /// How long to wait.
        retry_after: Duration,
    },
    /// The vault cannot be opened now. Ask the person to unlock the device or keyring; it goes on by itself.
    #[error("the vault is locked")]
    VaultLocked,
    /// Somebody else's identity turned up. Nothing of it was kept or shown; let the person sign in again.
    #[error("the identity does not match")]
    IdentityMismatch,
    /// The app, its profile or the server's registration is wrong. A developer or operator has to act; the text says where.
    #[error("misconfigured: {0}")]
    Misconfigured(String),
    /// The person gave up, or the app dropped the request. Nothing changed.
    #[error("cancelled")]
    Cancelled,
    /// A defect of Mainstay or an operating system that refuses to work. Report it with the log; credentials are kept.
    #[error("internal: {0}")]
    Internal(&'static str),
}

/// Everything that can go wrong inside, with its details. Never shown to an app; logged without secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Malformed(#[from] MalformedAnswer),
    #[error(transparent)]
    Protected(#[from] ProtectedFailure),
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Authorization(#[from] AuthorizationError),
    #[error(transparent)]
    Authentication(#[from] AuthenticationError),
    #[error(transparent)]
    Callback(#[from] CallbackError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Browser(#[from] BrowserError),
    #[error(
        "nothing says whose token the server gave; say `refresh_identity = inherited` if it binds them to a person"
    )]
    Unnamed,
    #[error("the server asks to wait")]
    ToldToWait(Duration),
    #[error("the server gives this session no access token for {0}")]
    NotGranted(String),
    #[error("the server's access tokens for {wanted} live {} s and no longer", lives_for.as_secs())]
    LivesTooShort { wanted: String, lives_for: Duration },
    #[error("not now; nothing was sent, or nothing came of it")]
    NotNow(Duration),
    #[error("another identity signed in")]
    OtherIdentity,
    #[error("tapped too often")]
    TapLimit(Duration),
    #[error("{0}")]
    Misconfigured(String),
    #[error("{0}")]
    Internal(&'static str),
}

/// How long an app waits before it repeats what a passing trouble prevented.
pub(crate) const TRY_AGAIN_SOON: Duration = Duration::from_secs(20);

impl From<Failure> for Error {
    /// The one place that maps.
    fn from(failure: Failure) -> Self {
        let later = |wait: Option<Duration>| Self::TryLater {
            cause: Some(HoldCause::ServerTrouble),
            retry_after: wait.unwrap_or(TRY_AGAIN_SOON),
        };
        let error = match &failure {
            Failure::Transport(TransportError::InvalidRequest) => Self::Misconfigured(failure.to_string()),
            Failure::Transport(_) => Self::TryLater { cause: None, retry_after: TRY_AGAIN_SOON },
            Failure::Token(error) => match &error.failure {
                TokenFailure::Configuration(_) | TokenFailure::InvalidScope => Self::Misconfigured(failure.to_string()),
                TokenFailure::InvalidGrant | TokenFailure::SessionRevoked { .. } => Self::SignInRequired,
                _ => later(error.retry_after),
            },
            Failure::Malformed(MalformedAnswer::Invalid("issuer")) => {
                Self::Misconfigured("the server calls itself by another issuer".to_owned())
            }
            Failure::Malformed(_) | Failure::Protected(_) => later(None),
            Failure::ToldToWait(wait) => later(Some(*wait)),
            Failure::IdToken(IdTokenError::Algorithm) => Self::Misconfigured(failure.to_string()),
            // A node that signs with another key, a clock that is off, an answer that was tampered with: the next may be right.
            Failure::IdToken(
                IdTokenError::Malformed(_)
                | IdTokenError::Signature(_)
                | IdTokenError::AtHash
                | IdTokenError::Expired
                | IdTokenError::NotYet,
            ) => later(None),
            Failure::IdToken(_) | Failure::Identity(_) | Failure::OtherIdentity => Self::IdentityMismatch,
            Failure::Callback(CallbackError::WrongIssuer) => Self::IdentityMismatch,
            Failure::Callback(_) | Failure::Browser(BrowserError::Cancelled) => Self::Cancelled,
            Failure::Browser(BrowserError::Unavailable | BrowserError::WrongRedirectUri) => {
                Self::Misconfigured(failure.to_string())
            }
            Failure::Authentication(AuthenticationError::NotSaid(_)) => Self::Misconfigured(failure.to_string()),
            Failure::Authentication(_) => Self::SignInRequired,
            Failure::Endpoint(_) | Failure::Authorization(_) => Self::Misconfigured(failure.to_string()),
            Failure::Request(_) => Self::Misconfigured(failure.to_string()),
            Failure::Vault(VaultError::Locked(_)) => Self::VaultLocked,
            Failure::Vault(VaultError::SignedOut) => Self::Cancelled,
            Failure::Vault(VaultError::TooNew { .. }) => Self::Misconfigured(failure.to_string()),
            Failure::Vault(VaultError::Occupied) => Self::Misconfigured(failure.to_string()),
            Failure::Vault(VaultError::Lock(LockError::Unsupported)) => Self::Misconfigured(failure.to_string()),
            Failure::Vault(_) => Self::TryLater { cause: Some(HoldCause::StorageFull), retry_after: TRY_AGAIN_SOON },
            Failure::TapLimit(wait) | Failure::NotNow(wait) => Self::TryLater { cause: None, retry_after: *wait },
            Failure::Unnamed | Failure::NotGranted(_) | Failure::LivesTooShort { .. } => {
                Self::Misconfigured(failure.to_string())
            }
            Failure::Misconfigured(text) => Self::Misconfigured(text.clone()),
            Failure::Internal(text) => Self::Internal(text),
        };
        tracing::debug!(name: "mainstay.error", outside = %error, inside = %failure);
        error
    }
}
