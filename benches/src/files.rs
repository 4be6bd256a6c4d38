//! A folder whose operations are counted.

use std::{
    fmt,
    ops::Sub,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use mainstay::host::{BoxFuture, FileError, FileName, Files, MachineId, Watch};

/// How many operations of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Operations {
    /// Waits for the disk: contents and names made durable.
    pub syncs: u64,
    /// Files created or overwritten.
    pub writes: u64,
    /// Files renamed.
    pub renames: u64,
    /// Files removed.
    pub removals: u64,
    /// Files read, and the folder listed.
    pub reads: u64,
}

impl Sub for Operations {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            syncs: self.syncs - earlier.syncs,
            writes: self.writes - earlier.writes,
            renames: self.renames - earlier.renames,
            removals: self.removals - earlier.removals,
            reads: self.reads - earlier.reads,
        }
    }
}

/// Counts what is asked of other files. Clones are the same count.
#[derive(Clone)]
pub struct CountedFiles {
    inner: Arc<dyn Files>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    syncs: AtomicU64,
    writes: AtomicU64,
    renames: AtomicU64,
    removals: AtomicU64,
    reads: AtomicU64,
}

impl CountedFiles {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Files>) -> Self {
        Self { inner, counts: Arc::default() }
    }

    /// What was done so far.
    #[must_use]
    pub fn done(&self) -> Operations {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Operations {
            syncs: read(&self.counts.syncs),
            writes: read(&self.counts.writes),
            renames: read(&self.counts.renames),
            removals: read(&self.counts.removals),
            reads: read(&self.counts.reads),
        }
    }
}

fn count(one_more: &AtomicU64) {
    one_more.fetch_add(1, Ordering::Relaxed);
}

impl fmt::Debug for CountedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountedFiles").field("done", &self.done()).finish_non_exhaustive()
    }
}

impl Files for CountedFiles {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        count(&self.counts.reads);
        self.inner.read(name, limit)
    }

    fn read_each(&self, names: &[FileName], limit: usize) -> BoxFuture<'_, Vec<Result<Option<Vec<u8>>, FileError>>> {
        self.counts.reads.fetch_add(u64::try_from(names.len()).unwrap_or_default(), Ordering::Relaxed);
        self.inner.read_each(names, limit)
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        count(&self.counts.writes);
        self.inner.create(name, content)
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        count(&self.counts.writes);
        self.inner.overwrite(name, content)
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        count(&self.counts.syncs);
        self.inner.sync(name)
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        count(&self.counts.renames);
        self.inner.rename(from, to)
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        count(&self.counts.removals);
        self.inner.remove(name)
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        count(&self.counts.syncs);
        self.inner.sync_folder()
    }

    fn create_durably(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        count(&self.counts.writes);
        count(&self.counts.syncs);
        self.inner.create_durably(name, content)
    }

    fn rename_durably(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        count(&self.counts.renames);
        count(&self.counts.syncs);
        self.inner.rename_durably(from, to)
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        count(&self.counts.reads);
        self.inner.list()
    }

    fn machine(&self) -> BoxFuture<'_, Option<MachineId>> {
        self.inner.machine()
    }

    fn watch(&self) -> BoxFuture<'_, Option<Box<dyn Watch>>> {
        self.inner.watch()
    }
}
