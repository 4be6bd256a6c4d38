//! One account on this device: what its handles, its task and its attempts share.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::{Either, select};
use mainstay_core::{Answer, Event, ForeignBy, Generation, IssuerPacing, Next, Signal, State, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use url::Origin;

use super::{
    audience::Audiences,
    dpop::SessionKey,
    hot::{AccessToken, Hot},
    journal::SharedJournal,
    keys,
    message::Message,
    provider::CredentialProvider,
    record::SessionRecord,
    roster::Active,
    server::Server,
    watching::Traces,
};
use crate::{
    Credentials, Error, Identity, Secret,
    oauth::signing_key,
    profile::Probe,
    vault::{AccountKey, Epoch, Fingerprint, Fingerprinter, Vault},
};

/// How long a call waits for a token (DESIGN.md section 4).
const CALL_PATIENCE: Duration = Duration::from_secs(15);
/// Accounts that are rejected within this time of each other point to the server (DESIGN.md section 4).
const SURGE: Duration = Duration::from_secs(60);
/// How many imported tokens an account is known by, the latest of them.
const IMPORTS_KNOWN: usize = 16;

/// Where a session stands, as an app sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SessionState {
    /// The state, with its reason and times on the session's own line.
    pub state: State,
    /// Whether the newest credentials live in memory only, because they could not be stored yet. Storing is retried.
    pub unsaved: bool,
    /// The newest generation of credentials, if there are any.
    pub generation: Option<Generation>,
    /// Whether the app should show its sign-in prompt. It may in `SignInRequired` only, once in an episode, restarts
    /// and the vault's other processes included; after [`dismiss_prompt`](crate::Session::dismiss_prompt) a banner is
    /// all that remains.
    pub prompting: bool,
    pub(super) answer: Answer,
    /// What happens next, for [`explain`](crate::Session::explain).
    pub(super) next: Next,
}

/// What all accounts of one issuer on this device share.
pub(super) struct Deployment {
    pub(super) server: Server,
    pub(super) vault: Vault,
    pub(super) pacing: Mutex<IssuerPacing>,
    pub(super) provider: Option<Arc<dyn CredentialProvider>>,
    /// Names tokens without knowing them, to notice when two accounts receive the same.
    pub(super) fingerprints: Fingerprinter,
    /// One sign-in or import at a time is stored: each picks its account under this.
    pub(super) arriving: Arc<tokio::sync::Mutex<()>>,
    /// Whether somebody works the revocation queue off.
    pub(super) revoking: AtomicBool,
    /// The accounts, for what concerns all of them. Handles keep them alive, this does not.
    accounts: Mutex<Vec<Weak<Account>>>,
    /// Asks for a look at what other processes did; whoever looks ends with this.
    pub(super) looks: watch::Sender<()>,
    /// The account that the app works with.
    pub(super) active: Mutex<Active>,
    /// When an account was last chosen, in milliseconds of wall time; no later choice has a smaller number.
    chosen: AtomicU64,
}

impl Deployment {
    pub(super) fn new(
        server: Server,
        vault: Vault,
        pacing: IssuerPacing,
        provider: Option<Arc<dyn CredentialProvider>>,
        fingerprints: Fingerprinter,
    ) -> Self {
        Self {
            server,
            vault,
            pacing: Mutex::new(pacing),
            provider,
            fingerprints,
            arriving: Default::default(),
            revoking: AtomicBool::new(false),
            accounts: Mutex::default(),
            looks: watch::Sender::default(),
            active: Mutex::default(),
            chosen: AtomicU64::default(),
        }
    }

    /// When a choice is made now: later than any before it, whatever the wall clock says.
    pub(super) fn stamp(&self) -> u64 {
        let wall = u64::try_from(self.server.host.clock.wall().as_millis()).unwrap_or(u64::MAX / 2);
        let next = |latest: u64| wall.max(latest.saturating_add(1));
        let before = self.chosen.fetch_update(Ordering::AcqRel, Ordering::Acquire, |latest| Some(next(latest)));
        next(before.unwrap_or_else(|latest| latest))
    }

