//! Why something could not be stored.

use mainstay_core::Generation;

use super::{LockedReason, UnreadableReason, outcome::Closed};
use crate::host::{FileError, LockError, SecretStoreError};

/// Why the vault did not do what it was asked to. What it held before, it still holds.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// It cannot be opened now. Keep the new credentials in memory and try again.
    #[error(transparent)]
    Locked(#[from] LockedReason),
    /// What is stored cannot be read; set it aside first ([`Vault::set_aside`](super::Vault::set_aside)).
    #[error(transparent)]
    Unreadable(#[from] UnreadableReason),
    /// A newer release wrote this vault, so this one may not write to it.
    #[error("a newer release wrote this vault (format {version})")]
    TooNew {
        /// The format version found.
        version: u16,
    },
    /// The account was signed out since the caller last looked. Queue new tokens for revocation.
    #[error("the account was signed out in the meantime")]
    SignedOut,
    /// Another generation is current. Adopt it; queue tokens of one's own for revocation.
    #[error("another generation is current")]
    Superseded {
        /// The current generation; `None` if nothing is stored.
        current: Option<Generation>,
    },
    /// The name is taken: set aside, or sign out, what has it first.
    #[error("something newer is in the place")]
    Occupied,
    /// More bytes than a record may hold.
    #[error("too large to be stored")]
    TooLarge,
    /// The file system said no. [`FileError::NoSpace`] among them.
    #[error(transparent)]
    Files(FileError),
    /// The lock could not be had.
    #[error(transparent)]
    Lock(#[from] LockError),
}

impl From<FileError> for VaultError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::NoAccess => Self::Locked(LockedReason::FolderRefused),
            other => Self::Files(other),
        }
    }
}

impl From<Closed> for VaultError {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Empty => Self::Superseded { current: None },
            Closed::Locked(reason) => Self::Locked(reason),
            Closed::Unreadable(reason) => Self::Unreadable(reason),
            Closed::TooNew(version) => Self::TooNew { version },
        }
    }
}

impl From<VaultError> for Closed {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Locked(reason) => Self::Locked(reason),
            VaultError::Unreadable(reason) => Self::Unreadable(reason),
            VaultError::TooNew { version } => Self::TooNew(version),
            _ => Self::Unreadable(UnreadableReason::Disk),
        }
    }
}

impl From<SecretStoreError> for VaultError {
    fn from(error: SecretStoreError) -> Self {
        Closed::from(error).into()
    }
}
