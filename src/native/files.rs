//! A folder that only its owner can enter.

#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use tokio::runtime::Handle;

use super::{machine, watch};
use crate::host::{BoxFuture, FileError, FileName, Files, MachineId, WallTime, Watch};

/// The most files that a vault's folder may hold before something must be wrong.
const MOST: usize = 10_000;

/// Files of a folder, readable by their owner only. Follows no symbolic links, and opens nothing but regular files.
///
/// The folder is made, with its parents, when the first file is created. On Unix it has mode 0700 and its files 0600;
/// on Windows it should be in the user's profile, whose access list it inherits.
#[derive(Clone, Debug)]
pub struct FolderFiles {
    folder: PathBuf,
    handle: Handle,
    machine: Machine,
}

/// Who says which machine this is.
#[derive(Clone, Debug)]
enum Machine {
    OfSystem,
    OfApp(Option<MachineId>),
}

impl FolderFiles {
    /// The files of `folder`. Blocking calls run on the runtime's blocking threads. Does nothing yet.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, handle: Handle) -> Self {
        Self { folder: folder.into(), handle, machine: Machine::OfSystem }
    }

    /// Which machine the folder is on, where the app knows better than the operating system. `None`: the folder may move
    /// from one machine to another with everything in it, for example in a container's volume.
    #[must_use]
    pub fn on_machine(mut self, machine: Option<MachineId>) -> Self {
        self.machine = Machine::OfApp(machine);
        self
    }

    fn blocking<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, FileError>> {
        let folder = self.folder.clone();
        Box::pin(async move {
            match self.handle.spawn_blocking(move || operation(&folder)).await {
                Ok(done) => done.map_err(explain),
                Err(_ended) => Err(FileError::Io("the runtime has ended".to_owned())),
            }
        })
    }

    fn blocking_on<T: Send + 'static>(
        &self,
        name: &FileName,
        operation: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, FileError>> {
        let name = name.clone();
        self.blocking(move |folder| operation(&folder.join(name.as_str())))
    }
}

impl Files for FolderFiles {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        self.blocking_on(name, move |path| read_if_there(path, limit))
    }

    fn read_each(&self, names: &[FileName], limit: usize) -> BoxFuture<'_, Vec<Result<Option<Vec<u8>>, FileError>>> {
        let names = names.to_vec();
        Box::pin(async move {
            let (folder, count) = (self.folder.clone(), names.len());
            let read = move || names.iter().map(|name| read_if_there(&folder.join(name.as_str()), limit)).collect();
            match self.handle.spawn_blocking(read).await {
                Ok(found) => Vec::into_iter(found).map(|one: io::Result<_>| one.map_err(explain)).collect(),
                Err(_ended) => vec![Err(FileError::Io("the runtime has ended".to_owned())); count],
            }
        })
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        let name = name.clone();
        self.blocking(move |folder| create(folder, &name, &content).map(drop))
    }

    fn create_durably(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        let name = name.clone();
        self.blocking(move |folder| create(folder, &name, &content)?.sync_all())
    }

    fn rename_durably(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        let (from, to) = (from.clone(), to.clone());
        self.blocking(move |folder| {
            fs::rename(folder.join(from.as_str()), folder.join(to.as_str()))?;
            sync_folder(folder)
        })
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.blocking_on(name, move |path| {
            let mut file = regular(private(OpenOptions::new().write(true)).open(path)?)?;
            file.write_all(&content)?;
            file.set_len(u64::try_from(content.len()).unwrap_or(u64::MAX))
        })
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.blocking_on(name, |path| regular(private(OpenOptions::new().write(true)).open(path)?)?.sync_all())
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        let to = to.clone();
        self.blocking_on(from, move |path| fs::rename(path, path.with_file_name(to.as_str())))
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.blocking_on(name, |path| match fs::remove_file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed,
        })
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        self.blocking(sync_folder)
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        self.blocking(|folder| {
            let entries = match fs::read_dir(folder) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                entries => entries?,
            };
            let mut names = Vec::new();
            for entry in entries {
                names.extend(entry?.file_name().into_string().ok().and_then(FileName::new));
                if names.len() > MOST {
                    return Err(io::Error::other("too many files in the vault's folder"));
                }
            }
            names.sort();
            Ok(names)
        })
    }

    fn machine(&self) -> BoxFuture<'_, Option<MachineId>> {
        match &self.machine {
            Machine::OfApp(machine) => Box::pin(std::future::ready(machine.clone())),
            Machine::OfSystem => Box::pin(async { self.handle.spawn_blocking(machine::id).await.ok().flatten() }),
        }
    }

    fn written_at(&self, name: &FileName) -> BoxFuture<'_, Option<WallTime>> {
        let written = self.blocking_on(name, |path| fs::symlink_metadata(path)?.modified());
        Box::pin(async move { written.await.ok()?.duration_since(UNIX_EPOCH).ok() })
    }

    fn watch(&self) -> BoxFuture<'_, Option<Box<dyn Watch>>> {
        Box::pin(async move {
            let found = self.blocking(|folder| Ok(watch::on(folder))).await.ok().flatten();
            found.map(|watch| -> Box<dyn Watch> { Box::new(watch) })
        })
    }
}

fn create(folder: &Path, name: &FileName, content: &[u8]) -> io::Result<File> {
    make_folder(folder)?;
    let path = folder.join(name.as_str());
    let mut file = private(OpenOptions::new().write(true).create_new(true)).open(&path)?;
    file.write_all(content).inspect_err(|_torn| drop(fs::remove_file(&path)))?;
    Ok(file)
}

fn read_if_there(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    match read(path, limit) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        content => content.map(Some),
    }
}

fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let file = regular(private(OpenOptions::new().read(true)).open(path)?)?;
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let size = file.metadata()?.len();
    let mut content = Vec::with_capacity(usize::try_from(size.min(limit)).unwrap_or_default());
    file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    let read = u64::try_from(content.len()).unwrap_or(u64::MAX);
    if size > limit || read > limit { Err(no_file_of_ours()) } else { Ok(content) }
}

/// Never follows a link in the last place, never waits for the other end of a FIFO, never lets others read.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    options
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file_of_ours()) }
}

fn no_file_of_ours() -> io::Error {
    io::Error::from(ErrorKind::IsADirectory)
}

/// Makes the folder and its parents, if need be, and closes it to others.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return close_to_others(folder);
    }
    fs::create_dir_all(folder)?;
    close_to_others(folder)?;
    match folder.parent() {
        // A name alone is in the folder that the program runs in.
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn close_to_others(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o077 == 0 { Ok(()) } else { fs::set_permissions(folder, fs::Permissions::from_mode(0o700)) }
}

#[cfg(not(unix))]
fn close_to_others(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Some file systems have no such thing as syncing a folder: their names are durable, or never will be.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}

/// Windows writes names through.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

fn explain(error: io::Error) -> FileError {
    match error.kind() {
        ErrorKind::AlreadyExists => FileError::Exists,
        ErrorKind::NotFound => FileError::Missing,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FileError::NoSpace,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => FileError::NoAccess,
        ErrorKind::IsADirectory => FileError::NotAFile,
        _ if is_no_file(&error) => FileError::NotAFile,
        _ => FileError::Io(error.to_string()),
    }
}

/// A symbolic link, or a FIFO or socket that has nobody at its other end.
#[cfg(unix)]
fn is_no_file(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::LOOP, Errno::NXIO].map(Errno::raw_os_error).iter().any(|code| error.raw_os_error() == Some(*code))
}

#[cfg(not(unix))]
fn is_no_file(_error: &io::Error) -> bool {
    false
}