    /// A choice of an earlier run, or of another process.
    pub(super) fn stamped(&self, at: u64) {
        self.chosen.fetch_max(at, Ordering::AcqRel);
    }

    pub(super) fn accounts(&self) -> Vec<Arc<Account>> {
        lock(&self.accounts).iter().filter_map(Weak::upgrade).collect()
    }

    fn add(&self, account: &Arc<Account>) {
        let mut accounts = lock(&self.accounts);
        accounts.retain(|known| known.strong_count() > 0);
        accounts.push(Arc::downgrade(account));
    }

    fn others(&self, than: AccountKey) -> Vec<Arc<Account>> {
        self.accounts().into_iter().filter(|account| account.key != than).collect()
    }
}

/// Locks, also after a panic elsewhere: what is in these is replaced whole, never left half-way.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One account. Its task owns the decisions; everything here may be read from anywhere.
pub(super) struct Account {
    pub(super) key: AccountKey,
    pub(super) deployment: Arc<Deployment>,
    pub(super) mailbox: mpsc::UnboundedSender<Message>,
    pub(super) hot: Hot,
    pub(super) board: watch::Sender<SessionState>,
    pub(super) identity: Mutex<Option<Identity>>,
    /// Generations in memory, the newest last: what is on disk, or about to be.
    pub(super) kept: Mutex<Vec<Credentials>>,
    /// The vault's epoch under which this account may write.
    vault_epoch: AtomicU64,
    pub(super) dpop: SessionKey,
    pub(super) device_key_id: Mutex<Option<String>>,
    /// The name of the key that signed the latest ID token.
    pub(super) id_token_key: Mutex<Option<String>>,
    pub(super) journal: SharedJournal,
    token_print: Mutex<Option<Fingerprint>>,
    /// Whence the latest rejection came: rung 2 asks there, or not at all.
    pub(super) rejecting_origin: Mutex<Option<Origin>>,
    /// The scopes that are asked for.
    pub(super) scopes: Vec<String>,
    pub(super) audiences: Audiences,
    /// When a server last accepted this session, in milliseconds of the time line.
    accepted_ms: AtomicU64,
    /// When a resource server last accepted a token of it: what ends an episode. After a restart, not known better than
    /// `accepted_ms`.
    proven_ms: AtomicU64,
    /// When a server last rejected it.
    rejected_ms: AtomicU64,
    /// Fingerprints of tokens that were imported and are this session.
    imported: Mutex<Vec<Fingerprint>>,
    /// What the server calls the person.
    pub(super) name: Mutex<Option<String>>,
    /// Whose account it is while it is signed out: the key that this person's account has, and nothing that names them.
    pub(super) owner: Mutex<Option<AccountKey>>,
    /// When somebody signed in here or switched to it last, in milliseconds of wall time.
    used_at: AtomicU64,
    /// What of this process's own doings has to be told from other processes'.
    pub(super) traces: Arc<Traces>,
}

impl Account {
    pub(super) fn new(
        key: AccountKey,
        deployment: Arc<Deployment>,
        scopes: Vec<String>,
        record: Option<SessionRecord>,
        state: SessionState,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Message>) {
        let (mailbox, messages) = mpsc::unbounded_channel();
        let (name, owner, used_at, id_token_key, journal) = record
            .map(|mut it| (it.name.take(), it.owner, it.last_used, it.id_token_key.take(), it.into_journal()))
            .unwrap_or_default();
        let account = Self {
            key,
            deployment,
            mailbox,
            hot: Hot::default(),
            board: watch::Sender::new(state),
            identity: Mutex::default(),
            kept: Mutex::default(),
            vault_epoch: AtomicU64::default(),
            dpop: SessionKey::default(),
            device_key_id: Mutex::default(),
            id_token_key: Mutex::new(id_token_key),
            journal: SharedJournal::new(journal),
            token_print: Mutex::default(),
            rejecting_origin: Mutex::default(),
            scopes,
            audiences: Audiences::default(),
            accepted_ms: AtomicU64::default(),
            proven_ms: AtomicU64::default(),
            rejected_ms: AtomicU64::default(),
            imported: Mutex::default(),
            name: Mutex::new(name),
            owner: Mutex::new(owner),
            used_at: AtomicU64::new(used_at),
            traces: Arc::default(),
        };
        let account = Arc::new(account);
        account.deployment.add(&account);
        (account, messages)
    }

