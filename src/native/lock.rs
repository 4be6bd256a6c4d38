//! Locks between processes, released by the operating system when their holder dies.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    fs::{File, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{runtime::Handle, sync::oneshot};

use super::{
    files::{make_folder, private},
    fork::NotInherited,
};
use crate::host::{BoxFuture, FileName, Held, Lock, LockError};

/// File locks (`flock`, `LockFileEx`) on empty files of a folder. The files stay: removing one would free its name
/// for a second holder.
///
/// A lock that somebody holds is waited for on a thread of its own, at most one for each name, however many wait here.
#[derive(Debug)]
pub struct FileLock {
    folder: PathBuf,
    handle: Handle,
    queues: Mutex<BTreeMap<FileName, Arc<Queue>>>,
}

impl FileLock {
    /// Locks in `folder`, which is made when the first lock is taken.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, handle: Handle) -> Self {
        Self { folder: folder.into(), handle, queues: Mutex::default() }
    }

    fn queue(&self, name: &FileName) -> Arc<Queue> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Queue { path: self.folder.join(name.as_str()), waiting: Mutex::default() });
        Arc::clone(queues.entry(name.clone()).or_insert_with(new))
    }
}

impl Lock for FileLock {
    fn acquire(&self, name: &FileName) -> BoxFuture<'_, Result<Box<dyn Held>, LockError>> {
        let (queue, folder) = (self.queue(name), self.folder.clone());
        let path = queue.path.clone();
        Box::pin(async move {
            let attempt = move || make_folder(&folder).and_then(|()| try_lock(&path));
            let file = match self.handle.spawn_blocking(attempt).await {
                Ok(Ok(Some(file))) => file,
                Ok(Ok(None)) => queue.wait().await?,
                Ok(Err(error)) => return Err(explain(&error)),
                Err(_ended) => return Err(LockError::Io("the runtime has ended".to_owned())),
            };
            let held: Box<dyn Held> = Box::new(HeldFile(file));
            Ok(held)
        })
    }
}

struct HeldFile(#[expect(dead_code, reason = "held for its drop")] NotInherited);
impl Held for HeldFile {}

/// Whoever waits in this process for one lock.
#[derive(Debug)]
struct Queue {
    path: PathBuf,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    waiters: VecDeque<oneshot::Sender<Result<NotInherited, LockError>>>,
    has_thread: bool,
}

impl Queue {
    async fn wait(self: &Arc<Self>) -> Result<NotInherited, LockError> {
        let (sender, receiver) = oneshot::channel();
        let needs_thread = {
            let mut waiting = self.waiting();
            waiting.waiters.push_back(sender);
            !std::mem::replace(&mut waiting.has_thread, true)
        };
        if needs_thread {
            let queue = Arc::clone(self);
            let thread = std::thread::Builder::new().name("mainstay-lock".to_owned());
            if let Err(error) = thread.spawn(move || queue.serve()) {
                self.give_up(&explain(&error));
            }
        }
        receiver.await.unwrap_or_else(|_gone| Err(LockError::Io("the waiting thread has ended".to_owned())))
    }

    /// Waits for the lock on behalf of all waiters, one after the other, until none is left.
    fn serve(&self) {
        loop {
            let locked = lock(&self.path).map_err(|error| explain(&error));
            if !self.hand_over(locked) {
                return;
            }
        }
    }

    /// Gives the lock to the first who still waits. `false`: nobody is left, and the lock is free again.
    fn hand_over(&self, mut locked: Result<NotInherited, LockError>) -> bool {
        loop {
            let first = {
                let mut waiting = self.waiting();
                let first = waiting.waiters.pop_front();
                waiting.has_thread = first.is_some();
                first
            };
            match first.map(|waiter| waiter.send(locked)) {
                None => return false,
                Some(Ok(())) => return true,
                Some(Err(unwanted)) => locked = unwanted,
            }
        }
    }

    fn give_up(&self, error: &LockError) {
        let waiters = {
            let mut waiting = self.waiting();
            waiting.has_thread = false;
            std::mem::take(&mut waiting.waiters)
        };
        for waiter in waiters {
            // Whoever is gone needs no answer.
            let _gone = waiter.send(Err(error.clone()));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lock, if nobody has it.
fn try_lock(path: &Path) -> io::Result<Option<NotInherited>> {
    loop {
        let file = open(path)?;
        match file.file().try_lock() {
            Ok(()) if is_still_there(file.file(), path) => return Ok(Some(file)),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Waits until nobody has the lock.
fn lock(path: &Path) -> io::Result<NotInherited> {
    loop {
        let file = open(path)?;
        match file.file().lock() {
            Ok(()) if is_still_there(file.file(), path) => return Ok(file),
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn open(path: &Path) -> io::Result<NotInherited> {
    private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(path).map(NotInherited::new)
}

/// Whether the locked file still has its name. A person may have emptied the folder while we waited.
#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    let (locked, named) = (file.metadata().map(identity), std::fs::symlink_metadata(path).map(identity));
    locked.is_ok_and(|locked| named.is_ok_and(|named| locked == named))
}

/// Windows does not remove a file that is open.
#[cfg(not(unix))]
fn is_still_there(_file: &File, _path: &Path) -> bool {
    true
}

fn explain(error: &io::Error) -> LockError {
    match error.kind() {
        ErrorKind::Unsupported => LockError::Unsupported,
        _ if has_no_locks(error) => LockError::Unsupported,
        _ => LockError::Io(error.to_string()),
    }
}

#[cfg(unix)]
fn has_no_locks(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let codes = [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP];
    codes.map(Errno::raw_os_error).iter().any(|code| error.raw_os_error() == Some(*code))
}

#[cfg(not(unix))]
fn has_no_locks(_error: &io::Error) -> bool {
    false
}
