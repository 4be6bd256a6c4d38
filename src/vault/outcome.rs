//! What reading a vault can come to.

use crate::host::{FileError, SecretStoreError};

/// What reading came to. Nothing in Mainstay flattens it: "cannot read" never looks like "never signed in" (P10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It is there, whole and authentic.
    Value(T),
    /// Nothing was ever stored, or it was removed on request. The only outcome that means "not signed in".
    Empty,
    /// It is there and cannot be opened now. Keep everything, try again later.
    Locked(LockedReason),
    /// It is there and cannot be read. Try again, then set it aside; never delete it.
    Unreadable(UnreadableReason),
    /// A newer release wrote it. It is never rewritten or removed by this one.
    TooNew {
        /// The format version found.
        version: u16,
    },
}

impl<T> Outcome<T> {
    /// The value, if it is there. For tests and displays: code that decides matches all five.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }
}

/// Every outcome that is no value, for `?` inside the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    Empty,
    Locked(LockedReason),
    Unreadable(UnreadableReason),
    TooNew(u16),
}

impl<T> From<Result<T, Closed>> for Outcome<T> {
    fn from(result: Result<T, Closed>) -> Self {
        match result {
            Ok(value) => Self::Value(value),
            Err(Closed::Empty) => Self::Empty,
            Err(Closed::Locked(reason)) => Self::Locked(reason),
            Err(Closed::Unreadable(reason)) => Self::Unreadable(reason),
            Err(Closed::TooNew(version)) => Self::TooNew { version },
        }
    }
}

impl From<UnreadableReason> for Closed {
    fn from(reason: UnreadableReason) -> Self {
        Self::Unreadable(reason)
    }
}

impl From<FileError> for Closed {
    fn from(error: FileError) -> Self {
        match error {
            FileError::NoAccess => Self::Locked(LockedReason::FolderRefused),
            error => {
                tracing::info!(name: "vault.disk_trouble", %error);
                Self::Unreadable(UnreadableReason::Disk)
            }
        }
    }
}

impl From<SecretStoreError> for Closed {
    fn from(error: SecretStoreError) -> Self {
        match error {
            SecretStoreError::Locked => Self::Locked(LockedReason::KeyStoreLocked),
            SecretStoreError::Unavailable => Self::Locked(LockedReason::KeyStoreUnavailable),
            SecretStoreError::Timeout => Self::Locked(LockedReason::KeyStoreSlow),
            SecretStoreError::Unreadable(_) => Self::Unreadable(UnreadableReason::KeyUnreadable),
        }
    }
}

/// Why a vault cannot be opened at the moment. All of these pass by themselves or when the person unlocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LockedReason {
    /// The key store is locked: no login yet, a locked keyring, direct boot.
    #[error("the key store is locked")]
    KeyStoreLocked,
    /// The key store did not answer in time.
    #[error("the key store did not answer in time")]
    KeyStoreSlow,
    /// No key store answers at the moment.
    #[error("no key store is available")]
    KeyStoreUnavailable,
    /// The operating system refuses access to the folder.
    #[error("access to the vault's folder was refused")]
    FolderRefused,
}

/// Why something stored cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableReason {
    /// Torn, truncated or changed: the checksum is wrong.
    #[error("the file is damaged")]
    Damaged,
    /// The key store is open and has no key for this vault: restored from a backup, or the key was removed.
    #[error("the vault's key is missing")]
    KeyMissing,
    /// The key store has an entry and cannot give it back.
    #[error("the vault's key cannot be read")]
    KeyUnreadable,
    /// The files are whole and were sealed with another key.
    #[error("the vault was sealed with another key")]
    WrongKey,
    /// Records are there; the file that names their installation is not.
    #[error("the installation's file is missing")]
    InstallMissing,
    /// The vault was born on another machine and copied here. What is in it is that machine's; here a person signs in.
    #[error("the vault belongs to another machine")]
    AnotherMachine,
    /// The record belongs to another installation, account or kind: it was copied there.
    #[error("the record does not belong here")]
    Misplaced,
    /// Whole by its checksum, and the seal is broken: somebody changed it.
    #[error("the record's seal is broken")]
    Forged,
    /// The seal is good and the content makes no sense to this release.
    #[error("the record's content makes no sense")]
    Nonsense,
    /// The disk reported an error, or something that is no regular file has the name.
    #[error("the disk could not be read")]
    Disk,
}

impl UnreadableReason {
    /// All reasons, each with the word that names it in the name of a file set aside. Words never change.
    const WORDS: [(Self, &'static str); 10] = [
        (Self::Damaged, "damaged"),
        (Self::KeyMissing, "keymissing"),
        (Self::KeyUnreadable, "keyunreadable"),
        (Self::WrongKey, "wrongkey"),
        (Self::InstallMissing, "installmissing"),
        (Self::AnotherMachine, "anothermachine"),
        (Self::Misplaced, "misplaced"),
        (Self::Forged, "forged"),
        (Self::Nonsense, "nonsense"),
        (Self::Disk, "disk"),
    ];

    /// Whether trying again later can change nothing: the platform has answered, and this was the answer.
    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::AnotherMachine | Self::KeyMissing)
    }

    /// Whether it may be the key, or the installation, that was not the record's.
    pub(super) fn is_of_the_key(self) -> bool {
        matches!(self, Self::WrongKey | Self::KeyMissing | Self::InstallMissing | Self::Misplaced)
    }

    /// The word that names it in file names and in what machines read. Words never change.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(reason, _)| *reason == self).map_or("disk", |(_, word)| word)
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(reason, _)| *reason)
    }
}
