//! Locks between processes: the operating system's file locks, released when the holder dies.

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use tokio::sync::oneshot;

use crate::host::{BoxFuture, FileName, Held, Lock, LockError};

/// File locks in the vault's folder. Each wait has a thread of its own: locking blocks, and must not block a worker.
#[derive(Clone, Debug)]
pub struct FileLock {
    folder: Arc<PathBuf>,
}

impl FileLock {
    /// Locks in `folder`, which must exist.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self { folder: Arc::new(folder.canonicalize()?) })
    }
}

/// An open file whose lock ends with it.
struct Locked(#[expect(dead_code, reason = "held, not read")] File);

impl Held for Locked {}

impl Lock for FileLock {
    fn acquire(&self, name: &FileName) -> BoxFuture<'_, Result<Box<dyn Held>, LockError>> {
        let path = self.folder.join(name.as_str());
        Box::pin(async move {
            let (locked, waiting) = oneshot::channel();
            // A waiter that went away leaves the thread behind; it gets the lock, finds nobody, and lets go at once.
            let started = thread::Builder::new().name("mainstay-lock".to_owned()).spawn(move || {
                let _nobody_waits = locked.send(lock(&path));
            });
            started.map_err(|error| LockError::Io(error.kind().to_string()))?;
            match waiting.await {
                Ok(file) => {
                    let held: Box<dyn Held> = Box::new(Locked(file?));
                    Ok(held)
                }
                Err(_gone) => Err(LockError::Io("the lock's thread ended early".to_owned())),
            }
        })
    }
}

fn lock(path: &Path) -> Result<File, LockError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let of = |error: io::Error| match error.kind() {
        io::ErrorKind::Unsupported => LockError::Unsupported,
        kind => LockError::Io(kind.to_string()),
    };
    let file = options.open(path).map_err(of)?;
    file.lock().map_err(of)?;
    Ok(file)
}
