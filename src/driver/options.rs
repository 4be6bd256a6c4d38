//! What an app decides once, and what it asks for call by call.

use std::time::Duration;

use url::Url;

use crate::oauth::SignInOptions;

/// What the app decided when it built its client.
pub(super) struct Options {
    pub(super) redirect_uri: Url,
    pub(super) scopes: Vec<String>,
    pub(super) offline_permit: Duration,
}

impl Options {
    /// What a sign-in asks for, with the client's scopes where it names none.
    pub(super) fn complete(&self, options: &SignInOptions) -> SignInOptions {
        let mut options = options.clone();
        if options.scopes.is_empty() {
            options.scopes.clone_from(&self.scopes);
        }
        options
    }
}

/// What kind of access token a call needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenRequest {
    /// The audience (RFC 8707 section 2); `None` is the session's own.
    pub audience: Option<String>,
    /// Scopes that the token must have; empty: whatever the session has.
    pub scopes: Vec<String>,
    /// How long the token must live at least. A shorter one is renewed first, unless it has only just come.
    pub min_remaining: Duration,
}

impl TokenRequest {
    /// What is asked for, in the app's own words.
    pub(super) fn describe(&self) -> String {
        let audience = self.audience.as_ref().map(|audience| format!("the audience `{audience}`"));
        let scopes = (!self.scopes.is_empty()).then(|| format!("the scopes `{}`", self.scopes.join(" ")));
        match (audience, scopes) {
            (Some(audience), Some(scopes)) => format!("{audience} with {scopes}"),
            (Some(what), None) | (None, Some(what)) => what,
            (None, None) => "its own audience".to_owned(),
        }
    }
}
