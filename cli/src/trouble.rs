//! Why a command could not do what it was asked to, and the next move.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
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
    #[error("nobody has signed in here")]
    NobodyYet,
    #[error("this name is taken by a session at {}", printable(.0))]
    OtherServer(String),
    #[error("{} cannot be used: {}", shown(.0), .1)]
    BadFile(PathBuf, String),
    #[cfg_attr(feature = "keyring", expect(dead_code, reason = "its code is stable, whoever built the program"))]
    #[error("nothing says where the session's key is to be kept")]
    NoKeyStore,
    #[error("this system tells no folder for a person's own data")]
    NoHome,
    #[error("the machine could not be set up: {0}")]
    Machine(#[from] NativeError),
    #[error("{}", said(.0))]
    Session(#[from] mainstay::Error),
    #[error("the token is none that curl can be told to send: {0}")]
    NotForCurl(String),
    #[error("the operating system gave no threads: {0}")]
    Runtime(io::Error),
    #[error("{0}")]
    Screen(#[from] io::Error),
}

/// What the SDK says; free of what a terminal would obey, wherever it comes from.
fn said(error: &mainstay::Error) -> String {
    match error {
        mainstay::Error::Cancelled => "nobody signed in: it was refused, given up, or took too long".to_owned(),
        error => printable(&error.to_string()),
    }
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

const fn next_of(error: &mainstay::Error) -> &'static str {
    use mainstay::Error;
    match error {
        Error::SignInRequired => "Sign in with `mainstay login`. What is kept stays kept.",
        Error::TryLater { .. } => "The session is fine. Try again later.",
        Error::VaultLocked => "Unlock the keyring, or run this in the session of the person who signed in.",
        Error::IdentityMismatch => "Nothing of it was kept. Sign in again, and look which server and person it is.",
        Error::Misconfigured(_) => {
            "Look at the issuer, the client's registration and the profile. A browser that does not open: --no-browser or \
             --device."
        }
        Error::Cancelled => "Nothing has changed. Try again.",
        Error::Internal(_) => "Nothing is lost. Please report it.",
    }
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

    /// With what the program ends.
    pub(crate) fn exit_code(&self) -> ExitCode {
        use mainstay::Error;
        match self {
            Self::NobodyYet | Self::Session(Error::SignInRequired) => ExitCode::from(4),
            Self::Session(Error::TryLater { .. } | Error::VaultLocked) => ExitCode::from(3),
            Self::Session(_) | Self::Machine(_) | Self::NotForCurl(_) => ExitCode::from(1),
            _ => self.health().map_or_else(|| ExitCode::from(2), Health::exit_code),
        }
    }

    /// What it says of the vault; `None`: nothing, the command itself makes no sense.
    pub(crate) const fn health(&self) -> Option<Health> {
        match self {
            Self::NoFolder(_) | Self::NotAFolder(_) | Self::NoKeyring | Self::NotRedacted | Self::NotAside(_) => None,
            Self::NobodyYet
            | Self::OtherServer(_)
            | Self::BadFile(..)
            | Self::NoKeyStore
            | Self::NoHome
            | Self::Machine(_) => None,
            Self::Session(_) | Self::NotForCurl(_) | Self::Doctor(_) => None,
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
            Self::NobodyYet => "nobody_yet",
            Self::OtherServer(_) => "other_server",
            Self::BadFile(..) => "bad_file",
            Self::NoKeyStore => "no_key_store",
            Self::NoHome => "no_home",
            Self::Machine(_) => "no_machine",
            Self::Session(mainstay::Error::SignInRequired) => "sign_in_required",
            Self::Session(mainstay::Error::TryLater { .. }) => "try_later",
            Self::Session(mainstay::Error::VaultLocked) => "vault_locked",
            Self::Session(mainstay::Error::IdentityMismatch) => "identity_mismatch",
            Self::Session(mainstay::Error::Misconfigured(_)) => "misconfigured",
            Self::Session(mainstay::Error::Cancelled) => "cancelled",
            Self::Session(mainstay::Error::Internal(_)) => "internal",
            Self::NotForCurl(_) => "not_for_curl",
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
            Self::NobodyYet => "Sign in with `mainstay login`.",
            Self::OtherServer(_) => "Choose another name with --as, or another folder with --folder.",
            Self::BadFile(..) => "Check the file, or sign in again with `mainstay login`.",
            Self::NoKeyStore => {
                "Name a folder with --key-folder: the key is a plain file there. A mainstay that was built with the keyring \
                 (`--features keyring`) needs none."
            }
            Self::NoHome => "Name a folder with --folder.",
            Self::Machine(_) => "Try again when the machine is less busy.",
            Self::Session(error) => next_of(error),
            Self::NotForCurl(_) => "Use `mainstay token`.",
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
