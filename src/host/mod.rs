//! What Mainstay needs from the machine it runs on, as traits.
//!
//! Everything that touches the world goes through one of these: [`Transport`], [`SecretStore`], [`Files`], [`Lock`],
//! [`Clock`], [`Entropy`] and [`Spawn`]. A [`Host`] is one of each. The `native` feature brings a desktop or server
//! host; an app brings its own parts where the platform has better ones (OkHttp, Android Keystore, WebCrypto). A
//! [`Browser`] is given to each sign-in.
//!
//! Futures and traits are `Send` and `Sync` unless the `single-threaded` feature takes that away ([`MaybeSend`]).

mod browser;
mod clock;
mod files;
mod lock;
pub mod memory;
mod secret_store;
mod spawn;
mod transport;

pub(crate) use browser::Answers;
pub use browser::{Browser, BrowserError, SignInPage, Visit};
pub use clock::{BootId, Clock, Monotonic, WallTime};
pub use files::{FileError, FileName, Files, MachineId, Watch};
pub use lock::{Held, Lock, LockError};
pub use secret_store::{SecretStore, SecretStoreError};
pub use spawn::{BoxFuture, Entropy, MaybeSend, MaybeSendSync, Spawn};
pub use transport::{Connection, ConnectionWish, Inbound, Lane, Outbound, Transport, TransportError};

use std::sync::Arc;

/// One of each: the machine as Mainstay sees it. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    /// Carries HTTP requests.
    pub transport: Arc<dyn Transport>,
    /// Keeps the 32-byte vault key and device keys.
    pub secrets: Arc<dyn SecretStore>,
    /// Keeps sealed records.
    pub files: Arc<dyn Files>,
    /// Excludes other processes.
    pub lock: Arc<dyn Lock>,
    /// Tells the time and waits.
    pub clock: Arc<dyn Clock>,
    /// Draws random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Runs tasks.
    pub spawn: Arc<dyn Spawn>,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}
