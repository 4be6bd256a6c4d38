//! The folder to look at, and where its key is.

use std::{fs, io::ErrorKind, path::Path, sync::Arc};

use mainstay::{
    Secret,
    host::{BoxFuture, SecretStore, SecretStoreError},
    native::{FileLock, FileSecretStore, FolderFiles, OsClock, OsEntropy},
    support::{self, Examination},
    vault::VaultHost,
};
use tokio::runtime::Handle;

use crate::{args::Look, trouble::Trouble};

/// The parts of a vault in `folder`, with its key in `secrets`. Makes nothing.
pub(crate) fn host(folder: &Path, secrets: Arc<dyn SecretStore>) -> Result<VaultHost, Trouble> {
    check(folder)?;
    let handle = Handle::current();
    Ok(VaultHost {
        files: Arc::new(FolderFiles::new(folder, handle.clone())),
        secrets,
        lock: Arc::new(FileLock::new(folder, handle.clone())),
        clock: Arc::new(OsClock::new(handle)),
        entropy: Arc::new(OsEntropy),
    })
}

/// Looks, as the command line says.
pub(crate) async fn examine(look: &Look) -> Result<Examination, Trouble> {
    let secrets: Arc<dyn SecretStore> = match &look.key_folder {
        Some(folder) => {
            check(folder)?;
            Arc::new(FileSecretStore::unprotected(Arc::new(FolderFiles::new(folder, Handle::current()))))
        }
        None if look.keyring => keyring()?,
        None => Arc::new(NoKey),
    };
    let host = host(&look.folder, secrets)?;
    support::examine(host).await.map_err(|error| Trouble::of_look(&look.folder, error))
}

/// Whether a folder is there at all: the SDK takes a missing one for a vault that is still to be born.
fn check(folder: &Path) -> Result<(), Trouble> {
    let found = match fs::metadata(folder) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(Trouble::NoFolder(folder.to_owned()));
        }
        Err(error) => return Err(Trouble::Refused(folder.to_owned(), error)),
        Ok(found) => found,
    };
    if !found.is_dir() {
        return Err(Trouble::NotAFolder(folder.to_owned()));
    }
    fs::read_dir(folder).map(drop).map_err(|error| Trouble::Refused(folder.to_owned(), error))
}

#[cfg(feature = "keyring")]
fn keyring() -> Result<Arc<dyn SecretStore>, Trouble> {
    let clock = Arc::new(OsClock::new(Handle::current()));
    // Whoever looks, perhaps over the network, must not make a window appear on somebody's till.
    Ok(Arc::new(mainstay::native::KeyringSecretStore::new(clock).without_asking()))
}

#[cfg(not(feature = "keyring"))]
const fn keyring() -> Result<Arc<dyn SecretStore>, Trouble> {
    Err(Trouble::NoKeyring)
}

/// What stands in for a key store as long as nobody says where the key is.
pub(crate) struct NoKey;

/// What a status calls it.
pub(crate) const NO_KEY: &str = "none was named";

impl SecretStore for NoKey {
    fn load(&self, _name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        Box::pin(std::future::ready(Err(SecretStoreError::Unavailable)))
    }

    fn store(&self, _name: &str, _secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        Box::pin(std::future::ready(Err(SecretStoreError::Unavailable)))
    }

    fn remove(&self, _name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        Box::pin(std::future::ready(Err(SecretStoreError::Unavailable)))
    }

    fn describe(&self) -> &'static str {
        NO_KEY
    }
}
