//! What a session holds: one generation of credentials, and who they belong to.

use mainstay_core::{Generation, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Secret;

/// Who an account is: the identity its credentials were pinned to (P5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The issuer, exactly as the authorization server names itself (OIDC Core 2, `iss`). Sign-out: removed from the
    /// device. SignInRequired and quarantine: kept.
    pub issuer: String,
    /// The subject (OIDC Core 2, `sub`). `None` only where nothing ever proved it: the account is `unpinned`. Sign-out:
    /// removed from the device. SignInRequired and quarantine: kept.
    pub subject: Option<String>,
    /// The configured tenant claims, by name, in order of name. Sign-out: removed from the device. SignInRequired and
    /// quarantine: kept.
    pub tenant: Vec<(String, String)>,
}

/// One access token and what is known about it.
#[derive(Clone, Debug)]
pub struct StoredAccessToken {
    /// The token.
    pub token: Secret,
    /// `Bearer`, or another type as the server spelled it (RFC 6749 section 7.1).
    pub token_type: String,
    /// The audience (resource indicator, RFC 8707) it was asked for; `None` is the session's own.
    pub audience: Option<String>,
    /// The scopes it was granted, sorted.
    pub scopes: Vec<String>,
    /// When it was received.
    pub received_at: Timestamp,
    /// When it stops being handed out.
    pub expires_at: Timestamp,
}

/// One generation: at most one refresh token, and the access tokens that came with it.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The number of this generation; grows by one with each stored set.
    pub generation: Generation,
    /// Whose they are.
    pub identity: Identity,
    /// Access tokens by audience; the session's own first.
    pub access_tokens: Vec<StoredAccessToken>,
    /// The refresh token, if the server gave one.
    pub refresh_token: Option<Secret>,
    /// The private key that the tokens are bound to (RFC 9449), 32 bytes; `None` where they are nobody's in particular. Stays the
    /// same from one generation to the next.
    pub dpop_key: Option<Secret>,
}
