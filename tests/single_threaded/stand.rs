//! An app on such a machine: a market stand with one thread, a server, and one clock for both.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use mainstay::{
    Client, Error, Probe, Profile, Session,
    driver::AccessToken,
    host::{
        Clock, Transport,
        memory::{MemoryFiles, MemoryLock, MemorySecretStore},
    },
    test_support::{Activity, ScriptedBrowser, VirtualClock},
};
use mainstay_mock_server::{Endpoint, MockServer, Observations};
use tokio::task::{JoinHandle, LocalSet};

use crate::host::{Machine, Tasks};

/// 20 November 2026, 18:00 UTC.
const EVENING_MS: u64 = 1_795_197_600_000;
/// How long the server's access tokens live.
pub const TOKEN_LIFE: Duration = Duration::from_secs(900);

/// Runs a test, its tasks and its server on this thread.
pub fn on_one_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

pub struct Stand {
    pub server: MockServer,
    pub machine: Machine,
    clock: VirtualClock,
    activity: Activity,
    disk: (MemoryFiles, MemorySecretStore, MemoryLock),
    client: Client,
    tasks: Tasks,
    /// The device's, counted.
    network: Arc<dyn Transport>,
}

impl Stand {
    pub async fn new() -> Self {
        let server = MockServer::builder().virtual_clock(EVENING_MS).generate_secret().start().await.unwrap();
        let (machine, activity) = (Machine::default(), Activity::new());
        let clock = VirtualClock::new(Duration::from_secs(1000), Duration::from_millis(EVENING_MS));
        let disk = (MemoryFiles::new(), MemorySecretStore::new(), MemoryLock::new());
        let (client, tasks, network) = build(&server, &machine, &clock, &activity, &disk).await;
        Self { server, machine, clock, activity, disk, client, tasks, network }
    }

    /// The process is killed, and the app starts again over the same vault.
    pub async fn restart(&mut self) -> Option<Session> {
        self.tasks.kill().await;
        let Self { server, machine, clock, activity, disk, .. } = &*self;
        (self.client, self.tasks, self.network) = build(server, machine, clock, activity, disk).await;
        self.settle().await;
        self.client.session()
    }

    pub async fn sign_in(&self, person: &str) -> Session {
        self.server.control().script_sign_in(person);
        let session = self.wait_for(self.client.sign_in(&ScriptedBrowser(Arc::clone(&self.network)))).await.unwrap();
        self.settle().await;
        session
    }

    /// Ada's access token has just expired, and the server withholds its answer.
    pub async fn with_an_expired_token(&self) -> Session {
        let session = self.sign_in("ada").await;
        session.network_changed(false);
        self.server.control().hold(Endpoint::Refresh);
        self.pass(TOKEN_LIFE).await;
        session
    }

    pub async fn sell(&self, session: &Session, key: &str) -> u16 {
        let url = self.server.url().join("/api/sales").unwrap();
        let sale = r#"{"items":[{"id":"espresso","quantity":1}],"total_cents":250}"#;
        let request = http::Request::post(url.as_str()).header("content-type", "application/json");
        let request = request.header("idempotency-key", key).body(Bytes::from_static(sale.as_bytes())).unwrap();
        self.wait_for(session.send(request)).await.unwrap().status().as_u16()
    }

    /// Asks for a token in a task of its own, which counts as under way.
    pub fn start_asking(&self, session: &Session) -> JoinHandle<Result<AccessToken, Error>> {
        let session = session.clone();
        let asking = self.activity.follow(async move { session.access_token().await });
        tokio::task::spawn_local(asking)
    }

    pub fn seen(&self) -> Observations {
        self.server.control().observations()
    }

    pub fn total(&self, endpoint: Endpoint) -> u64 {
        self.seen().requests_to(endpoint)
    }

    // ---- time --------------------------------------------------------------------------------------------------

    /// Until nothing is under way but requests that the server holds.
    pub async fn settle(&self) {
        loop {
            let (held, under_way) = (self.seen().held, self.activity.in_flight_http());
            let known = usize::try_from(held).unwrap();
            if known <= under_way && self.activity.is_quiescent_but_for(known) {
                return;
            }
            let control = self.server.control();
            tokio::select! {
                () = self.activity.quiescent_but_for(known), if known <= under_way => {}
                () = control.wait_until(|seen| seen.held != held) => {}
            }
        }
    }

    /// Time passes, on the device and on the server alike.
    pub async fn pass(&self, duration: Duration) {
        let until = self.clock.monotonic() + duration;
        loop {
            self.settle().await;
            let now = self.clock.monotonic();
            let next = self.clock.next_deadline().unwrap_or(until).min(until);
            self.advance(next.saturating_sub(now));
            self.settle().await;
            if next >= until {
                return;
            }
        }
    }

    fn advance(&self, by: Duration) {
        self.server.control().advance(by);
        self.clock.advance(by);
    }

    /// Lets time pass until a call of the app has its answer.
    pub async fn wait_for<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(self.activity.follow(call));
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                () = self.settle() => {
                    let next = self.clock.next_deadline().expect("a call that waits for ever");
                    self.advance(next - self.clock.monotonic());
                }
            }
        }
    }
}

async fn build(
    server: &MockServer,
    machine: &Machine,
    clock: &VirtualClock,
    activity: &Activity,
    (files, secrets, lock): &(MemoryFiles, MemorySecretStore, MemoryLock),
) -> (Client, Tasks, Arc<dyn Transport>) {
    let (host, tasks) = machine.host(clock.clone(), files.clone(), secrets.clone(), lock.clone());
    let host = activity.track(host);
    let network = Arc::clone(&host.transport);
    let profile = Profile {
        probe: Probe::WhoAmI(server.url().join("/api/me").unwrap().to_string()),
        protected_paths: vec!["/api/me".to_owned()],
        ..Profile::default()
    };
    let client = Client::builder(server.issuer(), "stand-app").scopes(["openid", "offline_access", "pos"]);
    let client = client.profile(profile).host(host).build().await.unwrap();
    (client, tasks, network)
}
