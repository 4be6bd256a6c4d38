//! What is given before anything goes wrong.

use serde::{Deserialize, Serialize};

use super::{Delay, StartTime};

/// The world of an incident.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// What both clocks show at the beginning.
    #[serde(default)]
    pub starts_at: StartTime,
    /// How long the incident is watched, in virtual time.
    pub lasts: Delay,
    /// Who is signed in on this device. The first is the one at the till.
    #[serde(default = "ada")]
    pub people: Vec<String>,
    /// Whether the device has enrolled a key of its own (RFC 7523), so that it can sign itself in.
    #[serde(default)]
    pub device_key: bool,
    /// What the app's own source of credentials does, where the app has one.
    #[serde(default)]
    pub provider: Provider,
    /// The server, before it breaks.
    #[serde(default)]
    pub server: Server,
    /// What the client was told about the server.
    #[serde(default)]
    pub profile: Profile,
    /// How the person at the till behaves.
    #[serde(default)]
    pub person: Person,
    /// The app around the SDK and its data.
    #[serde(default)]
    pub app: App,
}

fn ada() -> Vec<String> {
    vec!["ada".to_owned()]
}

/// A credential provider that the app supplies to the SDK.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// There is none.
    #[default]
    None,
    /// It says each time that it cannot help without a person.
    Declines,
    /// It says each time that it cannot help now.
    Unavailable,
}

/// The server, as it is while all is well.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// How long an access token lives.
    pub access_tokens_live: Delay,
    /// What happens to a refresh token that was used.
    pub rotation: Rotation,
    /// How long a used refresh token is answered again, where the rotation is `grace`.
    pub grace: Delay,
    /// Whether refresh tokens die with the signing secret.
    pub refresh_tokens: RefreshTokens,
    /// What signs access tokens.
    pub signed_with: SignedWith,
    /// Whether the answer to a refresh carries an ID token.
    pub id_token_on_refresh: bool,
    /// How the POS API says that it does not accept a token.
    pub rejection: Rejection,
    /// Where sessions are kept.
    pub sessions: Sessions,
}

/// Where the server keeps its sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sessions {
    /// In the server itself.
    #[default]
    Embedded,
    /// In a real Redis, which the step `redis` kills and starts again.
    Redis,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            access_tokens_live: Delay(std::time::Duration::from_secs(900)),
            rotation: Rotation::default(),
            grace: Delay(std::time::Duration::from_secs(60)),
            refresh_tokens: RefreshTokens::default(),
            signed_with: SignedWith::default(),
            id_token_on_refresh: true,
            rejection: Rejection::default(),
            sessions: Sessions::default(),
        }
    }
}

/// What the authorization server does with a refresh token that was used (RFC 9700 section 4.14.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// It is void; using it again revokes the whole family.
    #[default]
    Strict,
    /// It is answered again for a while.
    Grace,
    /// It stays good until its successor was used.
    UntilUsed,
    /// It stays good: there is no rotation.
    Off,
}

/// What a refresh token is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshTokens {
    /// An entry in the server's store: it survives a change of the signing secret.
    #[default]
    Opaque,
    /// Signed with the same secret as access tokens: it dies with it.
    Signed,
}

/// What signs access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignedWith {
    /// A secret that only servers know: `change_secret` changes it.
    #[default]
    Secret,
    /// A private key whose public half stands in the key set (RFC 7517): `rotate_jwks` changes it.
    KeySet,
}

/// How the POS API rejects a token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rejection {
    /// By the standard or in the server's own way.
    pub style: RejectionStyle,
    /// The HTTP status, where the style is `legacy`.
    pub status: u16,
    /// The body, where the style is `legacy`.
    pub body: String,
    /// The body's content type, where the style is `legacy`.
    pub content_type: String,
}

impl Default for Rejection {
    fn default() -> Self {
        Self {
            style: RejectionStyle::Standard,
            status: 401,
            body: r#"{"error":"Token invalid"}"#.to_owned(),
            content_type: "application/json".to_owned(),
        }
    }
}

/// Whether a rejection follows RFC 6750.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionStyle {
    /// 401 with `WWW-Authenticate: Bearer error="invalid_token"` (RFC 6750 section 3.1).
    Standard,
    /// A status and a body of the server's own, without `WWW-Authenticate`.
    Legacy,
}

/// What the client was told about this deployment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// Whether the profile describes the server's own way of rejecting (`given.server.rejection`).
    pub knows_the_rejection: bool,
    /// How the profile says a used refresh token is treated; absent: as the server really does.
    pub rotation: Option<Rotation>,
    /// Whether a refresh answer without an ID token is taken to be the pinned person's.
    pub inherits_identity_on_refresh: bool,
    /// Whether the profile names the header in which the POS API repeats whom it answers for.
    pub knows_the_echo: bool,
    /// Whether the profile names the POS API's *who am I* as the probe; else it is userinfo.
    pub knows_who_am_i: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            knows_the_rejection: false,
            rotation: None,
            inherits_identity_on_refresh: false,
            knows_the_echo: false,
            knows_who_am_i: true,
        }
    }
}

/// The person at the till.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Person {
    /// How long it takes the person to do what a sign-in screen asks for; absent: nobody comes.
    pub answers_after: Option<Delay>,
}

/// The app around the SDK.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct App {
    /// The till sells something this often; absent: only by steps.
    pub sells_every: Option<Delay>,
    /// What each of these sales costs, in cents.
    pub sale_cents: u32,
    /// Sales that wait in the app's queue when the incident begins: the network was gone, and comes back right after
    /// the first moment.
    pub queued_sales: u32,
}
