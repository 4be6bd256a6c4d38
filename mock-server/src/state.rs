//! Everything the server knows, behind one lock, and the ways to wait for it to change.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tokio::sync::{oneshot, watch};

use crate::{
    Observations,
    admin::Desk,
    clock::ServerClock,
    config::Config,
    faults::FaultBoard,
    key_memory::{self, Memory, WrongSecret},
    keys::HmacKey,
    metrics::Metrics,
    nodes::{Cluster, Secret},
    oauth::{Codes, DeviceGrants, Enrolment, Proofs, Redis, Sessions},
    observations::Journal,
    pos::Till,
    random::Random,
};

/// The server as one of its nodes sees it. Whatever looks at the world through it, or changes it, does so as that node.
#[derive(Clone)]
pub(crate) struct App {
    shared: Arc<Shared>,
    node: usize,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// What the server was started with; `/control/reset` goes back to it.
pub(crate) struct Start {
    pub(crate) config: Config,
    pub(crate) clock: ServerClock,
    pub(crate) scripted: Option<String>,
    pub(crate) secret: SecretString,
    /// The id of the key that the secret is.
    pub(crate) kid: String,
    /// The secret before: its key's id, and until when it is accepted, in milliseconds since 1970.
    pub(crate) retired: Option<(String, SecretString, u64)>,
    /// Where the server remembers its secret's fingerprint.
    pub(crate) key_memory: Option<PathBuf>,
    pub(crate) sessions: StoreAddress,
}

impl Start {
    /// Remembers that the next start may come with the secret of this fingerprint.
    pub(crate) fn announce(&self, fingerprint: &str) -> Result<(), WrongSecret> {
        let Some(path) = &self.key_memory else { return Ok(()) };
        match key_memory::read(path)? {
            Some(memory) => key_memory::write(path, &Memory { announced: Some(fingerprint.to_owned()), ..memory }),
            None => Err(WrongSecret::File(path.clone(), "it is gone".to_owned())),
        }
    }
}

/// Where sessions are kept.
#[derive(Clone, Default)]
pub(crate) enum StoreAddress {
    /// In the server itself.
    #[default]
    Embedded,
    /// In a Redis, by its address, which was found to be one.
    Redis(String),
}

impl StoreAddress {
    fn open(&self) -> Sessions {
        match self {
            Self::Embedded => Sessions::default(),
            Self::Redis(url) => {
                Redis::at(url).map_or_else(|_| Sessions::default(), |redis| Sessions::new(Box::new(redis)))
            }
        }
    }
}

/// Who may do what, by a token of their own.
pub(crate) struct Doors {
    pub(crate) control: SecretString,
    /// Operators by name.
    pub(crate) operators: BTreeMap<String, SecretString>,
    /// The confidential client that may introspect.
    pub(crate) introspector: (String, SecretString),
}

/// Whether `given` is the `expected` secret. Compares digests, so that timing tells nothing.
pub(crate) fn same(expected: &SecretString, given: &str) -> bool {
    Sha256::digest(expected.expose_secret()) == Sha256::digest(given)
}

pub(crate) struct Shared {
    world: Mutex<World>,
    changed: watch::Sender<()>,
    pub(crate) start: Start,
    pub(crate) doors: Doors,
    /// The server's base URL without a trailing slash.
    pub(crate) issuer: String,
}

/// What one running server remembers.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) clock: ServerClock,
    pub(crate) scripted: Option<String>,
    pub(crate) random: Random,
    pub(crate) keys: Cluster,
    pub(crate) faults: FaultBoard,
    pub(crate) codes: Codes,
    pub(crate) device_grants: DeviceGrants,
    pub(crate) sessions: Sessions,
    pub(crate) enrolments: BTreeMap<String, Enrolment>,
    /// How many devices there are: sign-ins by a person.
    pub(crate) devices: u64,
    /// Assertion ids that were used, with the second they expire.
    pub(crate) used_assertions: HashMap<String, u64>,
    pub(crate) proofs: Proofs,
    pub(crate) till: Till,
    pub(crate) desk: Desk,
    pub(crate) seen: Observations,
    pub(crate) metrics: Metrics,
    pub(crate) journal: Journal,
    pub(crate) waiting: Waiting,
}

/// Requests that are inside the server now.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) inside: u64,
    /// When each sleeping request is due, in milliseconds since 1970. One whose time has come is worked on, although it
    /// may not have noticed yet.
    sleeping: Vec<u64>,
    /// Held requests in the order of their arrival.
    held: BTreeMap<u64, oneshot::Sender<()>>,
    next: u64,
}

