//! Mainstay keeps people signed in, and brings them back by itself when a server breaks their tokens.
//!
//! Start with [`Client::builder`]: a client of one authorization server, with a vault on this device. A [`Session`] is
//! one account of it. [`Session::send`] sends the app's requests and recovers when a token is rejected;
//! [`Session::access_token`] is for apps that send requests by themselves; [`Session::states`] says where the session
//! stands, and [`Session::explain`] says it in plain words. Errors are the caller's next move ([`Error`]).
//!
//! What is known about a deployment beforehand stands in a [`Profile`]. What Mainstay needs from the machine are traits
//! ([`host`]); `native` supplies them for desktops and servers.
//!
//! Below the surface, from the bottom up: `mainstay-core` decides (pure, `no_std`), [`oauth`] builds and reads protocol
//! messages (pure), [`vault`] stores credentials so that no crash loses them, and [`driver`] is the only place that
//! waits. [`support`] shows what is stored to people who help other people. README.md has a ten-line example and the
//! table of states.
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
pub mod support;
#[cfg(feature = "test-support")]
pub mod test_support;
pub mod vault;

pub use credentials::{Credentials, Identity, StoredAccessToken};
pub use driver::{AccountInfo, Client, ClientBuilder, Session, SessionState};
pub use error::Error;
pub use profile::{Dpop, IdentityEcho, Probe, Profile, ProfileError, RefreshIdentity};
pub use secret::Secret;
pub use vault::AccountKey;

pub use mainstay_core::{
    Action, Code, Connectivity, ForeignBy, Generation, HoldCause, LockReason, NextStep, Note, SignInReason,
    SignedOutReason, Situation, State, Timestamp, explain::in_words,
};

/// The README's example, compiled by the tests.
#[cfg(all(doctest, feature = "keyring", not(feature = "single-threaded")))]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