    pub(super) fn server(&self) -> &Server {
        &self.deployment.server
    }

    pub(super) fn vault(&self) -> &Vault {
        &self.deployment.vault
    }

    pub(super) fn vault_epoch(&self) -> Epoch {
        Epoch::new(self.vault_epoch.load(Ordering::Acquire))
    }

    pub(super) fn set_vault_epoch(&self, epoch: Epoch) {
        self.vault_epoch.store(epoch.number(), Ordering::Release);
    }

    /// When a server last accepted this session.
    pub(super) fn last_accepted(&self) -> Timestamp {
        Timestamp::from_millis(self.accepted_ms.load(Ordering::Relaxed))
    }

    pub(super) fn set_last_accepted(&self, at: Timestamp) {
        self.accepted_ms.fetch_max(at.as_millis(), Ordering::Relaxed);
    }

    /// When a resource server last accepted a token of this session.
    pub(super) fn last_proven(&self) -> Timestamp {
        Timestamp::from_millis(self.proven_ms.load(Ordering::Relaxed))
    }

    pub(super) fn set_last_proven(&self, at: Timestamp) {
        self.proven_ms.fetch_max(at.as_millis(), Ordering::Relaxed);
    }

    /// When somebody signed in here or switched to it last, in milliseconds of wall time.
    pub(super) fn last_used(&self) -> u64 {
        self.used_at.load(Ordering::Relaxed)
    }

    pub(super) fn set_last_used(&self, at: u64) {
        self.used_at.fetch_max(at, Ordering::Relaxed);
    }

    /// Waits until the vault has been read once, whatever came of it.
    pub(super) async fn opened(&self) {
        let mut board = self.board.subscribe();
        let _gone = board.wait_for(|board| board.state != State::Starting).await;
    }

    /// From now on these imported tokens are known to be this session.
    pub(super) fn knows_as_imported(&self, prints: Vec<Fingerprint>) {
        let mut imported = lock(&self.imported);
        imported.retain(|known| !prints.contains(known));
        imported.extend(prints);
        let surplus = imported.len().saturating_sub(IMPORTS_KNOWN);
        imported.drain(..surplus);
    }

    /// The fingerprints of imported tokens that are this session.
    pub(super) fn imported(&self) -> Vec<Fingerprint> {
        lock(&self.imported).clone()
    }

    pub(super) fn forget_imported(&self) {
        lock(&self.imported).clear();
    }

    /// A forked child has the account's handles, and none of its tasks.
    #[inline]
    pub(super) fn check_process(&self) -> Result<(), Error> {
        self.deployment.server.check_process()
    }

    /// Tells the account's task. It lives as long as the account.
    pub(super) fn tell(&self, message: Message) {
        if self.mailbox.send(message).is_err() {
            tracing::error!(name: "account.task_gone", account = %self.key);
        }
    }

    /// Tells the task, and waits until it has dealt with it.
    pub(super) async fn tell_and_wait(&self, event: Event) {
        let (done, dealt_with) = oneshot::channel();
        self.tell(Message::Told(event, done));
        // The task lives as long as the account, so this ends.
        let _gone = dealt_with.await;
    }

    /// Tells the task what the server offers, once that is known.
    pub(super) fn tell_abilities(&self) {
        let Some(metadata) = self.server().known_metadata() else { return };
        let can_probe = match self.server().profile.probe {
            Probe::None => false,
            Probe::Userinfo => metadata.userinfo_endpoint.is_some(),
            Probe::WhoAmI(_) | Probe::Protected(_) => true,
        };
        self.tell(Message::Abilities { can_probe, has_status: metadata.status_endpoint.is_some() });
    }