impl World {
    pub(crate) fn new(start: &Start, mut random: Random) -> Self {
        let now_ms = start.clock.now_ms();
        let secret = Secret { kid: start.kid.clone(), key: HmacKey::new(start.secret.expose_secret().as_bytes()) };
        let mut keys = Cluster::new(secret, &mut random, now_ms);
        if let Some((kid, secret, until_ms)) = &start.retired {
            let key = HmacKey::new(secret.expose_secret().as_bytes());
            keys.add_retired(kid.clone(), key, *until_ms, now_ms);
        }
        Self {
            config: start.config.clone(),
            clock: start.clock,
            scripted: start.scripted.clone(),
            keys,
            random,
            faults: FaultBoard::default(),
            codes: Codes::default(),
            device_grants: DeviceGrants::default(),
            sessions: start.sessions.open(),
            enrolments: BTreeMap::new(),
            devices: 0,
            used_assertions: HashMap::new(),
            proofs: Proofs::default(),
            till: Till::default(),
            desk: Desk::default(),
            seen: Observations::default(),
            metrics: Metrics::default(),
            journal: Journal::default(),
            waiting: Waiting::default(),
        }
    }

    /// Back to the start, except for the requests that are inside.
    pub(crate) fn reset(&mut self, start: &Start) {
        self.release(None);
        let waiting = std::mem::take(&mut self.waiting);
        *self = Self { waiting, ..Self::new(start, self.random.fork()) };
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    pub(crate) fn now_s(&self) -> u64 {
        self.clock.now_s()
    }

    /// When the requests are due that sleep now.
    pub(crate) fn sleepers(&self) -> impl Iterator<Item = u64> {
        let now_ms = self.now_ms();
        self.waiting.sleeping.iter().copied().filter(move |due| *due > now_ms)
    }

    /// The counts with what is true right now filled in.
    pub(crate) fn observations(&self) -> Observations {
        let held = u64::try_from(self.waiting.held.len()).unwrap_or(u64::MAX);
        let sleeping = u64::try_from(self.sleepers().count()).unwrap_or(u64::MAX);
        Observations {
            held,
            sleeping,
            in_flight: self.waiting.inside.saturating_sub(held).saturating_sub(sleeping),
            sessions: self.sessions.live().unwrap_or_default(),
            enrolments: u64::try_from(self.enrolments.len()).unwrap_or(u64::MAX),
            ..self.seen.clone()
        }
    }

    /// Lets go the oldest `count` held requests, or all; returns how many that were.
    pub(crate) fn release(&mut self, count: Option<u64>) -> u64 {
        let mut released = 0;
        while count.is_none_or(|count| released < count) {
            let Some((_, held)) = self.waiting.held.pop_first() else { break };
            if held.send(()).is_ok() {
                released += 1;
            }
        }
        released
    }
}

impl App {
    pub(crate) fn new(start: Start, doors: Doors, issuer: String, random: Random) -> Self {
        let world = Mutex::new(World::new(&start, random));
        let shared = Arc::new(Shared { world, changed: watch::Sender::new(()), start, doors, issuer });
        Self { shared, node: 0 }
    }

    /// The same server, seen by another of its nodes.
    pub(crate) fn at_node(&self, node: usize) -> Self {
        Self { shared: self.shared.clone(), node }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.keys.at(self.node);
        world
    }

    /// Looks at the world.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(&self.world())
    }

    /// Changes the world and wakes everybody who waits for a change.
    pub(crate) fn update<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        let result = change(&mut self.world());
        self.changed.send_replace(());
        result
    }

    /// Waits until `enough` holds of the world.
    pub(crate) async fn until(&self, mut enough: impl FnMut(&World) -> bool) {
        let mut changed = self.changed.subscribe();
        while !self.read(&mut enough) && changed.changed().await.is_ok() {}
    }

    /// Waits until the request is released.
    pub(crate) async fn hold(&self) {
        let (release, released) = oneshot::channel();
        let id = self.update(|world| {
            world.waiting.next += 1;
            let id = world.waiting.next;
            world.waiting.held.insert(id, release);
            id
        });
        let _gone = OnDrop(|| {
            self.update(|world| world.waiting.held.remove(&id));
        });
        // The other end sends before it is dropped, so an error would mean released as well.
        let _ = released.await;
    }

    /// Waits for `millis` on the server's own clock.
    pub(crate) async fn sleep(&self, millis: u64) {
        let deadline = self.update(|world| {
            let deadline = world.now_ms().saturating_add(millis);
            world.waiting.sleeping.push(deadline);
            deadline
        });
        let _gone = OnDrop(|| {
            self.update(|world| {
                if let Some(place) = world.waiting.sleeping.iter().position(|due| *due == deadline) {
                    world.waiting.sleeping.swap_remove(place);
                }
            });
        });
        let mut changed = self.changed.subscribe();
        loop {
            let (clock, left) = self.read(|world| (world.clock, deadline.saturating_sub(world.now_ms())));
            if left == 0 {
                return;
            }
            if clock.is_virtual() {
                let _ = changed.changed().await;
            } else {
                let _ = tokio::time::timeout(Duration::from_millis(left), changed.changed()).await;
            }
        }
    }
}

/// Runs when the waiting ends, or when the client goes away first and the waiting is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Whether an address is this machine's own.
pub(crate) fn is_loopback(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}
