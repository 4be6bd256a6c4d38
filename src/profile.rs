//! The description of one deployment: what its servers offer and how they say no.

mod check;
mod echo;
#[cfg(feature = "toml")]
mod toml;

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

pub use check::ProfileError;
pub(crate) use echo::Echoed;
pub use echo::IdentityEcho;

use crate::oauth::{IdentitySource, RejectionRule};

/// What is known about a deployment beforehand. `Profile::default()` fits a server that follows the standards.
///
/// Built in code, from JSON (serde), or from a TOML file with `Profile::from_toml` (feature `toml`; `docs/profile.md`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// The request that asks a server whether a token is good.
    pub probe: Probe,
    /// GET paths whose 2xx proves that the server accepted the token; `*` stands for any run of characters.
    pub protected_paths: Vec<String>,
    /// How servers say no where no standard has the words (DESIGN.md section 4): "Token invalid" in any status, and "this
    /// session was revoked", which no standard can say. As JSON:
    ///
    /// ```
    /// # let profile: mainstay::Profile = serde_json::from_str(r#"
    /// {
    ///   "rejection_rules": [
    ///     { "name": "old api", "status": 400, "path": "/api/*", "body_contains": "Token invalid" },
    ///     { "name": "ended by an admin", "status": 401, "path": "/api/*", "content_type": "application/json",
    ///       "body_contains": "session revoked", "meaning": "session_revoked" }
    ///   ]
    /// }
    /// # "#).unwrap();
    /// # assert_eq!(profile.rejection_rules.len(), 2);
    /// ```
    pub rejection_rules: Vec<RejectionRule>,
    /// Where claims name the person.
    pub identity: IdentitySource,
    /// Where each response repeats the subject it is for; checked before the body is released.
    pub identity_echo: Option<IdentityEcho>,
    /// Whose credentials a refresh brings when nothing in the answer says.
    pub refresh_identity: RefreshIdentity,
    /// Origins besides the issuer's own that tokens may be sent to, for example `https://api.example.com`.
    pub resource_origins: BTreeSet<String>,
    /// Whether tokens are bound to a key of this session (RFC 9449), so that a copy of one is worth nothing.
    pub dpop: Dpop,
    /// Whether a device key is enrolled by itself after a sign-in, where the server offers it.
    pub enroll_device_key: bool,
    /// How long one HTTP request may take, in seconds.
    pub request_timeout_seconds: u64,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            probe: Probe::Userinfo,
            protected_paths: Vec::new(),
            rejection_rules: Vec::new(),
            identity: IdentitySource::default(),
            identity_echo: None,
            refresh_identity: RefreshIdentity::Ask,
            resource_origins: BTreeSet::new(),
            dpop: Dpop::Off,
            enroll_device_key: false,
            request_timeout_seconds: 30,
        }
    }
}

impl Profile {
    /// How long one HTTP request may take.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_seconds.clamp(1, 300))
    }

    /// Whether a 2xx of this GET path proves that the token was accepted.
    #[must_use]
    pub fn is_protected(&self, path: &str) -> bool {
        self.protected_paths.iter().any(|pattern| matches_glob(pattern, path))
    }
}

/// The request that asks a server whether a token is good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// There is none.
    None,
    /// The userinfo endpoint of the discovery document, if it names one (OIDC Core 5.3).
    #[default]
    Userinfo,
    /// A GET of this absolute URL, which names the subject: a *who am I*.
    WhoAmI(String),
    /// A GET of this absolute URL, which names nobody and is answered only with a good token.
    Protected(String),
}

/// Whose credentials a refresh brings when nothing in the answer says (an ID token is optional there, OIDC Core 12.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshIdentity {
    /// The probe is asked before the token is handed out.
    #[default]
    Ask,
    /// The same person's as before: the server binds refresh tokens to a subject.
    Inherited,
}

/// Whether tokens are bound to a key (DPoP, RFC 9449). Decided at a sign-in; a session keeps what it began with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dpop {
    /// No: bearer tokens.
    #[default]
    Off,
    /// If the discovery document says that the server does it with ES256.
    WhereOffered,
    /// Yes, and a sign-in that brings a bearer token is refused.
    Required,
}

fn matches_glob(pattern: &str, path: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| path.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
