//! A till: an app with a client, a browser that signs in by script, a server, and one clock for both.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use mainstay::{
    Client, Error, Generation, Probe, Profile, Session, State,
    driver::CredentialProvider,
    host::{Clock, Files, Host, SecretStore, Transport},
    native,
    test_support::{Activity, SeededEntropy, VirtualClock},
};
use mainstay_mock_server::{Control, Endpoint, MockServer, MockServerBuilder};
use tempfile::TempDir;

use crate::{browser::ScriptedBrowser, process::Process, wire::Wire};

/// 20 November 2026, 18:00 UTC: a busy evening.
pub const EVENING_MS: u64 = 1_795_197_600_000;
/// How long the server's access tokens live unless a test says otherwise.
pub const TOKEN_LIFE: Duration = Duration::from_secs(900);
/// Old enough that a rejection is no rejection of a fresh token.
pub const A_WHILE: Duration = Duration::from_secs(180);

/// What the app keeps beside its credentials, in the same folder.
const APP_DATA: [(&str, &str); 4] = [
    ("sales.db", "four sales, two of them not sent yet"),
    ("settings.json", r#"{"printer":"kitchen"}"#),
    ("device-id", "till-7"),
    ("printer.pairing", "a pairing that took an hour"),
];

type Wrap = Box<dyn FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport> + Send>;

/// How a till is set up, before it is there.
pub struct Setup {
    server: MockServerBuilder,
    profile: Box<dyn FnOnce(&mut Profile) + Send>,
    files: Option<Arc<dyn Files>>,
    provider: Option<Arc<dyn CredentialProvider>>,
    network: Wrap,
    secrets: Option<Arc<dyn SecretStore>>,
    scopes: &'static [&'static str],
    wall_ms: u64,
}

impl Setup {
    pub fn new() -> Self {
        Self {
            server: MockServer::builder(),
            profile: Box::new(|_| {}),
            files: None,
            provider: None,
            network: Box::new(|network| network),
            secrets: None,
            scopes: &["openid", "offline_access", "pos"],
            wall_ms: EVENING_MS,
        }
    }

    pub fn server(mut self, change: impl FnOnce(MockServerBuilder) -> MockServerBuilder) -> Self {
        self.server = change(self.server);
        self
    }

    pub fn profile(mut self, change: impl FnOnce(&mut Profile) + Send + 'static) -> Self {
        self.profile = Box::new(change);
        self
    }

    pub fn disk(mut self, files: impl Files + 'static) -> Self {
        self.files = Some(Arc::new(files));
        self
    }

    /// Puts something between the SDK and the network.
    pub fn network<T: Transport + 'static>(
        mut self,
        wrap: impl FnOnce(Arc<dyn Transport>) -> T + Send + 'static,
    ) -> Self {
        self.network = Box::new(|network| Arc::new(wrap(network)));
        self
    }

    /// Keeps the vault's key somewhere else.
    pub fn key_store(mut self, secrets: impl SecretStore + 'static) -> Self {
        self.secrets = Some(Arc::new(secrets));
        self
    }

    /// Without OpenID Connect: no answer brings an ID token.
    pub fn without_id_tokens(mut self) -> Self {
        self.scopes = &["offline_access", "pos"];
        self
    }

    /// What the device's calendar clock says, whatever the server's says.
    pub fn device_clock(mut self, wall_ms: u64) -> Self {
        self.wall_ms = wall_ms;
        self
    }

    pub async fn till(self) -> Till {
        let server = self.server.virtual_clock(EVENING_MS).generate_secret().start().await.unwrap();
        let mut profile = Profile {
            probe: Probe::WhoAmI(server.url().join("/api/me").unwrap().to_string()),
            protected_paths: vec!["/api/me".to_owned(), "/api/catalogue".to_owned()],
            ..Profile::default()
        };
        (self.profile)(&mut profile);
        let clock = VirtualClock::new(Duration::from_secs(1000), Duration::from_millis(self.wall_ms));
        let mut parts = Parts::new(clock, Activity::new(), 7);
        parts.scopes = self.scopes;
        parts.machine.transport = (self.network)(parts.machine.transport);
        if let Some(files) = self.files {
            parts.machine.files = files;
        }
        if let Some(secrets) = self.secrets {
            parts.machine.secrets = secrets;
        }
        let till = Till::on(server.into(), profile, self.provider, parts).await;
        for (name, content) in APP_DATA {
            let name = mainstay::host::FileName::new(name).unwrap();
            till.machine.files.create(&name, content.as_bytes().to_vec()).await.unwrap();
        }
        till
    }

    /// A till where ada has signed in.
    pub async fn signed_in(self) -> (Till, Session) {
        let till = self.till().await;
        let session = till.sign_in("ada").await;
        (till, session)
    }
}

