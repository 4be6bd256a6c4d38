//! What a session store is.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// What began with one sign-in and lives by refreshing.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) person: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    /// The `aud` of its access tokens.
    pub(crate) audience: String,
    /// When the person, or the device key, proved who they are. Seconds since 1970.
    pub(crate) auth_time: u64,
    pub(crate) revoked: bool,
    /// The key that signed the last access token, and when that token expires (seconds since 1970).
    pub(crate) last_access: Option<(String, u64)>,
    /// The key that signed the last refresh token, where they are signed.
    pub(crate) last_refresh_key: Option<String>,
    /// The thumbprint of the key that its tokens are bound to (RFC 9449 section 6).
    #[serde(default)]
    pub(crate) bound_to: Option<String>,
}

/// One refresh token, known by its fingerprint.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RefreshToken {
    pub(crate) sid: String,
    pub(crate) client_id: String,
    pub(crate) spent: Option<Spent>,
}

/// What became of a refresh token that was used.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Spent {
    pub(crate) at_ms: u64,
    /// Kept to be given again within the grace time.
    #[serde(serialize_with = "exposed")]
    pub(crate) successor: SecretString,
    pub(crate) successor_fingerprint: String,
}

fn exposed<S: serde::Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// The store did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session store cannot be reached")]
pub(crate) struct Unreachable;

/// Where sessions are. Every call either did what it says or was [`Unreachable`]; there is nothing in between.
pub(crate) trait SessionStore: Send {
    fn session(&self, sid: &str) -> Result<Option<Session>, Unreachable>;

    /// Every session, revoked ones included, by id.
    fn sessions(&self) -> Result<Vec<(String, Session)>, Unreachable>;

    /// How many sessions are not revoked.
    fn live(&self) -> Result<u64, Unreachable>;

    fn put(&mut self, sid: &str, session: &Session) -> Result<(), Unreachable>;

    fn refresh_token(&self, fingerprint: &str) -> Result<Option<RefreshToken>, Unreachable>;

    fn put_refresh_token(&mut self, fingerprint: &str, token: &RefreshToken) -> Result<(), Unreachable>;

    /// Voids what is signed and has not expired, by its id; whether it was not void before.
    fn void(&mut self, id: &str) -> Result<bool, Unreachable>;

    fn is_void(&self, id: &str) -> Result<bool, Unreachable>;

    /// Loses every session and refresh token; what is void stays void.
    fn wipe(&mut self) -> Result<(), Unreachable>;
}
