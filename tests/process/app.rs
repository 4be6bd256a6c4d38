//! An app in a process of its own: told what to do by lines on standard input, answering by lines that begin with `@`.
//!
//! Time is virtual unless asked otherwise: it passes only when the app has nothing under way, or is told to.

use std::{
    fs::File,
    io::{BufRead, Write},
    path::PathBuf,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use mainstay::{
    Client, Credentials, Generation, Identity, Probe, Profile, Secret, Session,
    host::{BoxFuture, FileError, FileName, Files, Held, Host, Lock, LockError, MachineId, SecretStore, Watch},
    native::{self, FileSecretStore, FolderFiles, TokioSpawn},
    test_support::{Activity, ScriptedBrowser, VirtualClock},
    vault::{AccountKey, Epoch, Outcome, Vault},
};
use serde::{Deserialize, Serialize};
use url::Url;

/// Holds the [`Setup`] of the copy of this program that is an app.
pub const SETUP: &str = "MAINSTAY_TEST_APP";
/// Longer than an access token lives.
const A_LIFE: Duration = Duration::from_secs(901);

/// What the app is made of.
#[derive(Clone, Serialize, Deserialize)]
pub struct Setup {
    pub issuer: String,
    pub folder: PathBuf,
    /// Where the vault's key is a plain file; `None`: the keyring.
    pub keys: Option<PathBuf>,
    /// The monotonic clock's start in seconds; `None`: the machine's own clocks.
    pub virtual_time: Option<u64>,
    /// The negative control: every process believes that it has every lock.
    pub without_locks: bool,
    /// The operating system does not tell when the folder changes.
    pub without_watch: bool,
    /// The negative control: it says that it will tell, and never does.
    pub deaf_watch: bool,
    pub enroll_device_key: bool,
    /// How long the app waits for the keyring, in seconds.
    pub keyring_patience: u64,
}

struct App {
    setup: Setup,
    activity: Activity,
    clock: Option<VirtualClock>,
    host: Host,
    client: Option<Client>,
    held: Option<Box<dyn Held>>,
    /// A lock that a forked child shares: what the SDK must not have.
    shared: Option<File>,
    /// A copy of a token that nobody wipes: what the SDK must not have.
    planted: String,
}

/// Does nothing in an ordinary run.
#[test]
fn as_an_app() {
    let Ok(setup) = std::env::var(SETUP) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut app = App::new(serde_json::from_str(&setup).unwrap(), runtime.handle());
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (command, argument) = line.split_once(' ').unwrap_or((&line, ""));
        if command == "fork" {
            app.fork();
            continue;
        }
        let answer = runtime.block_on(app.obey(command, argument));
        say(&answer);
    }
    runtime.shutdown_background();
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n@ {text}\n").as_bytes()).and_then(|()| out.flush()).unwrap();
}

impl App {
    fn new(setup: Setup, handle: &tokio::runtime::Handle) -> Self {
        let spawn = Arc::new(TokioSpawn::on(handle.clone()));
        let secrets: Arc<dyn SecretStore> = match &setup.keys {
            Some(keys) => Arc::new(FileSecretStore::unprotected(Arc::new(FolderFiles::new(keys, handle.clone())))),
            None => keyring(&setup, handle),
        };
        let mut host = native::host_with(&spawn, &setup.folder, secrets).unwrap();
        if setup.without_locks {
            host.lock = Arc::new(NoLock);
        }
        if setup.without_watch {
            host.files = Arc::new(Unwatched { files: host.files, deaf: false });
        }
        if setup.deaf_watch {
            host.files = Arc::new(Unwatched { files: host.files, deaf: true });
        }
        let clock = setup
            .virtual_time
            .map(|start| VirtualClock::new(Duration::from_secs(start), Duration::from_secs(1_795_197_600 + start)));
        let activity = Activity::new();
        if let Some(clock) = &clock {
            host.clock = Arc::new(clock.clone());
            host = activity.track(host);
        }
        Self { setup, activity, clock, host, client: None, held: None, shared: None, planted: String::new() }
    }

