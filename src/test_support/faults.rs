//! A disk that loses power, fills up and lies.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::host::{BoxFuture, FileError, FileName, Files, MachineId, MaybeSend};

/// A change to the disk. Reads are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`Files::create`].
    Create(FileName),
    /// [`Files::overwrite`].
    Overwrite(FileName),
    /// [`Files::sync`].
    Sync(FileName),
    /// [`Files::rename`].
    Rename(FileName, FileName),
    /// [`Files::remove`].
    Remove(FileName),
    /// [`Files::sync_folder`].
    SyncFolder,
}

/// What of the changes that were not made durable is there after the power came back. File systems differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survivors {
    /// Only what was made durable.
    Durable,
    /// All names, and only durable contents: a rename that overtook its file's content.
    Names,
    /// All names, and half of each content that was not durable.
    NamesAndHalves,
    /// All contents, and only durable names.
    Contents,
    /// Everything: the process died, the machine did not.
    Everything,
}

impl Survivors {
    /// Every kind, for tests that try all.
    pub const ALL: [Self; 5] = [Self::Durable, Self::Names, Self::NamesAndHalves, Self::Contents, Self::Everything];
}

/// A folder on a disk that counts changes and can be cut off between, or in the middle of, any two of them.
/// Clones are the same disk, as processes share one.
#[derive(Clone, Default)]
pub struct FaultyFiles(Arc<Mutex<Disk>>);

#[derive(Default)]
struct Disk {
    contents: BTreeMap<u64, Content>,
    names: BTreeMap<FileName, u64>,
    durable_names: BTreeMap<FileName, u64>,
    next: u64,
    log: Vec<Operation>,
    cut_after: Option<usize>,
    tears: bool,
    fails: BTreeMap<usize, FileError>,
    full: bool,
    refuses: Option<FileError>,
    machine: Option<MachineId>,
}

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
}

impl FaultyFiles {
    /// An empty folder on a disk that works.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The changes so far.
    #[must_use]
    pub fn log(&self) -> Vec<Operation> {
        self.disk().log.clone()
    }

    /// Cuts the power after `changes` more changes: everything after that fails, reads included.
    pub fn cut_after(&self, changes: usize) {
        let mut disk = self.disk();
        disk.cut_after = Some(disk.log.len().saturating_add(changes));
    }

    /// The same, but the change that the power cut hits gets half-way if it writes.
    pub fn tear_after(&self, changes: usize) {
        self.cut_after(changes);
        self.disk().tears = true;
    }

    /// Lets one change fail, `changes` from now; the disk works before and after it.
    pub fn fail_after(&self, changes: usize, error: FileError) {
        let mut disk = self.disk();
        let at = disk.log.len().saturating_add(changes);
        disk.fails.insert(at, error);
    }

    /// Fills the disk: files can be overwritten within their size, and not grow. Or empties it.
    pub fn set_full(&self, full: bool) {
        self.disk().full = full;
    }

    /// Lets every operation fail from now on, reads included: a device before its first unlock. Or lets them work again.
    pub fn refuse(&self, error: Option<FileError>) {
        self.disk().refuses = error;
    }

    /// Puts the disk into a machine, or into one whose platform does not tell which it is.
    pub fn put_into(&self, machine: Option<&str>) {
        self.disk().machine = machine.map(|machine| MachineId(machine.to_owned()));
    }

    /// The disk after the power came back: another one, which works.
    #[must_use]
    pub fn reopen(&self, survivors: Survivors) -> Self {
        let disk = self.disk();
        let names = match survivors {
            Survivors::Durable | Survivors::Contents => &disk.durable_names,
            _ => &disk.names,
        };
        let content = |content: &Content| {
            let survives = match survivors {
                Survivors::Durable | Survivors::Names => content.durable.clone(),
                Survivors::Contents | Survivors::Everything => content.now.clone(),
                Survivors::NamesAndHalves if content.now == content.durable => content.now.clone(),
                Survivors::NamesAndHalves => half(&content.now, &content.durable),
            };
            Content { now: survives.clone(), durable: survives }
        };
        let after = Disk {
            contents: disk.contents.iter().map(|(id, it)| (*id, content(it))).collect(),
            names: names.clone(),
            durable_names: names.clone(),
            next: disk.next,
            machine: disk.machine.clone(),
            ..Disk::default()
        };
        Self(Arc::new(Mutex::new(after)))
    }

    /// All files with their present content.
    #[must_use]
    pub fn contents(&self) -> BTreeMap<FileName, Vec<u8>> {
        let disk = self.disk();
        let content = |id: &u64| disk.contents.get(id).map(|content| content.now.clone()).unwrap_or_default();
        disk.names.iter().map(|(name, id)| (name.clone(), content(id))).collect()
    }

