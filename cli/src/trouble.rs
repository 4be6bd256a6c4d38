//! Why a command could not do what it was asked to, and the next move.

use std::{
    io,
    path::{Path, PathBuf},
};

use mainstay::{
    host::{FileError, LockError},
    native::NativeError,
    support::doctor::DoctorError,
    vault::{InspectError, VaultError},
};
use serde_json::{Value, json};

use crate::{document, screen::printable, verdict::Health};

#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("there is no folder {}", shown(.0))]
    NoFolder(PathBuf),
    #[error("{} is not a folder", shown(.0))]
    NotAFolder(PathBuf),
    #[error("{} cannot be opened: {}", shown(.0), .1)]
    Refused(PathBuf, io::Error),
    #[cfg_attr(feature = "keyring", expect(dead_code, reason = "its code is stable, whoever built the program"))]
    #[error("this mainstay was built without the keyring")]
    NoKeyring,
    #[error("an export is always redacted, and says so on the command line")]
    NotRedacted,
    #[error("nothing that is set aside here is called {}", printable(.0))]
    NotAside(String),
    #[error("{} is in use, and changed each time it was read", shown(.0))]
    Restless(PathBuf),
    #[error("{} cannot be looked at: {}", shown(.0), .1)]
    Unlistable(PathBuf, InspectError),
    #[error("nothing was put back: {0}")]
    NotRestored(VaultError),
    #[error("{}", printable(&.0.to_string()))]
    Doctor(#[from] DoctorError),
    #[error("this machine gives no network: {0}")]
    NoNetwork(NativeError),
    #[error("the operating system gave no threads: {0}")]
    Runtime(io::Error),
    #[error("{0}")]
    Screen(#[from] io::Error),
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

impl Trouble {
    pub(crate) fn of_look(folder: &Path, error: InspectError) -> Self {
        match error {
            InspectError::Restless => Self::Restless(folder.to_owned()),
            InspectError::Files(FileError::NoAccess) => {
                Self::Refused(folder.to_owned(), io::ErrorKind::PermissionDenied.into())
            }
            error => Self::Unlistable(folder.to_owned(), error),
        }
    }

    /// What it says of the vault; `None`: nothing, the command itself makes no sense.
    pub(crate) const fn health(&self) -> Option<Health> {
        match self {
            Self::NoFolder(_)
            | Self::NotAFolder(_)
            | Self::NoKeyring
            | Self::NotRedacted
            | Self::NotAside(_)
            | Self::Doctor(_)
            | Self::NoNetwork(_) => None,
            Self::Refused(..) | Self::Restless(_) | Self::Runtime(_) => Some(Health::Closed),
            Self::NotRestored(
                VaultError::Locked(_) | VaultError::Lock(LockError::Busy) | VaultError::TooNew { .. },
            ) => Some(Health::Closed),
            Self::Unlistable(..) | Self::NotRestored(_) | Self::Screen(_) => Some(Health::Wrong),
        }
    }

    /// A stable word for scripts.
    const fn code(&self) -> &'static str {
        match self {
            Self::NoFolder(_) => "no_folder",
            Self::NotAFolder(_) => "not_a_folder",
            Self::Refused(..) => "refused",
            Self::NoKeyring => "no_keyring",
            Self::NotRedacted => "not_redacted",
            Self::NotAside(_) => "not_set_aside",
            Self::Restless(_) => "restless",
            Self::Unlistable(..) => "unlistable",
            Self::NotRestored(VaultError::Occupied) => "occupied",
            Self::NotRestored(VaultError::SignedOut) => "signed_out",
            Self::NotRestored(VaultError::TooNew { .. }) => "too_new",
            Self::NotRestored(VaultError::Lock(LockError::Busy)) => "busy",
            Self::NotRestored(_) => "not_restored",
            Self::Doctor(DoctorError::Issuer(_)) => "issuer",
            Self::Doctor(DoctorError::Unreachable(_)) => "unreachable",
            Self::Doctor(DoctorError::NoMetadata(_)) => "no_metadata",
            Self::NoNetwork(_) => "no_network",
            Self::Runtime(_) => "no_threads",
            Self::Screen(_) => "no_screen",
        }
    }

    /// What to do about it.
    pub(crate) const fn next(&self) -> &'static str {
        match self {
            Self::NoFolder(_) => "Check the path. An app that never stored anything has no folder yet.",
            Self::NotAFolder(_) => "Name the folder that the vault's files are in, not one of them.",
            Self::Refused(..) => "Run this as the user that the app runs as.",
            Self::NoKeyring => {
                "Build it with `--features keyring`, or leave --keyring out: much can be told without the key."
            }
            Self::NotRedacted => {
                "Add --redacted. There is no other export: tokens and keys leave a device in no form, and names only as \
                 pseudonyms."
            }
            Self::NotAside(_) => "`mainstay vault status` lists what is.",
            Self::Restless(_) => "Nothing is wrong. Try again in a moment.",
            Self::Unlistable(..) => "Check that this is a vault's folder, and the disk.",
            Self::NotRestored(VaultError::Occupied) => {
                "Somebody signed in since, and has the place: sign that session out in the app first."
            }
            Self::NotRestored(VaultError::SignedOut) => {
                "The account was signed out since, and what is void stays so: sign in again in the app."
            }
            Self::NotRestored(VaultError::TooNew { .. }) => {
                "Use the `mainstay` of the release that wrote it. Nothing is lost."
            }
            Self::NotRestored(VaultError::Lock(LockError::Busy)) => "The app is writing. Try again in a moment.",
            Self::NotRestored(VaultError::Locked(_)) => "Run this as the user that the app runs as.",
            Self::NotRestored(_) => "Nothing is lost by trying again. If it stays, check the disk.",
            Self::Doctor(DoctorError::Issuer(_)) => {
                "Write it as the server does, as in https://id.example.com; http only on this machine."
            }
            Self::Doctor(DoctorError::Unreachable(_)) => "Check the address and the network, and try again.",
            Self::Doctor(DoctorError::NoMetadata(_)) => {
                "Check the issuer letter by letter: the server's own metadata have to name it just so."
            }
            Self::NoNetwork(_) => "Check the machine's certificates and limits.",
            Self::Runtime(_) | Self::Screen(_) => "Try again when the machine is less busy.",
        }
    }

    pub(crate) fn document(&self) -> Value {
        json!({
            "format": document::FORMAT,
            "error": { "code": self.code(), "message": self.to_string(), "next": self.next() },
        })
    }
}
