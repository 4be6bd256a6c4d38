//! Files on a real disk, one operation after the other: the next step of a task must not depend on which of two threads
//! was faster, or no run of an incident would be like another.

use futures_util::{FutureExt, future::ready};
use mainstay::host::{BoxFuture, FileError, FileName, Files, MachineId};

/// Carries out each operation before anything else happens.
pub(super) struct OneByOne<F>(pub(super) F);

/// The work is done by threads of the host's own, so this one may wait for it.
fn done<'a, T: Send + 'a>(operation: BoxFuture<'_, T>) -> BoxFuture<'a, T> {
    ready(futures_executor::block_on(operation)).boxed()
}

impl<F: Files> Files for OneByOne<F> {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        done(self.0.read(name, limit))
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        done(self.0.create(name, content))
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        done(self.0.overwrite(name, content))
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        done(self.0.sync(name))
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        done(self.0.rename(from, to))
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        done(self.0.remove(name))
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        done(self.0.sync_folder())
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        done(self.0.list())
    }

    fn machine(&self) -> BoxFuture<'_, Option<MachineId>> {
        done(self.0.machine())
    }
}
