//! Exclusion between processes that share a vault.

use super::{BoxFuture, FileName, MaybeSendSync};

/// Why a lock could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// This file system or browser has no locks that work between processes. Put the vault elsewhere.
    #[error("the vault's folder is on storage without locks between processes: put it elsewhere")]
    Unsupported,
    /// Somebody else has held it for longer than makes sense: a process that was stopped.
    #[error("another process holds the lock and does not let go")]
    Busy,
    /// Anything else the operating system said.
    #[error("the lock could not be taken: {0}")]
    Io(String),
}

/// A lock that is held until this is dropped, or until the process dies.
pub trait Held: MaybeSendSync {}

/// Locks by name, released by the operating system when the holder dies.
pub trait Lock: MaybeSendSync {
    /// Waits until nobody else holds `name`, in this process or another, then holds it. Dropping the future stops waiting.
    fn acquire(&self, name: &FileName) -> BoxFuture<'_, Result<Box<dyn Held>, LockError>>;
}
