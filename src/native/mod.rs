//! The host of a desktop or server process: reqwest, a folder of files, file locks, the OS clock, a tokio runtime.
//!
//! [`host`] puts them together. Each part can also be taken alone and mixed with parts of the app's own.

mod clock;
mod entropy;
mod files;
mod lock;
mod reqwest;
mod runtime;

use std::{io, path::PathBuf, sync::Arc};

pub use clock::OsClock;
pub use entropy::OsEntropy;
pub use files::FolderFiles;
pub use lock::FileLock;
pub use reqwest::Reqwest;
pub use runtime::TokioSpawn;

use crate::host::{Host, memory::MemorySecretStore};

/// The machine as this operating system supplies it, with the vault in `folder`, which is created if need be.
///
/// The vault's key lives in memory: credentials last as long as the process, unless the app puts a key store of its own
/// into [`Host::secrets`].
///
/// # Errors
/// The folder cannot be created, or the system's root certificates cannot be read.
pub fn host(folder: impl Into<PathBuf>) -> io::Result<Host> {
    let folder = folder.into();
    Ok(Host {
        transport: Arc::new(Reqwest::new()?),
        secrets: Arc::new(MemorySecretStore::new()),
        files: Arc::new(FolderFiles::open(&folder)?),
        lock: Arc::new(FileLock::open(&folder)?),
        clock: Arc::new(OsClock),
        entropy: Arc::new(OsEntropy),
        spawn: Arc::new(TokioSpawn),
    })
}