    /// Forks. The child drops its copy of the lock, says what a call of its session comes to, and stays.
    #[expect(unsafe_code, reason = "a real fork")]
    fn fork(&mut self) {
        // SAFETY: the child only does what the tests want to know whether it can.
        if unsafe { libc::fork() } != 0 {
            return;
        }
        drop(self.held.take());
        let session = self.client.as_ref().and_then(Client::session);
        let answer = session.map(|session| {
            let mut call = Box::pin(session.access_token());
            match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => token(answer),
                Poll::Pending => "waits for ever".to_owned(),
            }
        });
        say(&format!("{} {}", std::process::id(), answer.as_deref().unwrap_or("nobody")));
        loop {
            // SAFETY: waits for a signal.
            unsafe { libc::pause() };
        }
    }

    async fn obey(&mut self, command: &str, argument: &str) -> String {
        match command {
            "start" => self.start().await,
            "key-store" => self.client().key_store().to_owned(),
            "state" => self.state().await,
            "until" => self.until(argument).await,
            "sign-in" => {
                let browser = ScriptedBrowser(Arc::clone(&self.host.transport));
                let session = self.wait_for(self.client().sign_in(&browser)).await;
                session.map_or_else(|error| format!("error {error}"), |_| "ok".to_owned())
            }
            "enroll" => done(self.wait_for(self.session().enroll_device_key()).await),
            "sign-out" => done(self.wait_for(self.session().sign_out()).await),
            "token" => token(self.wait_for(self.session().access_token()).await),
            "call" => self.call().await,
            "advance" => {
                let by = Duration::from_secs(argument.parse().unwrap());
                self.clock.as_ref().unwrap().advance(by);
                "ok".to_owned()
            }
            "refresh" => self.refresh().await,
            "until-held-up" => self.ticking(self.until("holding")).await,
            "until-token" => {
                self.ticking(self.until("signed_in")).await;
                token(self.wait_for(self.session().access_token()).await)
            }
            "refresh-for-ever" => loop {
                let generation = self.refresh().await;
                say(&generation);
            },
            "store" => {
                let (name, size) = argument.split_once(' ').unwrap();
                store(&self.vault(), name, size.parse().unwrap()).await
            }
            "stored" => match self.vault().load(AccountKey::from_name(argument)).await {
                Outcome::Value(stored) => stored.credentials.refresh_token.unwrap().expose().len().to_string(),
                outcome => format!("error {outcome:?}"),
            },
            "plant" => {
                let token = self.wait_for(self.session().access_token()).await.unwrap();
                self.planted = format!("{} planted", token.expose());
                "ok".to_owned()
            }
            "hold" => {
                self.held = Some(self.host.lock.acquire(&FileName::new(argument).unwrap()).await.unwrap());
                "ok".to_owned()
            }
            "share" => {
                let file = File::create(self.setup.folder.join(argument)).unwrap();
                file.lock().unwrap();
                self.shared = Some(file);
                "ok".to_owned()
            }
            "threads" => threads(argument).to_string(),
            "ping" => "pong".to_owned(),
            unknown => panic!("no such command: {unknown}"),
        }
    }

    fn client(&self) -> &Client {
        self.client.as_ref().unwrap()
    }

    fn vault(&self) -> Vault {
        Vault::new((&self.host).into())
    }

    fn session(&self) -> Session {
        self.client().session().unwrap()
    }

    async fn start(&mut self) -> String {
        let profile = Profile {
            probe: Probe::WhoAmI(Url::parse(&self.setup.issuer).unwrap().join("/api/me").unwrap().to_string()),
            protected_paths: vec!["/api/me".to_owned()],
            enroll_device_key: self.setup.enroll_device_key,
            ..Profile::default()
        };
        let client = Client::builder(&self.setup.issuer, "till-app")
            .scopes(["openid", "offline_access", "pos"])
            .profile(profile)
            .host(self.host.clone());
        match client.build().await {
            Ok(client) => {
                self.client = Some(client);
                "ok".to_owned()
            }
            Err(error) => format!("error {error}"),
        }
    }

    /// The state once the vault was read, and everything that follows from it was done.
    async fn state(&self) -> String {
        let Some(session) = self.client().session() else { return "nobody".to_owned() };
        self.ticking(read(&session)).await;
        if self.clock.is_some() {
            self.activity.quiescent().await;
        }
        let state = session.state();
        format!("{} {}", state.state.name(), state.generation.map_or(0, |generation| generation.number()))
    }

    /// Waits for a state, and says when it came, in milliseconds since 1970.
    async fn until(&self, name: &str) -> String {
        let session = self.session();
        let mut states = session.states();
        while let Some(state) = states.next().await {
            let generation = state.generation.map_or(0, |generation| generation.number());
            if state.state.name() == name || name == format!("generation-{generation}") {
                return SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().to_string();
            }
        }
        "error the session is gone".to_owned()
    }

    async fn call(&self) -> String {
        let url = Url::parse(&self.setup.issuer).unwrap().join("/api/me").unwrap();
        let request = http::Request::get(url.as_str()).body(Bytes::new()).unwrap();
        match self.wait_for(self.session().send(request)).await {
            Ok(answer) => answer.status().as_u16().to_string(),
            Err(error) => format!("error {error}"),
        }
    }

    /// The access token's life passes, and the app wants one.
    async fn refresh(&self) -> String {
        self.clock.as_ref().unwrap().advance(A_LIFE);
        token(self.wait_for(self.session().access_token()).await)
    }

    /// Time passes, fast, whatever is under way: a lock in another process may be waited for all along.
    async fn ticking<T>(&self, call: impl Future<Output = T>) -> T {
        let Some(clock) = &self.clock else { return call.await };
        let mut call = pin!(call);
        loop {
            tokio::select! {
                answer = &mut call => return answer,
                () = tokio::time::sleep(Duration::from_millis(20)) => clock.advance(Duration::from_secs(1)),
            }
        }
    }

    /// Lets virtual time pass until a call has its answer.
    async fn wait_for<T>(&self, call: impl Future<Output = T> + Send) -> T {
        let Some(clock) = &self.clock else { return call.await };
        let mut call = pin!(self.activity.follow(call));
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                () = self.activity.quiescent() => {
                    clock.advance_to(clock.next_deadline().expect("a call that waits for ever"));
                }
            }
        }
    }
}

