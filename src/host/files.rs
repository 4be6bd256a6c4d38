//! A folder of small files that survives a crash when it is asked to.

use super::{BoxFuture, MaybeSendSync, WallTime};

/// The name of a file inside the vault's folder: `a-z`, `0-9`, `.`, `-` and `_`, at most 120 bytes, not starting with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(String);

impl FileName {
    /// Checks `name` and takes it; `None` if it could leave the folder or is spelled differently on some system.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
        let fits = !name.is_empty() && name.len() <= 120 && !name.starts_with('.');
        (fits && name.chars().all(allowed)).then_some(Self(name))
    }

    /// Takes a name that this crate spelled itself.
    pub(crate) fn known(name: String) -> Self {
        debug_assert!(Self::new(name.as_str()).is_some(), "a name of ours that no folder would take: {name}");
        Self(name)
    }

    /// The name as it stands in the folder.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What the platform calls this machine: the same after every restart, and on no other machine. It is stored nowhere as
/// it is, only as a hash that differs from vault to vault.
#[derive(Clone, PartialEq, Eq)]
pub struct MachineId(pub String);

impl std::fmt::Debug for MachineId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MachineId(redacted)")
    }
}

/// Why a file operation did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Another file has that name already ([`Files::create`]).
    #[error("a file of that name exists already")]
    Exists,
    /// No file has that name ([`Files::rename`], [`Files::sync`]).
    #[error("no file of that name")]
    Missing,
    /// The disk, or the quota, is full. Nothing was spent yet: try again later.
    #[error("no space left on the device")]
    NoSpace,
    /// The operating system refuses access: permissions, a locked device, a read-only file system.
    #[error("access to the vault's folder was refused")]
    NoAccess,
    /// The file is larger than the reader allows, or is no regular file.
    #[error("not a regular file of a sensible size")]
    NotAFile,
    /// Anything else the operating system said.
    #[error("the operating system reported an input/output error: {0}")]
    Io(String),
}

/// The vault's folder, one small operation at a time, so that a test can cut the power between any two of them.
///
/// Nothing is durable until [`sync`](Files::sync) (content) and [`sync_folder`](Files::sync_folder) (names) returned.
pub trait Files: MaybeSendSync {
    /// The whole content; `None` if there is no such file. Refuses more than `limit` bytes and anything but a regular file.
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>>;
    /// Reads several files one after the other, each as [`read`](Files::read) does: for hosts where asking the disk costs
    /// more than the disk does.
    fn read_each(&self, names: &[FileName], limit: usize) -> BoxFuture<'_, Vec<Result<Option<Vec<u8>>, FileError>>> {
        let names = names.to_vec();
        Box::pin(async move {
            let mut found = Vec::with_capacity(names.len());
            for name in &names {
                found.push(self.read(name, limit).await);
            }
            found
        })
    }
    /// Creates a file that must not exist yet, readable by its owner only, with `content`.
    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>>;
    /// Writes `content` over an existing file from its start, and cuts the file there.
    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>>;
    /// Makes the file's content durable.
    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>>;
    /// Gives a file another name, replacing what had it, atomically.
    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>>;
    /// Removes a file; no error if there is none.
    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>>;
    /// Makes the folder's names durable.
    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>>;
    /// Creates a file as [`create`](Files::create) does, and makes its content durable as [`sync`](Files::sync) does.
    fn create_durably(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        let name = name.clone();
        Box::pin(async move {
            self.create(&name, content).await?;
            self.sync(&name).await
        })
    }
    /// Renames as [`rename`](Files::rename) does, and makes the folder's names durable as [`sync_folder`](Files::sync_folder)
    /// does.
    fn rename_durably(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        let (from, to) = (from.clone(), to.clone());
        Box::pin(async move {
            self.rename(&from, &to).await?;
            self.sync_folder().await
        })
    }
    /// All names in the folder that are valid [`FileName`]s, sorted. At most 10,000.
    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>>;
    /// Which machine the folder is on, so that a vault that was copied to another one is noticed. `None`, the default:
    /// the platform does not tell, and a copy is taken for the vault itself.
    fn machine(&self) -> BoxFuture<'_, Option<MachineId>> {
        Box::pin(std::future::ready(None))
    }
    /// When a file was last written, as people are told it. `None`, the default, where the platform does not tell.
    fn written_at(&self, _name: &FileName) -> BoxFuture<'_, Option<WallTime>> {
        Box::pin(std::future::ready(None))
    }
    /// Watches the folder from now on, whoever changes it. `None` where that cannot be, or not yet: Mainstay then looks every
    /// half second, and asks again.
    fn watch(&self) -> BoxFuture<'_, Option<Box<dyn Watch>>> {
        Box::pin(std::future::ready(None))
    }
}

/// Notices that a folder changed.
pub trait Watch: MaybeSendSync {
    /// Completes when a file came or went since the last call, or since the watch began. `false`: the watch has come to
    /// its end, for example because the folder was removed.
    fn changed(&mut self) -> BoxFuture<'_, bool>;
}
