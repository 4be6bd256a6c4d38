//! Mainstay keeps people signed in, and brings them back by itself when a server breaks their tokens.

mod credentials;
pub mod host;
mod secret;

pub mod driver;
#[cfg(feature = "native")]
pub mod native;
pub mod oauth;
pub mod vault;

pub use credentials::{Credentials, Identity, StoredAccessToken};
pub use secret::Secret;
