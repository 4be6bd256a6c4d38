//! The device that a client process runs on: real HTTP and real files, virtual time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use mainstay::{
    host::{BoxFuture, Clock, ConnectionWish, Host, Inbound, Outbound, Spawn, Transport, TransportError},
    native::{FileLock, FolderFiles, Reqwest},
    test_support::{Activity, SeededEntropy, VirtualClock},
};

use super::key_file::KeyFile;
use crate::protocol::{Quiet, Start};

/// Largest answer that the app itself reads, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// One device. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Machine {
    pub(crate) host: Host,
    pub(crate) clock: VirtualClock,
    activity: Activity,
    network: Arc<AtomicBool>,
}

impl Machine {
    pub(crate) fn new(start: &Start, activity: Activity) -> std::io::Result<Self> {
        let clock = VirtualClock::new(Duration::from_millis(start.now_ms), Duration::from_millis(start.wall_ms));
        let network = Arc::new(AtomicBool::new(true));
        let host = Host {
            transport: Arc::new(Cable { network: Arc::clone(&network), inner: Reqwest::new()? }),
            secrets: Arc::new(KeyFile::in_folder(&start.vault_folder.join("keys"))?),
            files: Arc::new(FolderFiles::open(&start.vault_folder)?),
            lock: Arc::new(FileLock::open(&start.vault_folder)?),
            clock: Arc::new(clock.clone()),
            // Every process of a device draws other numbers, and the same ones in every run.
            entropy: Arc::new(SeededEntropy::new(start.seed ^ start.now_ms)),
            spawn: Arc::new(Tokio),
        };
        Ok(Self { host: activity.track(host), clock, activity, network })
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
        let outbound = Outbound { request, connection: ConnectionWish::Any, body_limit: BODY_LIMIT };
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
        self.activity.quiescent_but_for(usize::try_from(held).unwrap_or(usize::MAX)).await;
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

/// Tasks run on the client's one thread, so that their order is the same in every run.
struct Tokio;

impl Spawn for Tokio {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}

/// A network that can be pulled.
struct Cable<T> {
    network: Arc<AtomicBool>,
    inner: T,
}

impl<T: Transport> Transport for Cable<T> {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        if self.network.load(SeqCst) {
            self.inner.send(outbound)
        } else {
            Box::pin(async { Err(TransportError::Unreachable) })
        }
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.inner.can_open_fresh_connections()
    }
}
