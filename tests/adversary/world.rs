//! A device with its people, its processes and its disk, on which a history is played in virtual time.

mod people;
mod seen;

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use mainstay::{
    Client, Error, IdentityEcho, Probe, Profile, RefreshIdentity, Session, State,
    driver::{AccessToken, Browser as BrowserTrait, BrowserError, CredentialProvider, ImportedTokens, ProviderError},
    host::{BoxFuture, Clock, Host, SecretStoreError, memory::MemoryLock},
    oauth::{RejectionRule, RuleMeaning},
    test_support::{Activity, FaultyFiles, SeededEntropy, Survivors, VirtualClock},
};
use url::Url;

use crate::{
    answers::{API, CLIENT, ISSUER, STRANGER},
    book::{Book, Broken, Promise},
    disk::Seen,
    ears::{self, Ears, Overheard},
    evidence::Coverage,
    history::{Action, Asks, Browser, Device, History, KeyStore, Person, Upheaval},
    machine::{Between, Keys},
    process::Process,
    server::Adversary,
};

/// The people of the device.
pub const PEOPLE: [&str; 2] = ["ada", "bob"];
/// A call of the app ends within this, whatever happens: three waits for a token, two requests.
const LONGEST_CALL: u64 = 3 * 60_000;

/// How long credentials are kept for a person, in seconds.
const MONTH: u64 = 30 * 24 * 3600;

const SECOND: Duration = Duration::from_secs(1);

pub struct World {
    pub history: Arc<History>,
    pub between: Between,
    pub clock: VirtualClock,
    pub activity: Activity,
    pub files: FaultyFiles,
    keys: Keys,
    lock: MemoryLock,
    pub server: Adversary,
    pub book: Arc<Mutex<Book>>,
    overheard: Overheard,
    pub running: Vec<Running>,
    started: u32,
    seen: Seen,
    /// People who signed in and did not sign out.
    pub signed_in: Vec<String>,
    pub calls: Arc<Mutex<Vec<(u64, bool)>>>,
    /// The calendar clock was turned: how long ago something was is not known across a restart.
    clock_lied: bool,
    /// The device was off for longer than credentials are kept for a person: they may be gone as soon as one is needed.
    long_gap: bool,
    /// What the app got long ago and still has in its hands.
    pub old_token: Arc<Mutex<Option<AccessToken>>>,
    /// Since when a session wants a person, for the limit of thirty days.
    wanting: Arc<Mutex<Vec<(String, u64)>>>,
}

/// One process of the app.
pub struct Running {
    pub number: u32,
    pub process: Process,
    pub client: Client,
    pub host: Host,
    watched: usize,
    pins: Vec<Option<String>>,
}

impl World {
    /// Plays a history to its end, lets everything be repaired, and sees whether everybody can work again.
    pub fn play(history: &History, between: Between) -> (Coverage, Result<(), Broken>) {
        let (coverage, played, _) = Self::play_and_tell(history, between, false);
        (coverage, played)
    }

    /// The same, with everything that happened in words.
    pub fn play_and_tell(
        history: &History,
        between: Between,
        story: bool,
    ) -> (Coverage, Result<(), Broken>, Vec<String>) {
        let overheard = Overheard::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        tracing::subscriber::with_default(Ears(Arc::clone(&overheard)), || {
            runtime.block_on(async {
                let mut world = Self::new(history, between, overheard, story);
                world.act_out().await;
                let mut book = world.book();
                book.coverage.seconds = world.clock.monotonic().as_secs();
                let (coverage, broken) = (book.coverage.clone(), book.broken.take());
                let story = book.story.take().unwrap_or_default();
                (coverage, broken.map_or(Ok(()), Err), story)
            })
        })
    }

    fn new(history: &History, between: Between, overheard: Overheard, story: bool) -> Self {
        // 20 November 2026, 18:00 UTC.
        let clock = VirtualClock::new(Duration::from_secs(100_000), Duration::from_secs(1_795_197_600));
        let book = Arc::new(Mutex::new(Book::new(history.deployment, story)));
        let server = Adversary::new(clock.clone(), Arc::clone(&book), history.deployment);
        Self {
            history: Arc::new(history.clone()),
            between,
            clock,
            activity: Activity::new(),
            files: FaultyFiles::new(),
            keys: Keys::default(),
            lock: MemoryLock::new(),
            server,
            book,
            overheard,
            running: Vec::new(),
            started: 0,
            seen: Seen::default(),
            signed_in: Vec::new(),
            calls: Arc::default(),
            clock_lied: false,
            long_gap: false,
            old_token: Arc::default(),
            wanting: Arc::default(),
        }
    }

    async fn act_out(&mut self) {
        self.start_process().await;
        self.sign_in(PEOPLE[0], true, Browser::Right).await;
        if self.is_over() {
            return;
        }
        self.pass(150).await;
        let history = Arc::clone(&self.history);
        for action in &history.actions {
            let now = self.now();
            self.book().tell(format!("{now} ---- {action:?}"));
            self.act(action).await;
            self.observe().await;
            if self.is_over() {
                return;
            }
        }
        self.finish().await;
    }

