//! What the app supplies: a browser, and optionally credentials without a person.

use url::Url;

use crate::{
    Secret,
    host::{BoxFuture, MaybeSendSync},
};

/// Why the browser brought nothing back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrowserError {
    /// The person closed it, or the app gave up waiting.
    #[error("the sign-in was cancelled")]
    Cancelled,
    /// There is none.
    #[error("no browser can be opened here")]
    Unavailable,
}

/// Shows the authorization server's sign-in to a person (RFC 8252: the system browser, never an embedded view).
pub trait Browser: MaybeSendSync {
    /// Opens `authorization_url` and waits until the browser is sent to the redirect URI; returns that whole URL. It is
    /// checked afterwards, so anything may be returned.
    fn visit(&self, authorization_url: Url) -> BoxFuture<'_, Result<Url, BrowserError>>;
}

/// Why a provider supplied nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// It cannot without a person. Final for this episode.
    #[error("the provider needs a person")]
    Declined,
    /// Not now: no network, a busy server. Asked again later.
    #[error("the provider is not available now")]
    Unavailable,
}

/// Tokens from somewhere else: an app's own sign-in endpoint, or another library.
#[derive(Clone, Debug)]
pub struct ImportedTokens {
    /// The access token; may be expired.
    pub access_token: Option<Secret>,
    /// How long the access token lives, in seconds; `None`: not known, an hour is assumed.
    pub expires_in: Option<u64>,
    /// The refresh token.
    pub refresh_token: Option<Secret>,
}

impl ImportedTokens {
    /// What there is of them.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        [&self.access_token, &self.refresh_token].into_iter().flatten().filter(|token| !token.is_empty())
    }
}

/// Rung 4 by the app's own means: supplies new tokens for the pinned identity without a person.
pub trait CredentialProvider: MaybeSendSync {
    /// Tokens for `subject`. Given 60 s; what it returns is verified by the probe before it is used.
    fn supply(&self, subject: Option<&str>) -> BoxFuture<'_, Result<ImportedTokens, ProviderError>>;
}
