//! A host whose every effect is counted.

use std::sync::Arc;

use tokio::sync::watch;

use super::{
    Activity,
    activity::{Effect, Followed, InFlight},
};
use crate::{
    Secret,
    host::{
        BoxFuture, FileError, FileName, Files, Held, Host, Inbound, Lock, LockError, MachineId, MaybeSend, Outbound,
        SecretStore, SecretStoreError, Spawn, Transport, TransportError, Watch,
    },
};

/// Wraps the parts of a host so that an [`Activity`] knows what they are doing. The clock is not wrapped: waiting for
/// time to pass is what a quiet host does.
#[derive(Debug)]
pub struct TrackedHost;

impl TrackedHost {
    /// The same host, counted by `activity`.
    #[must_use]
    pub fn wrap(host: Host, activity: &Activity) -> Host {
        let activity = || activity.clone();
        Host {
            transport: Arc::new(Tracked { inner: host.transport, activity: activity() }),
            secrets: Arc::new(Tracked { inner: host.secrets, activity: activity() }),
            files: Arc::new(TrackedFiles::new(host.files, activity())),
            lock: Arc::new(Tracked { inner: host.lock, activity: activity() }),
            spawn: Arc::new(Tracked { inner: host.spawn, activity: activity() }),
            clock: host.clock,
            entropy: host.entropy,
        }
    }
}

struct Tracked<T: ?Sized> {
    activity: Activity,
    inner: Arc<T>,
}

impl<T: ?Sized> Tracked<T> {
    fn count<'a, O: MaybeSend + 'a>(&self, what: Effect, effect: BoxFuture<'a, O>) -> BoxFuture<'a, O> {
        let in_flight = self.activity.begin(what);
        Box::pin(async move {
            let _in_flight = in_flight;
            effect.await
        })
    }
}

impl Transport for Tracked<dyn Transport> {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        self.count(Effect::Request, self.inner.send(outbound))
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.inner.can_open_fresh_connections()
    }
}

impl SecretStore for Tracked<dyn SecretStore> {
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        self.count(Effect::Other, self.inner.load(name))
    }

    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        self.count(Effect::Other, self.inner.store(name, secret))
    }

    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        self.count(Effect::Other, self.inner.remove(name))
    }

    fn ask_again(&self) {
        self.inner.ask_again();
    }

    fn describe(&self) -> &'static str {
        self.inner.describe()
    }
}

/// Files, and a watch that works in virtual time: whoever shares the inner files and the count is told of a change as
/// soon as it was made. What the operating system says comes when it comes, which no test could wait for.
struct TrackedFiles {
    files: Tracked<dyn Files>,
    changes: watch::Sender<()>,
}

impl TrackedFiles {
    fn new(inner: Arc<dyn Files>, activity: Activity) -> Self {
        let changes = activity.changes_of(Arc::as_ptr(&inner).cast::<()>().addr());
        Self { files: Tracked { inner, activity }, changes }
    }

    fn change<'a>(&'a self, change: BoxFuture<'a, Result<(), FileError>>) -> BoxFuture<'a, Result<(), FileError>> {
        self.files.count(
            Effect::Other,
            Box::pin(async move {
                let changed = change.await;
                self.changes.send_replace(());
                changed
            }),
        )
    }
}

struct TrackedWatch(watch::Receiver<()>);

impl Watch for TrackedWatch {
    fn changed(&mut self) -> BoxFuture<'_, bool> {
        Box::pin(async move { self.0.changed().await.is_ok() })
    }
}

impl Files for TrackedFiles {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        self.files.count(Effect::Other, self.files.inner.read(name, limit))
    }

    fn read_each(&self, names: &[FileName], limit: usize) -> BoxFuture<'_, Vec<Result<Option<Vec<u8>>, FileError>>> {
        self.files.count(Effect::Other, self.files.inner.read_each(names, limit))
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.files.count(Effect::Other, self.files.inner.create(name, content))
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.files.count(Effect::Other, self.files.inner.overwrite(name, content))
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.files.count(Effect::Other, self.files.inner.sync(name))
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.change(self.files.inner.rename(from, to))
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.change(self.files.inner.remove(name))
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        self.files.count(Effect::Other, self.files.inner.sync_folder())
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        self.files.count(Effect::Other, self.files.inner.list())
    }

    fn watch(&self) -> BoxFuture<'_, Option<Box<dyn Watch>>> {
        let watch: Box<dyn Watch> = Box::new(TrackedWatch(self.changes.subscribe()));
        Box::pin(std::future::ready(Some(watch)))
    }

    fn machine(&self) -> BoxFuture<'_, Option<MachineId>> {
        self.files.count(Effect::Other, self.files.inner.machine())
    }
}

impl Lock for Tracked<dyn Lock> {
    fn acquire(&self, name: &FileName) -> BoxFuture<'_, Result<Box<dyn Held>, LockError>> {
        let acquired = self.count(Effect::LockWait(name.clone()), self.inner.acquire(name));
        let (activity, name) = (self.activity.clone(), name.clone());
        Box::pin(async move {
            let inner = acquired.await?;
            let held: Box<dyn Held> =
                Box::new(TrackedHeld { _inner: inner, _counted: activity.begin(Effect::LockHeld(name)) });
            Ok(held)
        })
    }
}

/// The lock is released first, then counted as free.
struct TrackedHeld {
    _inner: Box<dyn Held>,
    _counted: InFlight,
}
impl Held for TrackedHeld {}

impl Spawn for Tracked<dyn Spawn> {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        self.inner.spawn(name, Box::pin(Followed::new(&self.activity, task)));
    }

    fn runs_here(&self) -> bool {
        self.inner.runs_here()
    }
}
