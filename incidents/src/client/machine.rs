//! The device that a client process runs on: real HTTP and real files, virtual time.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use mainstay::{
    host::{
        BoxFuture, Clock, ConnectionWish, Host, Inbound, Lane, Outbound, Transport, TransportError, memory::MemoryLock,
    },
    native::{FileSecretStore, FolderFiles, NativeError, Reqwest, TokioSpawn},
    test_support::{Activity, SeededEntropy, VirtualClock},
};

use tokio::{runtime::Handle, task::JoinHandle};

use super::{one_by_one::OneByOne, serve::Out, turnstile::Turnstile};
use crate::{
    protocol::{Failure, Quiet, Start},
    witness,
};

/// Largest answer that the app itself reads, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// One device. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) host: Host,
    pub(crate) clock: VirtualClock,
    activity: Activity,
    network: Arc<AtomicBool>,
    turnstile: Turnstile,
    /// Keeps the SDK's own threads.
    _elsewhere: TokioSpawn,
}

impl Machine {
    /// A device as `start` describes it.
    pub(crate) fn new(start: &Start, activity: Activity, out: &Out) -> Result<Self, Failure> {
        witness::of_process().map_err(|error| Failure::new("internal", error.to_string()))?;
        Self::open(start, activity, out).map_err(|error| Failure::new("internal", error.to_string()))
    }

    fn open(start: &Start, activity: Activity, out: &Out) -> Result<Self, NativeError> {
        let clock = VirtualClock::new(Duration::from_millis(start.now_ms), Duration::from_millis(start.wall_ms));
        let network = Arc::new(AtomicBool::new(start.network));
        let turnstile = Turnstile::new();
        // What blocks runs on the SDK's own threads, everything else on this one.
        let elsewhere = TokioSpawn::shared()?;
        let folder = |path: PathBuf| Arc::new(OneByOne(FolderFiles::new(path, elsewhere.handle().clone())));
        let host = Host {
            transport: Arc::new(Cable {
                network: Arc::clone(&network),
                inner: Arc::new(Reqwest::new(elsewhere.handle().clone())?),
                activity: activity.clone(),
                turnstile: turnstile.clone(),
                out: out.clone(),
            }),
            // An operating system's keyring is nobody's to use in a test.
            secrets: Arc::new(FileSecretStore::unprotected(folder(start.vault_folder.join("keys")))),
            files: folder(start.vault_folder.clone()),
            // One process, and no thread whose turn comes when it likes.
            lock: Arc::new(MemoryLock::new()),
            clock: Arc::new(clock.clone()),
            entropy: witness::of_dice(Arc::new(SeededEntropy::new(start.seed))),
            spawn: Arc::new(TokioSpawn::on(Handle::current())),
        };
        Ok(Self { host: activity.track(host), clock, activity, network, turnstile, _elsewhere: elsewhere })
    }

    /// Runs a task of the app's, which counts as moving whenever it could go on.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(self.activity.follow(task));
    }

    /// Plugs the network in, or pulls it.
    pub(crate) fn set_network(&self, on: bool) {
        self.network.store(on, SeqCst);
    }

    /// Sends a request of the app's or the browser's own.
    pub(crate) async fn send(
        &self,
        request: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, TransportError> {
        let outbound = Outbound { request, connection: ConnectionWish::Any, lane: Lane::App, body_limit: BODY_LIMIT };
        Ok(self.host.transport.send(outbound).await?.response)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        millis(self.clock.monotonic())
    }

    pub(crate) fn advance(&self, to_ms: u64) {
        self.clock.advance_to(Duration::from_millis(to_ms));
    }

    /// Sets the calendar off.
    pub(crate) fn shift_calendar(&self, shift_ms: i64) {
        let wall = millis(self.clock.wall()).saturating_add_signed(shift_ms);
        self.clock.set_wall(Duration::from_millis(wall));
    }

    /// Waits until nothing moves, `held` requests apart.
    pub(crate) async fn quiet(&self, held: u32) -> Quiet {
        let held = usize::try_from(held).unwrap_or(usize::MAX);
        self.turnstile.open(held);
        self.activity.quiescent_but_for(held).await;
        // Until the next `settle`: what the director orders before it happens at one moment, however long it takes.
        self.turnstile.close();
        Quiet {
            quiet: true,
            in_flight: u32::try_from(self.activity.in_flight_http()).unwrap_or(u32::MAX),
            next_deadline_ms: self.clock.next_deadline().map(millis),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A network that can be pulled. Requests pass one after the other, and an answer is handed over when nothing else moves,
/// so that its place among the client's own doings does not depend on how fast it was.
struct Cable {
    network: Arc<AtomicBool>,
    inner: Arc<dyn Transport>,
    activity: Activity,
    turnstile: Turnstile,
    out: Out,
}

impl Transport for Cable {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        if !self.network.load(SeqCst) {
            return Box::pin(async { Err(TransportError::Unreachable) });
        }
        let (inner, activity, out) = (Arc::clone(&self.inner), self.activity.clone(), self.out.clone());
        // In a task of its own, which does not count: one that counts would wait for itself.
        let place = self.turnstile.enter();
        let exchange = AbortOnDrop(tokio::spawn(async move {
            let answer = place.pass(&activity, inner.send(outbound)).await;
            out.answered();
            answer
        }));
        Box::pin(exchange.wait())
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.inner.can_open_fresh_connections()
    }
}

/// Gives a request up when nobody waits for it any more.
struct AbortOnDrop(JoinHandle<Result<Inbound, TransportError>>);

impl AbortOnDrop {
    async fn wait(mut self) -> Result<Inbound, TransportError> {
        (&mut self.0).await.unwrap_or(Err(TransportError::Broken))
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
