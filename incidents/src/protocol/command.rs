//! What the director tells a client to do.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::format::{Provider, Rotation};

/// A command with the number under which it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Grows by one with each order.
    pub id: u64,
    /// What to do.
    #[serde(flatten)]
    pub command: Command,
}

/// What to do. Everything but `settle` is answered as soon as it is understood and begun, unless it says otherwise:
/// what comes of it is told by events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Who are you? The first order of all.
    Hello {
        /// The director's version of the protocol.
        protocol: u32,
    },
    /// Open the vault and the app's data. Answered when the session is out of `starting`.
    Start(Box<Start>),
    /// The person signs in, by a browser that follows the authorization URL. Answered when that is over, well or not.
    SignIn,
    /// Adopt the tokens of an app that comes from another library. Answered when that is over, well or not.
    Import {
        /// What the other library held.
        tokens: Tokens,
    },
    /// Call the POS API. Answered when the call is over, well or not.
    Call {
        /// The HTTP method.
        method: String,
        /// The path, for example `/api/me`.
        path: String,
        /// Whether the screen shows the body of a 2xx.
        #[serde(default)]
        show: bool,
    },
    /// Take a sale: write it to the sales database, then deliver it.
    Sell {
        /// The sale's name, its idempotency key too.
        sale: String,
        /// What it costs, in cents.
        total_cents: u32,
    },
    /// Sign out.
    SignOut,
    /// The person closes the prompt.
    Dismiss,
    /// The person taps "try again".
    TapRetry,
    /// The network goes or comes back.
    Network {
        /// Whether there is one.
        on: bool,
    },
    /// The device's calendar clock jumps by this much, in milliseconds.
    Clock {
        /// Negative: back.
        shift_ms: i64,
    },
    /// The virtual clock moves to this moment, in milliseconds. Never back.
    Advance {
        /// The new time.
        to_ms: u64,
    },
    /// Answer when nothing moves any more: no task that could run, no file operation, no foreign call, and no more HTTP
    /// requests in flight than the server holds back. A newer `settle` replaces one that still waits.
    Settle {
        /// How many requests the server holds back.
        held: u32,
    },
    /// How is the session?
    State,
    /// What would you tell the cashier, the manager, the engineer?
    Explain,
    /// Leave in good order.
    Stop,
}

/// Everything a client needs to begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The authorization server, and the origin of the POS API.
    pub issuer: String,
    /// The OAuth client.
    pub client_id: String,
    /// Where the browser is sent back to. Nothing listens there: the client's browser reads the address.
    pub redirect_uri: String,
    /// What the client knows about the server.
    pub profile: Profile,
    /// The folder of the vault.
    pub vault_folder: PathBuf,
    /// The folder of the app's own data.
    pub app_data_folder: PathBuf,
    /// The virtual clock, in milliseconds: what counts suspend and never goes back.
    pub now_ms: u64,
    /// The calendar clock at that moment, in milliseconds since 1970-01-01T00:00:00Z.
    pub wall_ms: u64,
    /// Where randomness comes from: the same seed, the same run.
    pub seed: u64,
    /// Whether the session enrols a key of the device's own after a sign-in.
    pub device_key: bool,
    /// What the app's credential provider does.
    pub provider: Provider,
    /// Whether there is a network.
    #[serde(default = "there_is")]
    pub network: bool,
}

fn there_is() -> bool {
    true
}

/// What the client knows about the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Answers that reject a token although no standard says so.
    #[serde(default)]
    pub rejections: Vec<RejectionRule>,
    /// How a used refresh token is treated.
    #[serde(default)]
    pub rotation: Rotation,
    /// The path that asks the server whether a token is good, and whose it is.
    #[serde(default)]
    pub who_am_i: Option<String>,
    /// Whether a refresh answer without an ID token is taken to be the pinned person's.
    #[serde(default)]
    pub inherits_identity_on_refresh: bool,
    /// The response header in which the POS API repeats whom it answers for.
    #[serde(default)]
    pub identity_echo: Option<String>,
}

/// One kind of answer by which a server of the old school rejects a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectionRule {
    /// The status.
    pub status: u16,
    /// Paths that begin so.
    pub path_prefix: String,
    /// The media type, without parameters.
    pub content_type: String,
    /// What the first 4 KiB of the body contain.
    pub body_contains: String,
}

/// Tokens from another library.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// The access token.
    pub access_token: String,
    /// The refresh token, if there is one.
    #[serde(default)]
    pub refresh_token: Option<String>,
    /// The ID token, if there is one.
    #[serde(default)]
    pub id_token: Option<String>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(redacted)")
    }
}
