//! What the app may supply: credentials without a person.

use crate::{
    Secret,
    host::{BoxFuture, MaybeSendSync},
};

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
