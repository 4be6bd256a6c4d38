//! Mainstay keeps people signed in, and brings them back by itself when a server breaks their tokens.
#![cfg_attr(
    feature = "single-threaded",
    allow(clippy::arc_with_non_send_sync, reason = "one code for hosts with and without threads")
)]

mod credentials;
mod error;
mod profile;
mod secret;

pub mod driver;
pub mod host;
#[cfg(all(feature = "native", not(feature = "single-threaded")))]
pub mod native;
pub mod oauth;
#[cfg(feature = "test-support")]
pub mod test_support;
pub mod vault;

pub use credentials::{Credentials, Identity, StoredAccessToken};
pub use driver::{Client, ClientBuilder, Session, SessionState};
pub use error::Error;
pub use profile::{Probe, Profile, RefreshIdentity};
pub use secret::Secret;

pub use mainstay_core::{
    Code, Connectivity, ForeignBy, Generation, HoldCause, LockReason, Note, SignInReason, SignedOutReason, State,
    Timestamp,
};