/// Waits until the vault was read; one that cannot be is read three times, with pauses.
async fn read(session: &Session) {
    let mut states = session.states();
    while states.next().await.is_some_and(|state| state.state.name() == "starting") {}
}

/// Stores a refresh token of that many bytes as the first generation of an account.
async fn store(vault: &Vault, account: &str, size: usize) -> String {
    let identity = Identity { issuer: "https://login.example".to_owned(), subject: None, tenant: Vec::new() };
    let refresh_token = Some(Secret::from_text(&"x".repeat(size)));
    let credentials = Credentials {
        generation: Generation::FIRST,
        identity,
        access_tokens: Vec::new(),
        refresh_token,
        dpop_key: None,
    };
    let stored = vault.first_save(AccountKey::from_name(account), &credentials, Epoch::default()).await;
    stored.map_or_else(|error| format!("error {error}"), |_first| "ok".to_owned())
}

/// How many threads of this process have such a name.
fn threads(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|found| found.contains(name)).count()
}

fn token(token: Result<mainstay::driver::AccessToken, mainstay::Error>) -> String {
    match token {
        Ok(token) => format!("generation {}", token.generation().number()),
        Err(error) => format!("error {error}"),
    }
}

fn done(result: Result<(), mainstay::Error>) -> String {
    result.map_or_else(|error| format!("error {error}"), |()| "ok".to_owned())
}

#[cfg(feature = "keyring")]
fn keyring(setup: &Setup, handle: &tokio::runtime::Handle) -> Arc<dyn SecretStore> {
    let clock = Arc::new(native::OsClock::new(handle.clone()));
    Arc::new(native::KeyringSecretStore::new(clock).patience(Duration::from_secs(setup.keyring_patience)))
}

#[cfg(not(feature = "keyring"))]
fn keyring(_setup: &Setup, _handle: &tokio::runtime::Handle) -> Arc<dyn SecretStore> {
    panic!("built without a keyring")
}

/// Files whose changes nobody tells of; and, if it is `deaf`, nobody knows that.
struct Unwatched {
    files: Arc<dyn Files>,
    deaf: bool,
}

struct Deaf;

impl Watch for Deaf {
    fn changed(&mut self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::pending())
    }
}

impl Files for Unwatched {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        self.files.read(name, limit)
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.files.create(name, content)
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.files.overwrite(name, content)
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.files.sync(name)
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.files.rename(from, to)
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.files.remove(name)
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        self.files.sync_folder()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        self.files.list()
    }

    fn machine(&self) -> BoxFuture<'_, Option<MachineId>> {
        self.files.machine()
    }

    fn watch(&self) -> BoxFuture<'_, Option<Box<dyn Watch>>> {
        let watch: Option<Box<dyn Watch>> = if self.deaf { Some(Box::new(Deaf)) } else { None };
        Box::pin(std::future::ready(watch))
    }
}

/// A lock that everybody has.
struct NoLock;
struct NotHeld;
impl Held for NotHeld {}

impl Lock for NoLock {
    fn acquire(&self, _name: &FileName) -> BoxFuture<'_, Result<Box<dyn Held>, LockError>> {
        let held: Box<dyn Held> = Box::new(NotHeld);
        Box::pin(std::future::ready(Ok(held)))
    }
}
