//! Hosts that forget: for browsers that must not store anything, and for tests.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedMutexGuard, watch};

use super::{BoxFuture, FileError, FileName, Files, Held, Lock, LockError, SecretStore, SecretStoreError, Watch};
use crate::Secret;

/// A folder that lives as long as its last clone. Clones share it, as processes share a disk.
#[derive(Clone, Default)]
pub struct MemoryFiles(Arc<MemoryFolder>);

#[derive(Default)]
struct MemoryFolder {
    files: Mutex<BTreeMap<FileName, Vec<u8>>>,
    changes: watch::Sender<()>,
}

impl MemoryFiles {
    /// An empty folder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn folder(&self) -> MutexGuard<'_, BTreeMap<FileName, Vec<u8>>> {
        self.0.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.folder().keys()).finish()
    }
}

impl Files for MemoryFiles {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        let content = self.folder().get(name).cloned();
        let too_large = content.as_ref().is_some_and(|content| content.len() > limit);
        ready(if too_large { Err(FileError::NotAFile) } else { Ok(content) })
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        let mut folder = self.folder();
        if folder.contains_key(name) {
            return ready(Err(FileError::Exists));
        }
        folder.insert(name.clone(), content);
        self.0.changes.send_replace(());
        ready(Ok(()))
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        ready(self.folder().get_mut(name).map(|old| *old = content).ok_or(FileError::Missing))
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        ready(if self.folder().contains_key(name) { Ok(()) } else { Err(FileError::Missing) })
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        let mut folder = self.folder();
        let moved = folder.remove(from).map(|content| folder.insert(to.clone(), content));
        self.0.changes.send_replace(());
        ready(moved.map(|_replaced| ()).ok_or(FileError::Missing))
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.folder().remove(name);
        self.0.changes.send_replace(());
        ready(Ok(()))
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        ready(Ok(()))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        ready(Ok(self.folder().keys().cloned().collect()))
    }

    fn watch(&self) -> BoxFuture<'_, Option<Box<dyn Watch>>> {
        let watch: Box<dyn Watch> = Box::new(MemoryWatch(self.0.changes.subscribe()));
        ready(Some(watch))
    }
}

struct MemoryWatch(watch::Receiver<()>);

impl Watch for MemoryWatch {
    fn changed(&mut self) -> BoxFuture<'_, bool> {
        Box::pin(async move { self.0.changed().await.is_ok() })
    }
}

/// Keys that live as long as the last clone. Clones share them, as processes share a keyring.
#[derive(Clone, Default)]
pub struct MemorySecretStore(Arc<Mutex<BTreeMap<String, Secret>>>);

impl MemorySecretStore {
    /// An empty, open store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Secret>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemorySecretStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.entries().iter()).finish()
    }
}

impl SecretStore for MemorySecretStore {
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        ready(Ok(self.entries().get(name).cloned()))
    }

    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        self.entries().insert(name.to_owned(), secret);
        ready(Ok(()))
    }

    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        self.entries().remove(name);
        ready(Ok(()))
    }

    fn describe(&self) -> &'static str {
        "memory"
    }
}

type LocksByName = BTreeMap<FileName, Arc<tokio::sync::Mutex<()>>>;

/// Locks among the clones of one value. First come, first served.
#[derive(Clone, Debug, Default)]
pub struct MemoryLock(Arc<Mutex<LocksByName>>);

impl MemoryLock {
    /// A set of locks that nobody holds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Lock for MemoryLock {
    fn acquire(&self, name: &FileName) -> BoxFuture<'_, Result<Box<dyn Held>, LockError>> {
        let lock = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default());
        Box::pin(async move {
            let held: Box<dyn Held> = Box::new(MemoryHeld(lock.lock_owned().await));
            Ok(held)
        })
    }
}

/// Held until dropped.
struct MemoryHeld(#[expect(dead_code, reason = "held for its drop")] OwnedMutexGuard<()>);
impl Held for MemoryHeld {}

fn ready<'a, T: super::MaybeSend + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}
