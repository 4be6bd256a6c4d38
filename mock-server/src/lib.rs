//! A real authorization server and a small point-of-sale API that break on command.
//!
//! [`MockServer`] listens on a loopback port and serves over real HTTP. [`Control`] breaks it, moves its clock, and asks
//! it what happened; `/control` does the same for tests in other languages, with the same types as JSON.
//!
//! ```
//! use mainstay_mock_server::{Endpoint, Fault, MockServer, Rotation};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = MockServer::builder().profile(Rotation::Strict).access_token_lifetime(900).start().await?;
//! let control = server.control();
//! control.script_sign_in("ada");
//! // ... sign in at server.url(), sell something, then do what Mews did:
//! control.change_secret(false);
//! control.set_fault(Fault::status_with_retry_after(503, "120").at(Endpoint::Refresh).times(2))?;
//! // ... and ask what happened:
//! assert_eq!(control.observations().prompts_in_all(), 0);
//! # Ok(()) }
//! ```

mod admin;
mod call;
mod clock;
mod config;
mod control;
mod endpoint;
mod faults;
mod jwt;
mod key_memory;
mod keys;
mod metrics;
mod nodes;
mod oauth;
mod observations;
mod page;
mod people;
mod pos;
mod random;
mod redis_server;
mod routes;
mod server;
mod state;

pub use admin::{Alarm, Alarms, DryRun, KeyChange, Operation, OperationState};
pub use clock::ClockReading;
pub use config::{
    AlarmRule, Algorithm, Authentication, Config, DeviceGrant, ExpiresIn, PushedRequests, RefreshAnswer, RefreshTokens,
    Rejection, Rotation, StatusDocument,
};
pub use control::{ClockChange, Control, Released, SecretChange, SessionLoss, StoreChange};
pub use endpoint::{Endpoint, Place, Scope};
pub use faults::{Body, Fault, FaultKind, WrongRetryAfter};
pub use key_memory::{WrongSecret, secret_fingerprint};
pub use keys::{KeyInfo, KeyState};
pub use nodes::{NodeKeys, Nodes, Route};
pub use oauth::{SessionInfo, StoreFailure};
pub use observations::{NO_KEY, NOBODY_YET, Observations, RequestRecord, Requests};
pub use pos::ANSWERED_FOR;
pub use random::Minted;
pub use redis_server::RedisServer;
pub use server::{INTROSPECTION_CLIENT, MockServer, MockServerBuilder, OPERATORS, StartError};

use sha2::{Digest, Sha256};

/// Why something was not done: a value that cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

impl Refused {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// What stands for a refresh token in [`Observations::refreshes_by_generation`]: the first 16 hexadecimal digits of its
/// SHA-256 hash.
#[must_use]
pub fn fingerprint(token: &str) -> String {
    Sha256::digest(token).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