pub struct Till {
    pub server: Arc<MockServer>,
    pub clock: VirtualClock,
    pub activity: Activity,
    /// Holds the vault; removed with the till.
    _folder: TempDir,
    pub wire: Wire,
    pub profile: Profile,
    pub provider: Option<Arc<dyn CredentialProvider>>,
    pub process: Process,
    pub client: Client,
    /// The machine, uncounted.
    pub machine: Host,
    scopes: &'static [&'static str],
}

/// What a till is made of before there is a client.
struct Parts {
    clock: VirtualClock,
    activity: Activity,
    folder: TempDir,
    machine: Host,
    scopes: &'static [&'static str],
}

impl Parts {
    fn new(clock: VirtualClock, activity: Activity, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut machine = native::host(folder.path()).unwrap();
        machine.clock = Arc::new(clock.clone());
        machine.entropy = Arc::new(SeededEntropy::new(seed));
        Self { clock, activity, folder, machine, scopes: &["openid", "offline_access", "pos"] }
    }
}

/// Every file of the app, by its content's hash: what an incident must not touch.
pub type Keepsake = BTreeMap<String, u64>;

impl Till {
    /// A till with a fresh vault, before anybody signed in.
    pub async fn new() -> Self {
        Setup::new().till().await
    }

    /// A till where ada has signed in.
    pub async fn signed_in() -> (Self, Session) {
        Setup::new().signed_in().await
    }

    async fn on(
        server: Arc<MockServer>,
        profile: Profile,
        provider: Option<Arc<dyn CredentialProvider>>,
        parts: Parts,
    ) -> Self {
        let Parts { clock, activity, folder, mut machine, scopes } = parts;
        let wire = Wire::over(Arc::clone(&machine.transport));
        machine.transport = Arc::new(wire.clone());
        let process = Process::start();
        let client = build(&server, &profile, &provider, &activity, &machine, &process, scopes).await;
        Self { server, clock, activity, _folder: folder, wire, profile, provider, process, client, machine, scopes }
    }

    /// Another till beside this one, with its own dice, on the same server and in the same time.
    pub async fn neighbour(&self, seed: u64) -> Self {
        let parts = Parts::new(self.clock.clone(), self.activity.clone(), seed);
        Self::on(Arc::clone(&self.server), self.profile.clone(), None, parts).await
    }

    /// The process dies wherever it is.
    pub async fn kill(&self) {
        self.process.kill().await;
    }

    /// The process is killed, if it is not dead already, and the app starts again over the same vault.
    pub async fn restart(&mut self) -> Option<Session> {
        self.restart_unsettled().await;
        self.settle().await;
        self.client.session()
    }

    /// The same, before anything was read.
    pub async fn restart_unsettled(&mut self) {
        self.kill().await;
        self.process = Process::start();
        self.client = build(
            &self.server,
            &self.profile,
            &self.provider,
            &self.activity,
            &self.machine,
            &self.process,
            self.scopes,
        )
        .await;
    }

