//! The keyring of this operating system, and what its errors mean.

use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error};

use super::Ring;
use crate::{Secret, host::SecretStoreError};

/// What a status display calls it.
pub(super) const NAME: &str = if cfg!(target_os = "windows") {
    "Windows Credential Manager"
} else if cfg!(target_vendor = "apple") {
    "macOS Keychain"
} else {
    "Secret Service"
};

/// Under which entries are found among those of other programs.
const SERVICE: &str = "mainstay";

/// Opens the keyring anew for every call: a connection to one that was restarted in between would be dead, and there
/// are few calls.
pub(super) struct SystemRing;

fn with_entry<T>(name: &str, work: impl FnOnce(&Entry) -> Result<T, Error>) -> Result<T, SecretStoreError> {
    open().and_then(|ring| work(&ring.build(SERVICE, name, None)?)).map_err(explain)
}

impl Ring for SystemRing {
    fn load(&self, name: &str) -> Result<Option<Secret>, SecretStoreError> {
        with_entry(name, |entry| match entry.get_secret() {
            Ok(secret) => Ok(Some(Secret::new(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    fn store(&self, name: &str, secret: &Secret) -> Result<(), SecretStoreError> {
        with_entry(name, |entry| entry.set_secret(secret.expose()))
    }

    fn remove(&self, name: &str) -> Result<(), SecretStoreError> {
        with_entry(name, |entry| match entry.delete_credential() {
            Err(Error::NoEntry) => Ok(()),
            removed => removed,
        })
    }

    fn is_locked(&self, name: &str) -> bool {
        is_locked(name)
    }
}

/// Only what the keyring says about the entry itself is unreadable: that sets a vault aside. Whatever else goes wrong
/// may pass, and is tried again.
fn explain(error: Error) -> SecretStoreError {
    match &error {
        Error::BadEncoding(_) => unreadable("no key"),
        Error::BadDataFormat(..) | Error::BadStoreFormat(_) => unreadable("damaged"),
        Error::Ambiguous(_) => unreadable("more than one entry of that name"),
        Error::NoStorageAccess(_) if !has_no_collection(&error) => SecretStoreError::Locked,
        _ => {
            tracing::info!(name: "keyring.unavailable", %error);
            SecretStoreError::Unavailable
        }
    }
}

fn unreadable(why: &str) -> SecretStoreError {
    SecretStoreError::Unreadable(why.to_owned())
}

#[cfg(target_os = "macos")]
fn open() -> Result<Arc<CredentialStore>, Error> {
    Ok(apple_native_keyring_store::keychain::Store::new()?)
}

#[cfg(target_os = "windows")]
fn open() -> Result<Arc<CredentialStore>, Error> {
    Ok(windows_native_keyring_store::Store::new()?)
}

#[cfg(all(unix, not(any(target_vendor = "apple", target_os = "android"))))]
fn open() -> Result<Arc<CredentialStore>, Error> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

#[cfg(not(any(
    target_os = "macos",
    target_os = "windows",
    all(unix, not(any(target_vendor = "apple", target_os = "android")))
)))]
fn open() -> Result<Arc<CredentialStore>, Error> {
    Err(Error::NoDefaultStore)
}

/// A Secret Service where no keyring was ever made: nobody can unlock that.
#[cfg(all(unix, not(any(target_vendor = "apple", target_os = "android"))))]
fn has_no_collection(error: &Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref());
    matches!(source, Some(secret_service::Error::NoResult))
}

#[cfg(not(all(unix, not(any(target_vendor = "apple", target_os = "android")))))]
fn has_no_collection(_error: &Error) -> bool {
    false
}

/// Whether the keyring would have to ask the person. Asks nobody.
#[cfg(all(unix, not(any(target_vendor = "apple", target_os = "android"))))]
fn is_locked(name: &str) -> bool {
    use secret_service::{EncryptionType, blocking::SecretService};
    let look = || {
        let service = SecretService::connect(EncryptionType::Plain)?;
        let found = service.search_items([("service", SERVICE), ("username", name)].into())?;
        if found.unlocked.is_empty() && found.locked.is_empty() {
            return service.get_default_collection()?.is_locked();
        }
        Ok::<_, secret_service::Error>(found.unlocked.is_empty())
    };
    // Whatever cannot be asked now will say so itself.
    look().unwrap_or(false)
}

#[cfg(not(all(unix, not(any(target_vendor = "apple", target_os = "android")))))]
fn is_locked(_name: &str) -> bool {
    false
}
