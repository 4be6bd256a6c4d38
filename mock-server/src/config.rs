//! How the server behaves while nothing is broken.

use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Refused, oauth::StoreFailure};

/// What the authorization server does with a refresh token that was used (RFC 6749 section 10.4, RFC 9700 section 4.14.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// Each refresh token is good once; a second use revokes the whole session.
    #[default]
    Strict,
    /// As strict, but the previous one is answered with its successor for [`Config::grace_seconds`].
    Grace,
    /// The previous one is answered with its successor until the successor was used.
    UntilUsed,
    /// No rotation: one refresh token for the whole session.
    Off,
}

/// What a refresh answer carries as `refresh_token`. Everything but `Rotated` leaves the presented one good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshAnswer {
    /// A new refresh token, unless [`Rotation::Off`].
    #[default]
    Rotated,
    /// The one that was presented.
    Same,
    /// No such member.
    Missing,
    /// An empty string.
    Empty,
}

/// What a refresh token is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshTokens {
    /// Random, known to the session store. Survives a change of the signing secret.
    #[default]
    Opaque,
    /// Signed with the HMAC secret: dies with it.
    Signed,
}

/// Which key signs access tokens. ID tokens are always ES256.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// HMAC with SHA-256 and the server's secret (RFC 7518 section 3.2).
    #[default]
    Hs256,
    /// ECDSA on P-256, published as JWKS (RFC 7518 section 3.4).
    Es256,
}

/// `expires_in` in token answers (RFC 6749 section 5.1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiresIn {
    /// The true lifetime, in seconds.
    #[default]
    Actual,
    /// No such member.
    Missing,
    /// Exactly this JSON value, whatever the token's true lifetime.
    Raw(Value),
}

/// Whether authorization requests may be pushed (RFC 9126).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushedRequests {
    /// No.
    #[default]
    Off,
    /// They may.
    Offered,
    /// They must: the sign-in page takes no others.
    Required,
}

/// How a sign-in looks to whoever asked for it. The server takes no notice of `acr_values` and `max_age`, as many do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    /// For how long a scripted person's browser has had a session of its own, in seconds; `prompt=login` begins a new one.
    #[serde(default)]
    pub age_seconds: u64,
    /// The authentication context class of every sign-in (`acr`); `null`: the ID token says none.
    #[serde(default)]
    pub acr: Option<String>,
}

/// The device authorization grant (RFC 8628).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceGrant {
    /// How long a code is good, in seconds.
    pub lifetime_seconds: u64,
    /// How long a device has to wait between two questions, in seconds, if the server says. It is 5 s all the same.
    pub interval_seconds: Option<u64>,
    /// Whether a device has to prove by PKCE that the code is its own.
    pub requires_challenge: bool,
}

impl Default for DeviceGrant {
    fn default() -> Self {
        Self { lifetime_seconds: 600, interval_seconds: Some(5), requires_challenge: false }
    }
}

/// How the POS API says no.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "style", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rejection {
    /// 401 with `WWW-Authenticate: Bearer error="invalid_token"` (RFC 6750 section 3).
    #[default]
    Standard,
    /// As a server that grew by itself: any status, any body, no `WWW-Authenticate`.
    Legacy {
        /// The status, 200 to 599.
        status: u16,
        /// `Content-Type`.
        #[serde(default = "legacy_content_type")]
        content_type: String,
        /// The body.
        #[serde(default = "legacy_body")]
        body: String,
    },
}

impl Rejection {
    /// The incident's own answer with a status of your choice: `{"error":"Token invalid"}` as JSON.
    #[must_use]
    pub fn legacy(status: u16) -> Self {
        Self::Legacy { status, content_type: legacy_content_type(), body: legacy_body() }
    }
}

fn legacy_content_type() -> String {
    "application/json".to_owned()
}

fn legacy_body() -> String {
    r#"{"error":"Token invalid"}"#.to_owned()
}

/// What `/.well-known/mainstay-status` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusDocument {
    /// False while an operator says that the server is in trouble.
    pub healthy: bool,
    /// Over how many seconds clients are asked to spread their next attempts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread_seconds: Option<u64>,
    /// A sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Default for StatusDocument {
    fn default() -> Self {
        Self { healthy: true, spread_seconds: None, message: None }
    }
}

/// When a surge of rejections raises an alarm for the operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmRule {
    /// How many rejected tokens raise the alarm.
    pub rejections: usize,
    /// Within how many seconds of the server's clock.
    pub within_seconds: u64,
}