    /// A second process over the same vault.
    pub async fn second_process(&self) -> (Client, Process) {
        let process = Process::start();
        let client =
            build(&self.server, &self.profile, &self.provider, &self.activity, &self.machine, &process, self.scopes)
                .await;
        self.settle().await;
        (client, process)
    }

    pub fn control(&self) -> Control {
        self.server.control()
    }

    /// A browser whose requests count as under way, and not as the SDK's.
    pub fn browser(&self) -> ScriptedBrowser {
        let machine = Host { transport: network(), ..self.machine.clone() };
        ScriptedBrowser::over(self.activity.track(machine).transport)
    }

    pub async fn sign_in(&self, person: &str) -> Session {
        self.control().script_sign_in(person);
        let session = self.wait_for(self.client.sign_in(&self.browser())).await.unwrap();
        self.settle().await;
        session
    }

    pub async fn sign_in_again(&self, session: &Session, person: &str) -> Result<(), Error> {
        self.control().script_sign_in(person);
        let result = self.wait_for(session.sign_in_again(&self.browser())).await;
        self.settle().await;
        result
    }

    // ---- time --------------------------------------------------------------------------------------------------

    /// Until nothing is under way but requests that the server holds.
    pub async fn settle(&self) {
        loop {
            let held = self.control().observations().held;
            let under_way = self.activity.in_flight_http();
            let known = usize::try_from(held).unwrap();
            if known <= under_way && self.activity.is_quiescent_but_for(known) {
                return;
            }
            let control = self.control();
            tokio::select! {
                () = self.activity.quiescent_but_for(known), if known <= under_way => {}
                () = control.wait_until(|seen| seen.held != held) => {}
            }
        }
    }

    /// Time passes, on the device and on the server alike, stopping wherever the session has something to do.
    pub async fn pass(&self, duration: Duration) {
        let until = self.clock.monotonic() + duration;
        loop {
            self.settle().await;
            let now = self.clock.monotonic();
            let next = self.clock.next_deadline().unwrap_or(until).min(until);
            if next > now {
                self.advance(next - now);
            }
            self.settle().await;
            if next >= until {
                return;
            }
        }
    }

    fn advance(&self, by: Duration) {
        self.control().advance(by);
        self.clock.advance(by);
    }

