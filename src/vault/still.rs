//! A vault's folder as it stood in one moment, which nothing can be written to.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{inspect::InspectError, names, record};
use crate::host::{
    BoxFuture, Clock, FileError, FileName, Files, Held, Lock, LockError, MachineId, MaybeSend, WallTime,
};

/// How often a folder that somebody is writing to is read again, and the wait between: two seconds in all.
const PASSES: usize = 200;
const PAUSE: Duration = Duration::from_millis(10);

/// The most bytes that are looked at. The largest vault there can be, 10,000 files with two tokens each, has a third of it.
const MOST: usize = 256 * 1024 * 1024;

/// What a folder held at one moment between two readings of it that found the same.
#[derive(Default)]
pub(super) struct Still {
    contents: BTreeMap<FileName, Result<Vec<u8>, FileError>>,
    written: BTreeMap<FileName, WallTime>,
    machine: Option<MachineId>,
    /// Files being written, and locks: they hold nothing.
    pub(super) passing: usize,
    /// Files that are none of a vault's, and were not opened.
    pub(super) foreign: usize,
}

impl Still {
    /// Reads until two readings are the same: what both found was there between them, all of it at once. Takes no lock,
    /// so nobody waits for it, and a writer that was stopped half-way is seen as it stands.
    pub(super) async fn of(files: &dyn Files, clock: &dyn Clock) -> Result<Self, InspectError> {
        let mut still = Self { machine: files.machine().await, ..Self::default() };
        still.differs(files).await?;
        for _ in 0..PASSES {
            if !still.differs(files).await? {
                return Ok(still);
            }
            clock.sleep_until(clock.monotonic().saturating_add(PAUSE)).await;
        }
        Err(InspectError::Restless)
    }

    /// The negative control of [`of`](Still::of).
    #[cfg(test)]
    pub(super) async fn read_once(files: &dyn Files) -> Result<Self, InspectError> {
        let mut still = Self::default();
        still.differs(files).await?;
        Ok(still)
    }

    /// Reads everything, and says whether that was anything new.
    async fn differs(&mut self, files: &dyn Files) -> Result<bool, InspectError> {
        let listed = files.list().await.map_err(InspectError::Files)?;
        let (known, others): (Vec<_>, Vec<_>) = listed.into_iter().partition(names::has_content);
        let passing = others.iter().filter(|name| names::is_passing(name)).count();
        (self.passing, self.foreign) = (passing, others.len().saturating_sub(passing));
        let before = self.contents.len();
        self.contents.retain(|name, _| known.binary_search(name).is_ok());
        let mut differs = self.contents.len() < before;
        let mut size = 0usize;
        for name in known {
            let content = match files.read(&name, record::LIMIT).await {
                Ok(None) => {
                    differs = true;
                    continue;
                }
                Ok(Some(content)) => Ok(content),
                Err(error) => Err(error),
            };
            size = size.saturating_add(content.as_ref().map_or(0, Vec::len));
            if size > MOST {
                return Err(InspectError::TooLarge);
            }
            if self.contents.get(&name) != Some(&content) {
                differs = true;
                if let Some(written) = files.written_at(&name).await {
                    self.written.insert(name.clone(), written);
                }
                self.contents.insert(name, content);
            }
        }
        Ok(differs)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&FileName, Result<&[u8], &FileError>)> {
        self.contents.iter().map(|(name, content)| (name, content.as_deref()))
    }

    /// When a file was last written, in milliseconds of wall time.
    pub(super) fn written_at(&self, name: &FileName) -> Option<u64> {
        self.written.get(name).map(|at| u64::try_from(at.as_millis()).unwrap_or(u64::MAX))
    }

    /// Whether one file is still what it was.
    pub(super) async fn still_holds(&self, files: &dyn Files, name: &FileName) -> bool {
        let now = files.read(name, record::LIMIT).await;
        match (self.contents.get(name), now) {
            (None, Ok(None)) => true,
            (Some(Ok(then)), Ok(Some(now))) => *then == now,
            (Some(Err(then)), Err(now)) => *then == now,
            _ => false,
        }
    }
}

impl Files for Arc<Still> {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        ready(match self.contents.get(name) {
            Some(Ok(content)) if content.len() > limit => Err(FileError::NotAFile),
            Some(content) => content.clone().map(Some),
            None => Ok(None),
        })
    }

    fn create(&self, _name: &FileName, _content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        refuse()
    }

    fn overwrite(&self, _name: &FileName, _content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        refuse()
    }

    fn sync(&self, _name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        refuse()
    }

    fn rename(&self, _from: &FileName, _to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        refuse()
    }

    fn remove(&self, _name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        refuse()
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        refuse()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        ready(Ok(self.contents.keys().cloned().collect()))
    }

    fn machine(&self) -> BoxFuture<'_, Option<MachineId>> {
        ready(self.machine.clone())
    }
}

/// The locks of a picture: nobody gets one, so whatever would be changed under one is not.
pub(super) struct NoLocks;

impl Lock for NoLocks {
    fn acquire(&self, _name: &FileName) -> BoxFuture<'_, Result<Box<dyn Held>, LockError>> {
        ready(Err(LockError::Unsupported))
    }
}

fn refuse<'a>() -> BoxFuture<'a, Result<(), FileError>> {
    ready(Err(FileError::NoAccess))
}

fn ready<'a, T: MaybeSend + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}