    /// Has the server's keys at hand before anything is spent, where an ID token may come.
    pub(super) async fn prepare_keys(&self) {
        if self.scopes.iter().any(|scope| scope == "openid") {
            keys::prepare(self.server()).await;
        }
    }

    /// Remembers who signed the ID token of an answer, if there is one.
    pub(super) fn learn_signing_key(&self, id_token: Option<&Secret>) {
        if let Some(id_token) = id_token {
            *lock(&self.id_token_key) = signing_key(id_token);
        }
    }

    pub(super) fn credentials(&self, generation: Generation) -> Option<Credentials> {
        lock(&self.kept).iter().find(|credentials| credentials.generation == generation).cloned()
    }

    /// A token now, or as soon as there is one, but not later than in 15 s.
    pub(super) async fn token(&self) -> Result<AccessToken, Error> {
        let clock = &*self.server().host.clock;
        if let Some(token) = self.hot.load(clock) {
            return Ok(token);
        }
        let deadline = clock.monotonic().saturating_add(CALL_PATIENCE);
        let mut board = self.board.subscribe();
        self.tell_and_wait(Event::CallWaiting).await;
        loop {
            let answer = board.borrow_and_update().answer;
            if let Some(token) = self.hot.load(clock) {
                return Ok(token);
            }
            match answer {
                Answer::Token(_) | Answer::Wait { .. } => {}
                Answer::TryLater { cause, retry_at } => {
                    let retry_after = retry_at.since(self.server().line.now());
                    return Err(Error::TryLater { cause, retry_after });
                }
                Answer::SignInRequired => return Err(Error::SignInRequired),
                Answer::VaultLocked => return Err(Error::VaultLocked),
                Answer::IdentityMismatch => return Err(Error::IdentityMismatch),
            }
            let changed = Box::pin(board.changed());
            if let Either::Right(_) = select(changed, clock.sleep_until(deadline)).await {
                let until = match answer {
                    Answer::Wait { until: Some(at) } => at.since(self.server().line.now()),
                    _ => CALL_PATIENCE,
                };
                return Err(Error::TryLater { cause: None, retry_after: until.max(Duration::from_secs(1)) });
            }
        }
    }

    /// This account was rejected: tells the others, and hears from those that were rejected lately. Whoever comes second was
    /// not in an episode yet when the first one told.
    pub(super) fn signal_rejection(&self, at: Timestamp) {
        self.rejected_ms.store(at.as_millis(), Ordering::Relaxed);
        self.signal_neighbours(Signal::NeighbourRejected);
        let lately = |other: &Account| {
            let rejected = Timestamp::from_millis(other.rejected_ms.load(Ordering::Relaxed));
            rejected > other.last_accepted() && at.since(rejected) < SURGE
        };
        if self.deployment.others(self.key).iter().any(|other| lately(other)) {
            self.tell(Message::Event(Event::Signal(Signal::NeighbourRejected)));
        }
    }

    /// Tells the other accounts of this device what happened to this one.
    pub(super) fn signal_neighbours(&self, signal: Signal) {
        for other in self.deployment.others(self.key) {
            other.tell(Message::Event(Event::Signal(signal)));
        }
    }

    /// Remembers which access token this account received; true if another account received the very same.
    pub(super) fn is_shared(&self, credentials: &Credentials) -> bool {
        let Some(token) = credentials.access_tokens.first() else { return false };
        let print = self.deployment.fingerprints.fingerprint(&token.token);
        *lock(&self.token_print) = Some(print);
        let others = self.deployment.others(self.key);
        let twins = others.iter().filter(|other| *lock(&other.token_print) == Some(print));
        let mut shared = false;
        for twin in twins {
            shared = true;
            twin.hot.publish(None);
            twin.tell(Message::Event(Event::ForeignIdentity(ForeignBy::SharedToken)));
        }
        shared
    }
}
