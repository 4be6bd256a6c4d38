//! Keys in a file, for machines that have no better place. Never chosen silently.

use std::sync::Arc;

use crate::{
    Secret,
    host::{BoxFuture, FileError, FileName, Files, SecretStore, SecretStoreError},
};

/// The largest key that is read, in bytes.
const LIMIT: usize = 4096;

/// Keeps keys as plain files, readable by whoever can read the folder. An app opts in by naming it; the status says
/// `unprotected file`. It keeps a vault apart from a casual reader of one file, and from nobody else.
pub struct FileSecretStore {
    files: Arc<dyn Files>,
}

impl FileSecretStore {
    /// Keys among these files. A folder of their own, that no backup takes along with the vault, is the least.
    #[must_use]
    pub fn unprotected(files: Arc<dyn Files>) -> Self {
        Self { files }
    }

    async fn replace(&self, name: &str, secret: &Secret) -> Result<(), FileError> {
        let (name, temporary) = (file_name(name, "")?, file_name(name, ".new")?);
        // Whoever stores a key holds the vault's lock, so a file of this name was left by somebody who died.
        self.files.remove(&temporary).await?;
        self.files.create(&temporary, secret.expose().to_vec()).await?;
        self.files.sync(&temporary).await?;
        self.files.rename(&temporary, &name).await?;
        self.files.sync_folder().await
    }

    async fn remove_durably(&self, name: &str) -> Result<(), FileError> {
        self.files.remove(&file_name(name, "")?).await?;
        self.files.sync_folder().await
    }
}

impl SecretStore for FileSecretStore {
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        let name = file_name(name, "");
        Box::pin(async move {
            let found = self.files.read(&name.map_err(explain)?, LIMIT).await.map_err(explain)?;
            Ok(found.map(Secret::new))
        })
    }

    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        let name = name.to_owned();
        Box::pin(async move { self.replace(&name, &secret).await.map_err(explain) })
    }

    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        let name = name.to_owned();
        Box::pin(async move { self.remove_durably(&name).await.map_err(explain) })
    }

    fn describe(&self) -> &'static str {
        "unprotected file"
    }
}

impl std::fmt::Debug for FileSecretStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileSecretStore")
    }
}

fn file_name(name: &str, ending: &str) -> Result<FileName, FileError> {
    FileName::new(format!("key-{name}{ending}")).ok_or(FileError::NotAFile)
}

fn explain(error: FileError) -> SecretStoreError {
    match error {
        FileError::NoAccess => SecretStoreError::Locked,
        other => SecretStoreError::Unreadable(other.to_string()),
    }
}
