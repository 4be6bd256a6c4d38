//! Writers that leave one step out, or take two in the wrong order. The crash tests must notice each of them.

use super::*;
use crate::host::{BoxFuture, FileError, MachineId};

/// What is done wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carelessness {
    /// A file is renamed into place before its content is durable, which then may never become so.
    RenamesWithoutSync,
    /// The old file is removed, then the new one is renamed into its place.
    RemovesBeforeRename,
    /// What was renamed is left to the operating system.
    ForgetsTheFolder,
}

/// A folder that a careless writer uses.
pub(super) struct CarelessFiles {
    pub(super) disk: FaultyFiles,
    pub(super) how: Carelessness,
}

impl CarelessFiles {
    /// A current generation that makes room moves aside, and is kept: with this mistake it is gone before the next one has
    /// come. Every other file is removed before another one gets its name.
    async fn remove_then_rename(&self, from: &FileName, to: &FileName) -> Result<(), FileError> {
        if from.as_str().ends_with(".current") {
            return self.disk.remove(from).await;
        }
        self.disk.remove(to).await?;
        self.disk.rename(from, to).await
    }
}

impl Files for CarelessFiles {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        self.disk.read(name, limit)
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.create(name, content)
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.overwrite(name, content)
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        match self.how {
            Carelessness::RenamesWithoutSync => Box::pin(async { Ok(()) }),
            _ => self.disk.sync(name),
        }
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        let (from, to) = (from.clone(), to.clone());
        Box::pin(async move {
            match self.how {
                Carelessness::RemovesBeforeRename => self.remove_then_rename(&from, &to).await,
                _ => self.disk.rename(&from, &to).await,
            }
        })
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.remove(name)
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        match self.how {
            Carelessness::ForgetsTheFolder => Box::pin(async { Ok(()) }),
            _ => self.disk.sync_folder(),
        }
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        self.disk.list()
    }

    fn machine(&self) -> BoxFuture<'_, Option<MachineId>> {
        self.disk.machine()
    }
}