    async fn act(&mut self, action: &Action) {
        match *action {
            Action::Wait(seconds) => self.pass(seconds).await,
            Action::Answer { .. } => self.server.set_mood(action),
            Action::Recovers => drop(self.server.recover()),
            Action::Server(what) => self.server.upheaval(what),
            Action::App { who, call, gives_up } => self.app_calls(PEOPLE[usize::from(who)], call, gives_up).await,
            Action::Person { who, act } => self.person(PEOPLE[usize::from(who)], act).await,
            Action::Device(device) => self.device(device).await,
        }
    }

    // ---- bookkeeping -------------------------------------------------------------------------------------------

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap()
    }

    pub fn now(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap()
    }

    pub fn is_over(&self) -> bool {
        self.book().broken.is_some()
    }

    pub fn broken(&self, promise: Promise, how: impl Into<String>) {
        self.book().break_promise(promise, how);
    }

    pub async fn pass(&self, seconds: u64) {
        let until = self.clock.monotonic() + Duration::from_secs(seconds);
        self.activity.run_until(&self.clock, until).await;
    }

    pub async fn settle(&self) {
        self.activity.quiescent().await;
    }

    /// Lets time pass until a call has its answer; `None` if that takes more than ten minutes.
    pub async fn wait_for<T: Send>(&self, call: impl Future<Output = T> + Send, minutes: u64) -> Option<T> {
        let deadline = self.clock.monotonic() + Duration::from_secs(60 * minutes);
        let mut call = pin!(self.activity.follow(call));
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return Some(answer),
                () = self.activity.quiescent() => {
                    let now = self.clock.monotonic();
                    let next = self.clock.next_deadline().unwrap_or(deadline);
                    if now >= deadline {
                        return None;
                    }
                    self.clock.advance_to(next.min(deadline).max(now));
                }
            }
        }
    }

    // ---- processes ---------------------------------------------------------------------------------------------

    pub async fn start_process(&mut self) {
        let number = self.started;
        self.started += 1;
        let now = self.now();
        self.book().started(now);
        let process = Process::start();
        let Between { files, secrets, network, clock, lock, .. } = self.between;
        let machine = Host {
            transport: self.server.seen_by(number),
            secrets: secrets(self.keys.clone()),
            files: files(self.files.clone()),
            lock: lock(self.lock.clone()),
            clock: clock(self.clock.clone()),
            entropy: Arc::new(SeededEntropy::new(u64::from(number) + 7)),
            spawn: Arc::new(process.clone()),
        };
        let mut host = self.activity.track(machine);
        // An answer that takes its time waits on the clock: nothing is under way meanwhile.
        host.transport = network(self.server.seen_by(number));
        let built = self.wait_for(self.builder(host.clone()).build(), 10).await;
        let client = match built {
            Some(Ok(client)) => client,
            other => return self.broken(Promise::P1, format!("the app cannot start: {:?}", other.map(|it| it.err()))),
        };
        self.running.push(Running { number, process, client, host, watched: 0, pins: Vec::new() });
        self.watch_sessions();
        self.settle().await;
    }

    fn builder(&self, host: Host) -> mainstay::driver::ClientBuilder {
        let deployment = self.history.deployment;
        let rule = |name: &str, status, path: &str, text: &str| RejectionRule::new(name, status, path, text).unwrap();
        let profile = Profile {
            probe: match deployment.asks {
                Asks::Nobody => Probe::None,
                Asks::Userinfo => Probe::Userinfo,
                Asks::WhoAmI => Probe::WhoAmI(format!("{API}/api/me")),
                Asks::Protected => Probe::Protected(format!("{API}/api/catalogue")),
            },
            protected_paths: vec!["/api/me".to_owned(), "/api/catalogue".to_owned()],
            rejection_rules: vec![
                rule("old", 400, "/api/*", "Token invalid"),
                rule("ended", 401, "/api/*", "session revoked").meaning(RuleMeaning::SessionRevoked),
            ],
            refresh_identity: if deployment.inherits { RefreshIdentity::Inherited } else { RefreshIdentity::Ask },
            identity_echo: deployment.echoes.then(|| IdentityEcho::Header(crate::answers::ECHO.to_owned())),
            resource_origins: [API.to_owned()].into(),
            ..Profile::default()
        };
        let builder = Client::builder(ISSUER, CLIENT).profile(profile).host(host);
        if deployment.provider {
            builder.credential_provider(Arc::new(people::Provider(self.server.clone())))
        } else {
            builder
        }
    }

    async fn kill(&mut self, at: usize) {
        let running = self.running.remove(at);
        self.book().dies(running.number);
        running.process.kill().await;
        if running.process.has_panicked().await {
            self.broken(Promise::P12, "a task has panicked: nothing plans a way out any more");
        }
        self.book().ended(running.number);
        drop(running);
        self.settle().await;
    }

    async fn device(&mut self, device: Device) {
        match device {
            Device::Network(up) => {
                self.server.set_network(up);
                for running in &self.running {
                    running.client.sessions().iter().for_each(|session| session.network_changed(up));
                }
            }
            Device::DiskFull(full) => self.files.set_full(full),
            Device::KeyStore(how) => self.keys.set(match how {
                KeyStore::Open => None,
                KeyStore::Locked => Some(SecretStoreError::Locked),
                KeyStore::Unavailable => Some(SecretStoreError::Unavailable),
                KeyStore::Slow => Some(SecretStoreError::Timeout),
            }),
            Device::Clock(by) => {
                self.clock_lied = true;
                let wall = self.clock.wall().as_secs().saturating_add_signed(by);
                self.clock.set_wall(Duration::from_secs(wall));
            }
            Device::Killed { gap } => {
                self.long_gap |= gap >= MONTH;
                if self.running.is_empty() {
                    return;
                }
                self.kill(0).await;
                self.clock.advance(Duration::from_secs(gap));
                self.start_process().await;
                // The first is the one that people use.
                if let Some(latest) = self.running.pop() {
                    self.running.insert(0, latest);
                }
            }
            Device::Power { changes, torn, within, survivors, gap } => {
                self.long_gap |= gap >= MONTH;
                if torn {
                    self.files.tear_after(usize::from(changes));
                } else {
                    self.files.cut_after(usize::from(changes));
                }
                self.pass(within).await;
                while !self.running.is_empty() {
                    self.kill(0).await;
                }
                self.files = self.files.reopen(survivors);
                self.clock.advance(Duration::from_secs(gap));
                self.clock.reboot(self.clock.monotonic());
                self.book().rebooted();
                self.start_process().await;
            }
            Device::SecondProcess(comes) => {
                let two = self.running.len() > 1;
                let now = self.now();
                if two {
                    self.book().two_processes(now);
                }
                match (comes, two) {
                    (true, false) => {
                        self.start_process().await;
                        self.book().two_processes(u64::MAX / 2);
                    }
                    (false, true) => self.kill(1).await,
                    _ => {}
                }
            }
        }
    }

    // ---- the end -----------------------------------------------------------------------------------------------

    /// Everything is repaired. What can go on by itself does so in time (P12); then everybody signs in who has to, and
    /// can work, without anything having been cleared (P1, P13), also after a restart.
    async fn finish(&mut self) {
        drop(self.server.recover());
        self.server.set_network(true);
        self.server.upheaval(Upheaval::Restored);
        self.files.set_full(false);
        self.keys.set(None);
        while self.running.len() > 1 {
            self.kill(1).await;
        }
        let now = self.now();
        self.book().tell(format!("{now} ---- everything is repaired"));
        for session in self.sessions() {
            session.network_changed(true);
        }
        // A server may ask for a first attempt within 24 hours, stretched by a fifth (DESIGN.md section 6).
        let hours = if self.book().spread_was_asked_for { 4 + 29 } else { 4 };
        self.pass(hours * 3600).await;
        self.observe().await;
        for session in self.sessions() {
            let state = session.state().state;
            let rests = matches!(
                state,
                State::SignedIn { .. }
                    | State::SignedOut { .. }
                    | State::SignInRequired { .. }
                    | State::Quarantined { .. }
            );
            if !rests {
                self.broken(Promise::P12, format!("{hours} hours after the repair it is {state:?}"));
            }
        }
        for person in self.signed_in.clone() {
            let Some(session) = self.session_of(&person) else { continue };
            if !matches!(session.state().state, State::SignedIn { .. }) {
                self.sign_in(&person, true, Browser::Right).await;
                self.pass(60).await;
            }
            if self.is_over() {
                return;
            }
        }
        self.everybody_works().await;
        if !self.is_over() {
            self.kill(0).await;
            self.start_process().await;
            self.pass(60).await;
            self.everybody_works().await;
            self.observe().await;
        }
    }

    async fn everybody_works(&mut self) {
        for person in self.signed_in.clone() {
            let Some(session) = self.session_of(&person) else { continue };
            let request = http::Request::get(format!("{API}/api/catalogue")).body(bytes::Bytes::new()).unwrap();
            let answer = self.wait_for(session.send(request), 5).await;
            let status = answer.as_ref().map(|answer| answer.as_ref().map(|answer| answer.status().as_u16()));
            self.settle().await;
            let state = session.state().state;
            if !matches!(status, Some(Ok(200))) || !matches!(state, State::SignedIn { .. }) {
                let how = format!("everything is repaired, and {person} cannot work: {status:?} in {state:?}");
                self.broken(Promise::P1, how);
            }
        }
    }
}
