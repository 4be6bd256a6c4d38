//! A folder on a real disk, and a key store that is a folder too: an operating system's keyring is nobody's to use in a
//! test.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

use mainstay::{
    Secret,
    host::{BoxFuture, FileError, FileName, Files, SecretStore, SecretStoreError},
};

pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    fn path(&self, name: &FileName) -> PathBuf {
        self.0.join(name.as_str())
    }

    fn existing(&self, name: &FileName) -> Result<File, FileError> {
        OpenOptions::new().write(true).open(self.path(name)).map_err(why)
    }
}

fn why(error: io::Error) -> FileError {
    match error.kind() {
        ErrorKind::NotFound => FileError::Missing,
        ErrorKind::AlreadyExists => FileError::Exists,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FileError::NoSpace,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => FileError::NoAccess,
        _ => FileError::Io(error.kind().to_string()),
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Files for Folder {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        let read = || -> io::Result<Vec<u8>> {
            let mut content = Vec::new();
            let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
            File::open(self.path(name))?.take(most).read_to_end(&mut content)?;
            Ok(content)
        };
        ready(match read() {
            Ok(content) if content.len() > limit => Err(FileError::NotAFile),
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(why(error)),
        })
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        let created = File::create_new(self.path(name)).and_then(|mut file| file.write_all(&content));
        ready(created.map_err(why))
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        ready(
            self.existing(name)
                .and_then(|mut file| file.write_all(&content).and_then(|()| file.set_len(length)).map_err(why)),
        )
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        // Not that it would matter: no power is cut here. But an incident takes the steps that a device takes.
        ready(self.existing(name).and_then(|file| file.sync_data().map_err(why)))
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        ready(fs::rename(self.path(from), self.path(to)).map_err(why))
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        ready(match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(why(error)),
            _ => Ok(()),
        })
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        ready(Ok(()))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        let list = || -> io::Result<Vec<FileName>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(&self.0)? {
                let entry = entry?;
                if entry.file_type()?.is_file() {
                    names.extend(FileName::new(entry.file_name().to_string_lossy()));
                }
            }
            names.sort();
            Ok(names)
        };
        ready(list().map_err(why))
    }
}

/// One file per key.
pub(super) struct KeyFile(PathBuf);

impl KeyFile {
    pub(super) fn in_folder(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    fn path(&self, name: &str) -> PathBuf {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        self.0.join(name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect::<String>())
    }
}

fn unreadable(error: io::Error) -> SecretStoreError {
    SecretStoreError::Unreadable(error.kind().to_string())
}

impl SecretStore for KeyFile {
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        ready(match fs::read(self.path(name)) {
            Ok(bytes) => Ok(Some(Secret::new(bytes))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(error)),
        })
    }

    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        ready(fs::write(self.path(name), secret.expose()).map_err(unreadable))
    }

    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        ready(match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(unreadable(error)),
            _ => Ok(()),
        })
    }

    fn describe(&self) -> &'static str {
        "a folder, for tests"
    }
}
