//! The driver: performs effects, owns tasks, and is the only place that waits.
//!
//! [`Client`] and [`Session`] are what an app holds. Behind a session, one task owns the decision core and feeds it
//! events; every attempt that the core asks for (probe, refresh, silent re-authentication) runs in a task of its own and
//! reports back, so that no caller can cancel it. What the app sees is published last: a token that is being withdrawn
//! is never handed out, and one that is being stored is not handed out yet.

mod account;
mod attempts;
mod audience;
mod builder;
mod client;
mod device_key;
mod device_sign_in;
mod dpop;
mod explain;
mod hot;
mod identify;
mod index;
mod journal;
mod keys;
mod message;
mod opening;
mod options;
mod provider;
mod record;
mod revocations;
mod roster;
mod send;
mod server;
mod session;
mod sign_in;
pub(crate) mod stored;
mod survey;
mod task;
#[cfg(test)]
mod tests;
mod time_line;
mod timeline_export;
mod waiting;
mod watching;

#[cfg(test)]
pub(crate) use index::{noted, read_noted};

pub use crate::host::{Browser, BrowserError};
pub use account::SessionState;
pub use builder::ClientBuilder;
pub use client::Client;
pub use device_sign_in::{DeviceCode, DevicePrompt, QrMatrix};
pub use explain::{Explanation, Next};
pub use hot::AccessToken;
pub use options::TokenRequest;
pub use provider::{CredentialProvider, ImportedTokens, ProviderError};
pub use roster::AccountInfo;
pub use session::{OfflinePermit, Session, StateStream, TimelineStream};
pub use stored::SessionMemory;
pub use timeline_export::{EpisodeExport, LineExport, Standing, TIMELINE_VERSION, TimelineExport};
