//! A key store that is a folder: an operating system's keyring is nobody's to use in a test.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use mainstay::{
    Secret,
    host::{BoxFuture, SecretStore, SecretStoreError},
};

/// One file per key.
pub(super) struct KeyFile(PathBuf);

impl KeyFile {
    pub(super) fn in_folder(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    fn path(&self, name: &str) -> PathBuf {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        self.0.join(name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect::<String>())
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

fn unreadable(error: io::Error) -> SecretStoreError {
    SecretStoreError::Unreadable(error.kind().to_string())
}

impl SecretStore for KeyFile {
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        ready(match fs::read(self.path(name)) {
            Ok(bytes) => Ok(Some(Secret::new(bytes))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(error)),
        })
    }

    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        ready(fs::write(self.path(name), secret.expose()).map_err(unreadable))
    }

    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        ready(match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(unreadable(error)),
            _ => Ok(()),
        })
    }

    fn describe(&self) -> &'static str {
        "a folder, for tests"
    }
}
