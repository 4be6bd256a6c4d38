//! Mainstay keeps people signed in, and brings them back by itself when a server breaks their tokens.
#![cfg_attr(
    feature = "single-threaded",
    allow(clippy::arc_with_non_send_sync, reason = "one code for hosts with and without threads")
)]

mod credentials;
pub mod host;
mod secret;

pub mod driver;
#[cfg(all(feature = "native", not(feature = "single-threaded")))]
pub mod native;
pub mod oauth;
#[cfg(feature = "test-support")]
pub mod test_support;
pub mod vault;

pub use credentials::{Credentials, Identity, StoredAccessToken};
pub use secret::Secret;