    /// Puts a file there, durably, as somebody with an editor would.
    pub fn put(&self, name: &FileName, content: Vec<u8>) {
        let mut disk = self.disk();
        let id = disk.add(Content { now: content.clone(), durable: content });
        disk.names.insert(name.clone(), id);
        disk.durable_names.insert(name.clone(), id);
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn add(&mut self, content: Content) -> u64 {
        let id = self.next;
        self.next = id.saturating_add(1);
        self.contents.insert(id, content);
        id
    }

    fn is_cut(&self) -> bool {
        self.cut_after.is_some_and(|last| self.log.len() >= last)
    }

    /// Whether anything can be read.
    fn check(&self) -> Result<(), FileError> {
        match &self.refuses {
            Some(error) => Err(error.clone()),
            None if self.is_cut() => Err(power_cut()),
            None => Ok(()),
        }
    }

    fn content(&mut self, name: &FileName) -> Result<&mut Content, FileError> {
        let id = self.names.get(name).ok_or(FileError::Missing)?;
        self.contents.get_mut(id).ok_or(FileError::Missing)
    }

    /// Notes a change that is about to happen, or says why it does not. `Ok(true)`: it gets half-way, then all is over.
    fn begin(&mut self, operation: Operation) -> Result<bool, FileError> {
        let at = self.log.len();
        if let Some(error) = &self.refuses {
            return Err(error.clone());
        }
        if self.is_cut() {
            if self.tears && self.cut_after == Some(at) {
                self.log.push(operation);
                return Ok(true);
            }
            return Err(power_cut());
        }
        self.log.push(operation);
        self.fails.remove(&at).map_or(Ok(false), Err)
    }

    fn create(&mut self, name: &FileName, content: Vec<u8>) -> Result<(), FileError> {
        let torn = self.begin(Operation::Create(name.clone()))?;
        if self.names.contains_key(name) {
            return Err(FileError::Exists);
        }
        if self.full && !content.is_empty() {
            return Err(FileError::NoSpace);
        }
        let now = if torn { half(&content, &[]) } else { content };
        let id = self.add(Content { now, durable: Vec::new() });
        self.names.insert(name.clone(), id);
        if torn { Err(power_cut()) } else { Ok(()) }
    }

    fn overwrite(&mut self, name: &FileName, content: Vec<u8>) -> Result<(), FileError> {
        let torn = self.begin(Operation::Overwrite(name.clone()))?;
        let full = self.full;
        let file = self.content(name)?;
        if full && content.len() > file.now.len() {
            return Err(FileError::NoSpace);
        }
        file.now = if torn { half(&content, &file.now) } else { content };
        if torn { Err(power_cut()) } else { Ok(()) }
    }

    fn sync(&mut self, name: &FileName) -> Result<(), FileError> {
        let torn = self.begin(Operation::Sync(name.clone()))?;
        let file = self.content(name)?;
        if !torn {
            file.durable.clone_from(&file.now);
        }
        if torn { Err(power_cut()) } else { Ok(()) }
    }

    fn rename(&mut self, from: &FileName, to: &FileName) -> Result<(), FileError> {
        let torn = self.begin(Operation::Rename(from.clone(), to.clone()))?;
        let id = self.names.remove(from).ok_or(FileError::Missing)?;
        self.names.insert(to.clone(), id);
        if torn { Err(power_cut()) } else { Ok(()) }
    }

    fn remove(&mut self, name: &FileName) -> Result<(), FileError> {
        let torn = self.begin(Operation::Remove(name.clone()))?;
        self.names.remove(name);
        if torn { Err(power_cut()) } else { Ok(()) }
    }

    fn sync_folder(&mut self) -> Result<(), FileError> {
        let torn = self.begin(Operation::SyncFolder)?;
        if !torn {
            self.durable_names = self.names.clone();
        }
        if torn { Err(power_cut()) } else { Ok(()) }
    }
}

impl Files for FaultyFiles {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        let mut disk = self.disk();
        if let Err(error) = disk.check() {
            return ready(Err(error));
        }
        ready(match disk.content(name) {
            Ok(content) if content.now.len() > limit => Err(FileError::NotAFile),
            Ok(content) => Ok(Some(content.now.clone())),
            Err(_missing) => Ok(None),
        })
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        ready(self.disk().create(name, content))
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        ready(self.disk().overwrite(name, content))
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        ready(self.disk().sync(name))
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        ready(self.disk().rename(from, to))
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        ready(self.disk().remove(name))
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        ready(self.disk().sync_folder())
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        let disk = self.disk();
        ready(disk.check().map(|()| disk.names.keys().cloned().collect()))
    }

    fn machine(&self) -> BoxFuture<'_, Option<MachineId>> {
        ready(self.disk().machine.clone())
    }
}

impl std::fmt::Debug for FaultyFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.disk().names.keys()).finish()
    }
}

/// The first half of the new content over the old one.
fn half(new: &[u8], old: &[u8]) -> Vec<u8> {
    let middle = new.len() / 2;
    let tail = old.iter().skip(middle);
    new.iter().take(middle).chain(tail).copied().collect()
}

fn power_cut() -> FileError {
    FileError::Io("the power is cut".to_owned())
}

fn ready<'a, T: MaybeSend + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}
