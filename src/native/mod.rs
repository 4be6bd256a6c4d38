//! The host of a desktop or server process: reqwest, a folder, file locks, the operating system's clock, tokio.
//!
//! `desktop` (feature `keyring`) puts the parts together for a person's machine, [`unprotected`] for one without a keyring,
//! and [`host_with`] for an app with a key store of its own; each part can also be used by itself. [`SystemBrowser`] signs
//! people in. Everything runs on one
//! tokio runtime, either Mainstay's own ([`TokioSpawn::shared`]) or the app's ([`TokioSpawn::on`]), whoever polls
//! the futures.

mod browser;
mod clock;
mod entropy;
mod files;
mod fork;
#[cfg(feature = "keyring")]
mod keyring;
mod lock;
mod loopback;
mod machine;
mod pages;
mod secrets;
mod spawn;
mod tls;
mod transport;
mod watch;

pub use browser::SystemBrowser;
pub use clock::OsClock;
pub use entropy::OsEntropy;
pub use files::FolderFiles;
#[cfg(feature = "keyring")]
pub use keyring::KeyringSecretStore;
pub use lock::FileLock;
pub use secrets::FileSecretStore;
pub use spawn::TokioSpawn;
pub use transport::Reqwest;

use std::{path::PathBuf, sync::Arc};

use crate::host::{Host, SecretStore, memory::MemorySecretStore};

/// Why a native host could not be set up. Nothing on disk was touched.
#[derive(Debug, thiserror::Error)]
pub enum NativeError {
    /// The operating system gave no threads or timers.
    #[error("the runtime could not be started")]
    Runtime(#[source] std::io::Error),
    /// TLS could not be set up.
    #[error("TLS could not be set up")]
    Tls(#[source] rustls::Error),
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up")]
    Transport(#[source] reqwest::Error),
}

/// The machine as this operating system supplies it, with a vault in `folder`, whose key lives in memory: credentials
/// last as long as the process. For tests, and for an app that puts a key store of its own into [`Host::secrets`].
///
/// # Errors
/// [`NativeError`] names the part that could not be set up.
pub fn host(folder: impl Into<PathBuf>) -> Result<Host, NativeError> {
    host_with(&Arc::new(TokioSpawn::shared()?), folder, Arc::new(MemorySecretStore::new()))
}

/// A desktop: a vault in `folder`, which backups should leave out, and its key in the operating system's keyring. The
/// keyring is opened when the vault is; as long as it is locked, or missing, the vault is locked, and nothing weaker is used.
///
/// # Errors
/// [`NativeError`] names the part that could not be set up.
#[cfg(feature = "keyring")]
pub fn desktop(folder: impl Into<PathBuf>) -> Result<Host, NativeError> {
    let spawn = Arc::new(TokioSpawn::shared()?);
    let clock = Arc::new(OsClock::new(spawn.handle().clone()));
    host_with(&spawn, folder, Arc::new(KeyringSecretStore::new(clock)))
}

/// A machine that has no keyring and is to keep sessions all the same: a vault in `folder`, and its key as a plain file in
/// `key_folder`, readable by whoever can read that folder. Chosen by this call and never silently;
/// [`Client::key_store`](crate::Client::key_store) says `unprotected file`.
///
/// # Errors
/// [`NativeError`] names the part that could not be set up.
pub fn unprotected(folder: impl Into<PathBuf>, key_folder: impl Into<PathBuf>) -> Result<Host, NativeError> {
    let spawn = Arc::new(TokioSpawn::shared()?);
    let files = Arc::new(FolderFiles::new(key_folder, spawn.handle().clone()));
    host_with(&spawn, folder, Arc::new(FileSecretStore::unprotected(files)))
}

/// The machine as this operating system supplies it, on a given runtime, with a vault in `folder`, which is made when
/// something is first stored. It should be one that backups leave out.
///
/// `secrets` guards the vault's key and must last as long as the folder does: a folder whose key is gone is unreadable.
///
/// # Errors
/// [`NativeError`] names the part that could not be set up.
pub fn host_with(
    spawn: &Arc<TokioSpawn>,
    folder: impl Into<PathBuf>,
    secrets: Arc<dyn SecretStore>,
) -> Result<Host, NativeError> {
    let (folder, handle) = (folder.into(), spawn.handle());
    Ok(Host {
        transport: Arc::new(Reqwest::new(handle.clone())?),
        secrets,
        files: Arc::new(FolderFiles::new(folder.clone(), handle.clone())),
        lock: Arc::new(FileLock::new(folder, handle.clone())),
        clock: Arc::new(OsClock::new(handle.clone())),
        entropy: Arc::new(OsEntropy),
        spawn: spawn.clone(),
    })
}
