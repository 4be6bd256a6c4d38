//! The vault's folder on a real file system.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::host::{BoxFuture, FileError, FileName, Files};

use super::runtime;

/// Most names that are listed.
const MOST_NAMES: usize = 10_000;

/// A folder that only its owner may enter (0700), with files that only their owner may read (0600).
///
/// Links, pipes and folders under a vault's name are refused, never followed or waited for.
#[derive(Clone, Debug)]
pub struct FolderFiles {
    folder: Arc<PathBuf>,
}

impl FolderFiles {
    /// Creates the folder if it is not there, and closes it to others.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
        Ok(Self { folder: Arc::new(folder.to_owned()) })
    }

    fn path(&self, name: &FileName) -> PathBuf {
        self.folder.join(name.as_str())
    }

    fn run<T: Send + 'static>(
        &self,
        name: &FileName,
        operation: impl FnOnce(&Path) -> Result<T, FileError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, FileError>> {
        let path = self.path(name);
        Box::pin(async move {
            let done = runtime::run_blocking(move || operation(&path)).await;
            done.unwrap_or_else(|| Err(FileError::Io("the file operation's thread ended early".to_owned())))
        })
    }
}

impl Files for FolderFiles {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        self.run(name, move |path| {
            let file = match open(OpenOptions::new().read(true), path) {
                Ok(file) => file,
                Err(FileError::Missing) => return Ok(None),
                Err(error) => return Err(error),
            };
            let most = u64::try_from(limit).unwrap_or(u64::MAX);
            if file.metadata().map_err(of)?.len() > most {
                return Err(FileError::NotAFile);
            }
            let mut content = Vec::new();
            file.take(most.saturating_add(1)).read_to_end(&mut content).map_err(of)?;
            if content.len() > limit { Err(FileError::NotAFile) } else { Ok(Some(content)) }
        })
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.run(name, move |path| {
            let mut file = owner_only(OpenOptions::new().write(true).create_new(true)).open(path).map_err(of)?;
            file.write_all(&content).map_err(of)
        })
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.run(name, move |path| {
            let mut file = open(OpenOptions::new().write(true), path)?;
            file.write_all(&content).map_err(of)?;
            file.set_len(u64::try_from(content.len()).unwrap_or(u64::MAX)).map_err(of)
        })
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.run(name, |path| open(OpenOptions::new().write(true), path)?.sync_all().map_err(of))
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        let to = self.path(to);
        self.run(from, move |from| fs::rename(from, to).map_err(of))
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.run(name, |path| match fs::remove_file(path).map_err(of) {
            Err(FileError::Missing) => Ok(()),
            done => done,
        })
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        let folder = Arc::clone(&self.folder);
        Box::pin(async move {
            let done = runtime::run_blocking(move || sync_folder(&folder)).await;
            done.unwrap_or_else(|| Err(FileError::Io("the file operation's thread ended early".to_owned())))
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        let folder = Arc::clone(&self.folder);
        Box::pin(async move {
            let listed = runtime::run_blocking(move || list(&folder)).await;
            listed.unwrap_or_else(|| Err(FileError::Io("the file operation's thread ended early".to_owned())))
        })
    }
}

fn list(folder: &Path) -> Result<Vec<FileName>, FileError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(of)?.take(MOST_NAMES) {
        let name = entry.map_err(of)?.file_name();
        names.extend(name.into_string().ok().and_then(FileName::new));
    }
    names.sort();
    Ok(names)
}

/// Names are durable when the folder is (Linux, macOS). Windows has no such call and needs none.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<(), FileError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(of)
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> Result<(), FileError> {
    Ok(())
}

/// Opens a regular file, without following a link and without waiting for the other end of a pipe.
fn open(options: &mut OpenOptions, path: &Path) -> Result<File, FileError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    let file = options.open(path).map_err(of)?;
    if file.metadata().map_err(of)?.is_file() { Ok(file) } else { Err(FileError::NotAFile) }
}

fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

fn of(error: io::Error) -> FileError {
    match error.kind() {
        io::ErrorKind::NotFound => FileError::Missing,
        io::ErrorKind::AlreadyExists => FileError::Exists,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FileError::NoSpace,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => FileError::NoAccess,
        io::ErrorKind::IsADirectory => FileError::NotAFile,
        _ if is_a_link(&error) => FileError::NotAFile,
        _ => FileError::Io(error.kind().to_string()),
    }
}

/// `ELOOP` for a link that is not followed, `ENXIO` for a pipe without a reader.
#[cfg(unix)]
fn is_a_link(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [rustix::io::Errno::LOOP, rustix::io::Errno::NXIO].iter().any(|errno| code == Some(errno.raw_os_error()))
}

#[cfg(not(unix))]
fn is_a_link(_error: &io::Error) -> bool {
    false
}
