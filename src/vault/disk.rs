//! Whole files, replaced so that a crash leaves the old one or the new one.

use std::sync::Arc;

use super::{names, record};
use crate::host::{Entropy, FileError, FileName, Files};

/// The vault's folder, and the dice for names in it.
pub(super) struct Disk {
    pub(super) files: Arc<dyn Files>,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl Disk {
    /// The whole file, if there is one.
    pub(super) async fn read(&self, name: &FileName) -> Result<Option<Vec<u8>>, FileError> {
        self.files.read(name, record::LIMIT).await
    }

    /// Puts a file in place: written under a name of its own, made durable, renamed, made durable again.
    pub(super) async fn replace(&self, name: &FileName, content: Vec<u8>) -> Result<(), FileError> {
        let temporary = self.prepare(name, content).await?;
        self.put(&temporary, name).await
    }

    /// Writes, durably, what is to become `name`, under a name of its own that means nothing yet.
    pub(super) async fn prepare(&self, name: &FileName, content: Vec<u8>) -> Result<FileName, FileError> {
        let temporary = self.fresh_name(name);
        match self.files.create_durably(&temporary, content).await {
            Ok(()) => Ok(temporary),
            Err(error) => {
                self.discard(&temporary).await;
                Err(error)
            }
        }
    }

    /// Gives what was prepared its name, durably: with it, every other name in the folder is durable too.
    pub(super) async fn put(&self, prepared: &FileName, name: &FileName) -> Result<(), FileError> {
        if let Err(error) = self.files.rename_durably(prepared, name).await {
            self.discard(prepared).await;
            return Err(error);
        }
        Ok(())
    }

    /// Removes files for good.
    pub(super) async fn remove(&self, names: &[FileName]) -> Result<(), FileError> {
        for name in names {
            self.files.remove(name).await?;
        }
        if names.is_empty() { Ok(()) } else { self.files.sync_folder().await }
    }

    /// Removes a file that means nothing; one that stays is swept up later.
    pub(super) async fn discard(&self, name: &FileName) {
        if let Err(error) = self.files.remove(name).await {
            tracing::debug!(name: "vault.leftover", file = name.as_str(), %error);
        }
    }

    /// A name of its own for a file that will get the name `of`.
    pub(super) fn fresh_name(&self, of: &FileName) -> FileName {
        names::temporary(of, self.draw())
    }

    /// Takes up disk space under a name of its own, durably, so that a full disk shows before anything is spent.
    /// The filler is random: zeros would take no space where the file system compresses.
    pub(super) async fn reserve(&self, name: &FileName, size: usize) -> Result<FileName, FileError> {
        let mut filler = vec![0; size];
        self.entropy.fill(&mut filler);
        self.prepare(name, filler).await
    }

    /// A random number.
    pub(super) fn draw(&self) -> u64 {
        u64::from_be_bytes(self.draw_bytes())
    }

    /// Random bytes.
    pub(super) fn draw_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }
}