/// How the server behaves while nothing is broken. `PUT /control/config` takes any part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Lifetime of access tokens, in seconds.
    pub access_token_lifetime: u64,
    /// Which key signs access tokens.
    pub algorithm: Algorithm,
    /// What happens to a refresh token that was used.
    pub rotation: Rotation,
    /// How long [`Rotation::Grace`] answers the previous refresh token, in seconds.
    pub grace_seconds: u64,
    /// What refresh tokens are made of.
    pub refresh_tokens: RefreshTokens,
    /// What a refresh answer carries as `refresh_token`.
    pub refresh_answer: RefreshAnswer,
    /// Whether a refresh answer carries an ID token (optional by OpenID Connect Core 1.0, section 12.2).
    pub id_token_on_refresh: bool,
    /// Whether the JWT bearer grant also gives a refresh token.
    pub refresh_token_on_jwt_bearer: bool,
    /// Whether authorization requests may be pushed.
    pub pushed_authorization_requests: PushedRequests,
    /// How a sign-in looks to whoever asked for it.
    pub authentication: Authentication,
    /// The device authorization grant.
    pub device_grant: DeviceGrant,
    /// `expires_in` in token answers.
    pub expires_in: ExpiresIn,
    /// The only client ids that are known; `null` knows every one.
    pub client_ids: Option<Vec<String>>,
    /// Scopes that nobody is granted, whatever an app asks for (RFC 6749 section 3.3).
    pub withheld_scopes: Vec<String>,
    /// How the POS API says no.
    pub rejection: Rejection,
    /// What the status document says.
    pub status: StatusDocument,
    /// What the server does while it cannot reach its session store.
    pub when_the_store_fails: StoreFailure,
    /// When a surge of rejections raises an alarm.
    pub alarm: AlarmRule,
    /// Whether tokens are given only to whoever proves possession of a key (RFC 9449). Whoever does gets tokens bound to it anyway.
    pub dpop_required: bool,
    /// How long a nonce for such proofs is good, in seconds; `null` wants none.
    pub dpop_nonce_seconds: Option<u64>,
    /// How long a replaced signing key stays accepted after `/admin` activated another one, in seconds.
    pub key_overlap_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            access_token_lifetime: 900,
            algorithm: Algorithm::default(),
            rotation: Rotation::default(),
            grace_seconds: 60,
            refresh_tokens: RefreshTokens::default(),
            refresh_answer: RefreshAnswer::default(),
            id_token_on_refresh: true,
            refresh_token_on_jwt_bearer: true,
            pushed_authorization_requests: PushedRequests::default(),
            authentication: Authentication::default(),
            device_grant: DeviceGrant::default(),
            expires_in: ExpiresIn::default(),
            client_ids: None,
            withheld_scopes: Vec::new(),
            rejection: Rejection::default(),
            status: StatusDocument::default(),
            when_the_store_fails: StoreFailure::default(),
            alarm: AlarmRule { rejections: 20, within_seconds: 60 },
            dpop_required: false,
            dpop_nonce_seconds: None,
            key_overlap_seconds: 86_400,
        }
    }
}

impl Config {
    /// This configuration with the members of `patch` in place of its own.
    ///
    /// # Errors
    /// [`Refused`] for a member that does not exist, or a value that cannot be carried out.
    pub fn patched(&self, patch: serde_json::Map<String, Value>) -> Result<Self, Refused> {
        let mut whole = serde_json::to_value(self).map_err(|e| Refused::new(e.to_string()))?;
        if let Some(members) = whole.as_object_mut() {
            members.extend(patch);
        }
        let config: Self = serde_json::from_value(whole).map_err(|e| Refused::new(e.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Whether every value can be sent over HTTP and calculated with.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        let longest = [
            self.access_token_lifetime,
            self.grace_seconds,
            self.key_overlap_seconds,
            self.dpop_nonce_seconds.unwrap_or(0),
            self.alarm.within_seconds,
            self.authentication.age_seconds,
            self.device_grant.lifetime_seconds,
            self.device_grant.interval_seconds.unwrap_or(0),
            self.status.spread_seconds.unwrap_or(0),
        ];
        if longest.iter().any(|seconds| *seconds > TEN_YEARS_S) {
            return Err(Refused::new("a time of more than ten years"));
        }
        if let Rejection::Legacy { status, content_type, .. } = &self.rejection {
            check_status(*status)?;
            HeaderValue::from_str(content_type).map_err(|_| Refused::new("content_type is no header value"))?;
        }
        Ok(())
    }
}

const TEN_YEARS_S: u64 = 315_360_000;

/// Final statuses only: 1xx would break the connection's framing.
pub(crate) fn check_status(status: u16) -> Result<StatusCode, Refused> {
    match StatusCode::from_u16(status) {
        Ok(code) if (200..600).contains(&status) => Ok(code),
        _ => Err(Refused::new(format!("status {status} is not between 200 and 599"))),
    }
}
