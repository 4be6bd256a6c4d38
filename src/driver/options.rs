//! What an app decides once, and what it asks for call by call.

use std::time::Duration;

use url::Url;

/// What the app decided when it built its client.
pub(super) struct Options {
    pub(super) redirect_uri: Url,
    pub(super) scopes: Vec<String>,
    pub(super) offline_permit: Duration,
}

/// What kind of access token a call needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenRequest {
    /// The audience (RFC 8707 section 2); `None` is the session's own.
    pub audience: Option<String>,
    /// Scopes that the token must have; empty: whatever the session has.
    pub scopes: Vec<String>,
    /// How long the token must live at least. A shorter one is renewed first.
    pub min_remaining: Duration,
}
