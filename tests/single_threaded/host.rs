//! A machine whose every part belongs to one thread.

use std::{cell::Cell, rc::Rc, sync::Arc};

use mainstay::{
    Secret,
    host::{
        BoxFuture, FileError, FileName, Files, Held, Host, Inbound, Lock, LockError, Outbound, SecretStore,
        SecretStoreError, Spawn, Transport, TransportError,
        memory::{MemoryFiles, MemoryLock, MemorySecretStore},
    },
    test_support::{SeededEntropy, VirtualClock},
};
use tokio::task::AbortHandle;

use crate::http1;

/// What is shared with every part, and holds each of them on this thread.
#[derive(Clone, Debug, Default)]
pub struct Machine(Rc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: Cell<u32>,
    files: Cell<u32>,
    secrets: Cell<u32>,
    locks: Cell<u32>,
    tasks: Cell<u32>,
    unplugged: Cell<bool>,
}

impl Machine {
    /// The machine with these disk and key store, and whoever can stop its tasks.
    pub fn host(
        &self,
        clock: VirtualClock,
        files: MemoryFiles,
        secrets: MemorySecretStore,
        lock: MemoryLock,
    ) -> (Host, Tasks) {
        let tasks = Tasks(Rc::default());
        let host = Host {
            transport: Arc::new(Here { inner: (), machine: self.clone() }),
            secrets: Arc::new(Here { inner: secrets, machine: self.clone() }),
            files: Arc::new(Here { inner: files, machine: self.clone() }),
            lock: Arc::new(Here { inner: lock, machine: self.clone() }),
            clock: Arc::new(clock),
            entropy: Arc::new(SeededEntropy::new(u64::from(self.0.tasks.get()))),
            spawn: Arc::new(Here { inner: tasks.clone(), machine: self.clone() }),
        };
        (host, tasks)
    }

    pub fn unplug(&self, unplugged: bool) {
        self.0.unplugged.set(unplugged);
    }

    pub fn every_part_was_used(&self) -> bool {
        let Counts { requests, files, secrets, locks, tasks, .. } = &*self.0;
        [requests, files, secrets, locks, tasks].iter().all(|count| count.get() > 0)
    }
}

struct Here<T> {
    inner: T,
    machine: Machine,
}

impl<T> Here<T> {
    /// Counts the call and gives the thread away once, with an `Rc` in hand.
    fn count<'a, O: 'a>(&self, count: fn(&Counts) -> &Cell<u32>, effect: BoxFuture<'a, O>) -> BoxFuture<'a, O> {
        let machine = self.machine.clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            let count = count(&machine.0);
            count.set(count.get() + 1);
            effect.await
        })
    }
}

impl Transport for Here<()> {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        if self.machine.0.unplugged.get() {
            return Box::pin(std::future::ready(Err(TransportError::Unreachable)));
        }
        self.count(|counts| &counts.requests, Box::pin(http1::send(outbound)))
    }

    fn can_open_fresh_connections(&self) -> bool {
        true
    }
}

impl SecretStore for Here<MemorySecretStore> {
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        self.count(|counts| &counts.secrets, self.inner.load(name))
    }

    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        self.count(|counts| &counts.secrets, self.inner.store(name, secret))
    }

    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        self.count(|counts| &counts.secrets, self.inner.remove(name))
    }

    fn describe(&self) -> &'static str {
        "one thread's"
    }
}

impl Files for Here<MemoryFiles> {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        self.count(|counts| &counts.files, self.inner.read(name, limit))
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.count(|counts| &counts.files, self.inner.create(name, content))
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.count(|counts| &counts.files, self.inner.overwrite(name, content))
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.count(|counts| &counts.files, self.inner.sync(name))
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.count(|counts| &counts.files, self.inner.rename(from, to))
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.count(|counts| &counts.files, self.inner.remove(name))
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        self.count(|counts| &counts.files, self.inner.sync_folder())
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        self.count(|counts| &counts.files, self.inner.list())
    }
}

impl Lock for Here<MemoryLock> {
    fn acquire(&self, name: &FileName) -> BoxFuture<'_, Result<Box<dyn Held>, LockError>> {
        let (machine, inner) = (self.machine.clone(), self.inner.acquire(name));
        let held = async move {
            let held: Box<dyn Held> = Box::new(HeldHere { _held: inner.await?, _machine: machine });
            Ok(held)
        };
        self.count(|counts| &counts.locks, Box::pin(held))
    }
}

struct HeldHere {
    _held: Box<dyn Held>,
    _machine: Machine,
}

impl Held for HeldHere {}

/// The tasks of one process.
#[derive(Clone)]
pub struct Tasks(Rc<Cell<Vec<AbortHandle>>>);

impl Tasks {
    /// The process dies.
    pub async fn kill(&self) {
        for task in self.0.take() {
            task.abort();
        }
        tokio::task::yield_now().await;
    }
}

impl Spawn for Here<Tasks> {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        let count = &self.machine.0.tasks;
        count.set(count.get() + 1);
        let mut tasks = self.inner.0.take();
        tasks.push(tokio::task::spawn_local(task).abort_handle());
        self.inner.0.set(tasks);
    }
}