    /// Lets time pass until a call of the app has its answer.
    pub async fn wait_for<T: Send>(&self, call: impl Future<Output = T> + Send) -> T {
        let mut call = pin!(self.activity.follow(call));
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                () = self.settle() => {
                    // Quiet, and the call still waits: only time can help it.
                    let now = self.clock.monotonic();
                    let next = self.clock.next_deadline().expect("a call that waits for ever");
                    self.advance(next - now);
                }
            }
        }
    }

    // ---- what the app does -------------------------------------------------------------------------------------

    pub fn request(&self, method: &str, path: &str) -> http::Request<Bytes> {
        let url = self.server.url().join(path).unwrap();
        http::Request::builder().method(method).uri(url.as_str()).body(Bytes::new()).unwrap()
    }

    pub fn sale(&self, key: Option<&str>) -> http::Request<Bytes> {
        let url = self.server.url().join("/api/sales").unwrap();
        let mut request = http::Request::post(url.as_str()).header("content-type", "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let sale = r#"{"items":[{"id":"espresso","quantity":1}],"total_cents":250}"#;
        request.body(Bytes::from_static(sale.as_bytes())).unwrap()
    }

    /// The app asks who it is, as it does all evening.
    pub async fn call(&self, session: &Session) -> Result<http::Response<Bytes>, Error> {
        self.wait_for(session.send(self.request("GET", "/api/me"))).await
    }

    /// The app can work: an answer of the server, and the state says so.
    pub async fn assert_sells(&self, session: &Session) {
        let answer = self.call(session).await;
        let status = answer.unwrap_or_else(|error| panic!("{error}: {:?}", codes(session))).status();
        assert_eq!(status, 200, "{:?}", codes(session));
        self.settle().await;
        assert!(is_signed_in(session), "{:?} {:?}", session.state(), codes(session));
    }

    // ---- what happened -----------------------------------------------------------------------------------------

    pub fn total(&self, endpoint: Endpoint) -> u64 {
        self.control().observations().requests_to(endpoint)
    }

    /// Requests to the token endpoint, with any grant.
    pub fn token_requests(&self) -> u64 {
        self.control().observations().token_requests()
    }

    /// When requests to `endpoint` arrived, in seconds since the evening began.
    pub fn times_of(&self, endpoint: Endpoint) -> Vec<u64> {
        let requests = self.control().requests();
        let of = requests.iter().filter(|request| request.endpoint == endpoint);
        of.map(|request| (request.at_ms - EVENING_MS) / 1000).collect()
    }

    pub fn prompts(&self) -> u64 {
        self.control().observations().prompts_in_all()
    }

    /// Everything that must survive: the credentials, and the files of the app.
    pub async fn keepsake(&self) -> Keepsake {
        let mut kept = self.app_data().await;
        kept.extend(self.credential_files().await);
        kept
    }

    /// Files that are no business of the vault.
    pub async fn app_data(&self) -> Keepsake {
        self.files(|name| APP_DATA.iter().any(|(ours, _)| *ours == name)).await
    }

    /// Sealed credentials and device keys, as they lie on the disk.
    pub async fn credential_files(&self) -> Keepsake {
        self.files(|name| name.ends_with(".current") || name.contains(".kept-") || name.ends_with(".device")).await
    }

    pub async fn files(&self, wanted: impl Fn(&str) -> bool) -> Keepsake {
        let mut found = Keepsake::new();
        for name in self.machine.files.list().await.unwrap() {
            if wanted(name.as_str())
                && let Some(content) = self.machine.files.read(&name, 1 << 20).await.unwrap()
            {
                let mut hash = DefaultHasher::new();
                content.hash(&mut hash);
                found.insert(name.as_str().to_owned(), hash.finish());
            }
        }
        found
    }
}

async fn build(
    server: &MockServer,
    profile: &Profile,
    provider: &Option<Arc<dyn CredentialProvider>>,
    activity: &Activity,
    machine: &Host,
    process: &Process,
    scopes: &[&str],
) -> Client {
    let host = activity.track(Host { spawn: Arc::new(process.clone()), ..machine.clone() });
    let host = Host { transport: process.way_into(host.transport), ..host };
    let client =
        Client::builder(server.issuer(), "till-app").scopes(scopes.iter().copied()).profile(profile.clone()).host(host);
    let client = match provider {
        Some(provider) => client.credential_provider(Arc::clone(provider)),
        None => client,
    };
    client.build().await.unwrap()
}

/// A way to servers that is not the SDK's.
pub fn network() -> Arc<dyn Transport> {
    Arc::new(native::Reqwest::new(tokio::runtime::Handle::current()).unwrap())
}

pub fn is_signed_in(session: &Session) -> bool {
    matches!(session.state().state, State::SignedIn { .. })
}

pub fn needs_a_person(session: &Session) -> bool {
    matches!(session.state().state, State::SignInRequired { .. })
}

pub fn generation(session: &Session) -> Generation {
    session.state().generation.unwrap()
}

pub fn codes(session: &Session) -> Vec<&'static str> {
    session.timeline().iter().map(|note| note.code.as_str()).collect()
}

/// How often something was noted.
pub fn noted(session: &Session, code: &str) -> usize {
    codes(session).iter().filter(|noted| **noted == code).count()
}

/// How often the app was told to show its sign-in prompt.
pub fn prompts_raised(session: &Session) -> usize {
    codes(session).iter().filter(|code| code.starts_with("reason.")).count()
}
