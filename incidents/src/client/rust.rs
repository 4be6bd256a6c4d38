//! The Rust client: a till over the SDK's public API, as an app developer would write it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use mainstay::{
    Client, Code, Connectivity, Error, IdentityEcho, Note, Probe, Profile, RefreshIdentity, Secret, Session,
    SessionState, Situation, State,
    driver::{CredentialProvider, ImportedTokens, ProviderError},
    host::BoxFuture,
    oauth::RejectionRule,
    test_support::Activity,
};

use super::{
    Machine,
    serve::{Actor, Out, serve},
    till::{Api, Till},
};
use crate::{
    format::Provider,
    protocol::{
        self, Answer, Command, Event, Failure, LineError, Prompt, Quiet, Report, Said, Start, StateEvent, StateName,
    },
};

/// Runs the Rust client on standard input and output until the director is done with it.
///
/// # Errors
/// The runtime cannot start, or the director cannot be reached.
pub fn run() -> Result<(), LineError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve::<App>())
}

struct App {
    client: Client,
    machine: Machine,
    till: Arc<Till>,
    out: Out,
    /// How many sessions are watched already.
    watched: AtomicUsize,
    counts: Arc<Counts>,
    latest: Arc<Mutex<StateEvent>>,
}

#[derive(Default)]
struct Counts {
    generations: AtomicU64,
    destroyed: AtomicU64,
}

/// A session as the till's way to the POS API.
struct OverSession(Session);

impl Api for OverSession {
    async fn send(&self, request: Request<Bytes>) -> Option<Response<Bytes>> {
        // Whatever the error is: the sale stays in the database, and the state says the rest.
        self.0.send(request).await.ok()
    }
}

impl Actor for App {
    const NAME: &'static str = "rust";

    async fn start(start: Start, out: Out, activity: Activity) -> Result<Arc<Self>, Failure> {
        let broken = |error: std::io::Error| Failure::new("internal", error.to_string());
        let machine = Machine::new(&start, activity, &out)?;
        let till = Till::open(machine.clone(), out.clone(), &start.app_data_folder, &start.issuer).map_err(broken)?;
        let mut builder = Client::builder(&start.issuer, &start.client_id)
            .redirect_uri(&start.redirect_uri)
            .scopes(["openid", "profile", "pos", "offline_access"])
            .profile(profile(&start)?)
            .host(machine.host.clone());
        match start.provider {
            Provider::None => {}
            Provider::Declines => builder = builder.credential_provider(Arc::new(Says(ProviderError::Declined))),
            Provider::Unavailable => builder = builder.credential_provider(Arc::new(Says(ProviderError::Unavailable))),
        }
        let client = builder.build().await.map_err(failure)?;
        let told = client.session().map(|session| session.timeline().len());
        let latest = Arc::new(Mutex::new(nobody()));
        let (watched, counts) = (AtomicUsize::new(0), Arc::default());
        let app = Arc::new(Self { client, machine, till, out, watched, counts, latest });
        match app.client.session() {
            Some(session) => {
                app.opened(&session).await;
                app.watch_new(told);
                app.till.show_name(&Arc::new(OverSession(session)));
            }
            None => app.out.send(Event::State(nobody())),
        }
        Ok(app)
    }

    async fn perform(self: Arc<Self>, command: Command) -> Result<Option<Answer>, Failure> {
        match command {
            Command::SignIn => self.sign_in().await.map(|()| None),
            Command::Import { tokens } => self.import(tokens).await.map(|()| None),
            Command::Call { method, path, show } => {
                let request = self.till.request(&method, &path)?;
                let answer = self.session()?.send(request).await.map_err(failure)?;
                if show {
                    self.till.show(&answer);
                }
                Ok(Some(Answer::Call { status: answer.status().as_u16() }))
            }
            Command::Sell { sale, total_cents } => self.sell(sale, total_cents).map(|()| None),
            Command::SignOut => self.session()?.sign_out().await.map_err(failure).map(|()| None),
            Command::Dismiss => {
                self.session()?.dismiss_prompt();
                Ok(None)
            }
            Command::TapRetry => self.session()?.try_now().await.map_err(failure).map(|()| None),
            Command::Network { on } => {
                self.machine.set_network(on);
                for session in self.client.sessions() {
                    session.network_changed(on);
                }
                Ok(None)
            }
            Command::Clock { shift_ms } => {
                self.machine.shift_calendar(shift_ms);
                Ok(None)
            }
            Command::State => Ok(Some(Answer::State(self.report()))),
            Command::Explain => Ok(Some(Answer::Explain(self.explain()))),
            Command::Hello { .. }
            | Command::Start(_)
            | Command::Advance { .. }
            | Command::Settle { .. }
            | Command::Stop => Err(Failure::new("bad_order", "not now")),
        }
    }

    fn advance(&self, to_ms: u64) {
        self.machine.advance(to_ms);
    }

    async fn quiet(self: Arc<Self>, held: u32) -> Quiet {
        self.machine.quiet(held).await
    }
}

impl App {
    fn session(&self) -> Result<Session, Failure> {
        self.client.session().ok_or_else(|| Failure::new("sign_in_required", "nobody ever signed in here"))
    }

    /// Waits until the vault was read.
    async fn opened(&self, session: &Session) {
        let mut states = session.states();
        while states.next().await.is_some_and(|state| state.state == State::Starting) {}
    }

    async fn sign_in(self: &Arc<Self>) -> Result<(), Failure> {
        let known = self.client.session().filter(|session| !matches!(session.state().state, State::SignedOut { .. }));
        let session = match known {
            Some(session) => {
                session.sign_in_again(&self.machine).await.map_err(failure)?;
                session
            }
            None => self.client.sign_in(&self.machine).await.map_err(failure)?,
        };
        self.signed_in(session);
        Ok(())
    }

    async fn import(self: &Arc<Self>, tokens: protocol::Tokens) -> Result<(), Failure> {
        let tokens = ImportedTokens {
            access_token: Some(Secret::from_text(&tokens.access_token)),
            expires_in: None,
            refresh_token: tokens.refresh_token.as_deref().map(Secret::from_text),
        };
        let session = self.client.import_session(tokens).await.map_err(failure)?;
        self.signed_in(session);
        Ok(())
    }

    fn signed_in(self: &Arc<Self>, session: Session) {
        self.watch_new(None);
        let api = Arc::new(OverSession(session));
        self.till.show_name(&api);
        self.till.deliver(&api);
    }

    fn sell(&self, sale: String, total_cents: u32) -> Result<(), Failure> {
        match self.client.session().filter(|session| !matches!(session.state().state, State::SignedOut { .. })) {
            Some(session) => self.till.sell(&Arc::new(OverSession(session)), sale, total_cents),
            None => {
                self.till.refuse(sale);
                Ok(())
            }
        }
    }

    fn report(&self) -> Report {
        Report {
            state: self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            generations: self.counts.generations.load(SeqCst),
            credentials_destroyed: self.counts.destroyed.load(SeqCst),
        }
    }

    fn explain(&self) -> Said {
        let Some(session) = self.client.session() else {
            let cashier = nobody().cashier;
            return Said { manager: cashier.clone(), engineer: cashier.clone(), cashier, next: String::new() };
        };
        let said = session.explain();
        Said {
            cashier: said.cashier.to_owned(),
            manager: said.manager.to_owned(),
            engineer: said.engineer.to_owned(),
            next: said.next.sentence,
        }
    }

    /// Watches sessions that are new here. Of those that an earlier process had, that many lines of the timeline were told.
    fn watch_new(self: &Arc<Self>, told: Option<usize>) {
        let sessions = self.client.sessions();
        let known = self.watched.swap(sessions.len(), SeqCst);
        for session in sessions.into_iter().skip(known) {
            let watch = Watch {
                machine: self.machine.clone(),
                till: Arc::clone(&self.till),
                out: self.out.clone(),
                counts: Arc::clone(&self.counts),
                latest: Arc::clone(&self.latest),
                session,
                told,
            };
            self.machine.spawn(watch.run());
        }
    }
}

/// Tells the director what becomes of one session.
struct Watch {
    machine: Machine,
    till: Arc<Till>,
    out: Out,
    counts: Arc<Counts>,
    latest: Arc<Mutex<StateEvent>>,
    session: Session,
    /// How many lines of the timeline an earlier process has told; absent: there was none.
    told: Option<usize>,
}

impl Watch {
    async fn run(self) {
        let (mut states, mut notes) = (self.session.states(), self.session.timeline_stream());
        // Credentials and a prompt that were there before the restart are the same ones.
        let restored = self.told.map(|_| self.session.state());
        let mut generation = restored.and_then(|state| state.generation);
        let mut prompting = restored.is_some_and(|state| state.prompting);
        let mut told = self.told.unwrap_or(0);
        loop {
            // What was noted led to the state, so it comes first.
            tokio::select! {
                biased;
                new = notes.next() => match new {
                    Some(new) => {
                        new.iter().skip(told).for_each(|note| self.tell_note(note));
                        told = 0;
                    }
                    None => return,
                },
                state = states.next() => match state {
                    Some(state) => {
                        if state.generation > generation {
                            generation = state.generation;
                            self.counts.generations.fetch_add(1, SeqCst);
                        }
                        if state.prompting && !prompting {
                            self.tell_prompt();
                        }
                        prompting = state.prompting;
                        self.tell_state(&state);
                    }
                    None => return,
                },
            }
        }
    }

    fn tell_state(&self, state: &SessionState) {
        let said = self.session.explain();
        let online = matches!(state.state, State::SignedIn { connectivity: Connectivity::Online });
        let retry_at_ms = match state.state {
            State::Holding { .. } => said.next.seconds.map(|seconds| self.later(Duration::from_secs(seconds))),
            _ => None,
        };
        let event = StateEvent {
            state: state_name(state.state),
            reason: said.code.map(|code| code.as_str().to_owned()),
            online,
            retry_at_ms,
            cashier: said.cashier.to_owned(),
        };
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = event.clone();
        self.out.send(Event::State(event));
        if online {
            self.till.deliver(&Arc::new(OverSession(self.session.clone())));
        }
    }

    fn tell_prompt(&self) {
        let said = self.session.explain();
        let (reason, text) = (said.code.map(|code| code.as_str().to_owned()), said.cashier.to_owned());
        self.out.send(Event::Prompt(Prompt { reason, in_place: true, asks_to_clear_app_data: false, text }));
    }

    fn tell_note(&self, note: &Note) {
        let code = note.code;
        if code.kind() == "reason" {
            return;
        }
        if matches!(code, Code::DestroyLimit | Code::DestroyReset | Code::DestroyAccountRemoved) {
            self.counts.destroyed.fetch_add(1, SeqCst);
        }
        let until_ms = note.until.map(|until| self.later(until.since(note.at)));
        self.out.send(Event::Note(protocol::Note {
            code: code.as_str().to_owned(),
            text: code.meaning().to_owned(),
            state: Some(state_name(self.session.state().state)),
            generation: note.generation.map(mainstay::Generation::number),
            until_ms,
        }));
    }

    fn later(&self, after: Duration) -> u64 {
        self.machine.now_ms().saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Before anybody ever signed in.
fn nobody() -> StateEvent {
    StateEvent {
        state: StateName::SignedOut,
        reason: Some(Code::OutNeverSignedIn.as_str().to_owned()),
        online: false,
        retry_at_ms: None,
        cashier: Situation::NeverSignedIn.cashier().to_owned(),
    }
}

const fn state_name(state: State) -> StateName {
    match state {
        State::Starting => StateName::Starting,
        State::Locked { .. } => StateName::Locked,
        State::SignedOut { .. } => StateName::SignedOut,
        State::SignedIn { .. } => StateName::SignedIn,
        State::Recovering { .. } => StateName::Recovering,
        State::Holding { .. } => StateName::Holding,
        State::SignInRequired { .. } => StateName::SignInRequired,
        State::Quarantined { .. } => StateName::Quarantined,
    }
}

fn profile(start: &Start) -> Result<Profile, Failure> {
    let origin = start.issuer.trim_end_matches('/');
    let rules = start.profile.rejections.iter().map(|rule| {
        let path = format!("{}*", rule.path_prefix);
        RejectionRule::new("token invalid", rule.status, path, &rule.body_contains)
            .map(|made| made.for_content_type(&rule.content_type))
            .map_err(|error| Failure::new("misconfigured", error.to_string()))
    });
    Ok(Profile {
        probe: start.profile.who_am_i.as_ref().map_or(Probe::Userinfo, |path| Probe::WhoAmI(format!("{origin}{path}"))),
        protected_paths: vec!["/api/*".to_owned()],
        rejection_rules: rules.collect::<Result<_, _>>()?,
        refresh_identity: if start.profile.inherits_identity_on_refresh {
            RefreshIdentity::Inherited
        } else {
            RefreshIdentity::Ask
        },
        identity_echo: start.profile.identity_echo.clone().map(IdentityEcho::Header),
        enroll_device_key: start.device_key,
        ..Profile::default()
    })
}

/// A credential provider that never has anything.
struct Says(ProviderError);

impl CredentialProvider for Says {
    fn supply(&self, _subject: Option<&str>) -> BoxFuture<'_, Result<ImportedTokens, ProviderError>> {
        Box::pin(std::future::ready(Err(self.0)))
    }
}

/// The SDK's error under its own name.
fn failure(error: Error) -> Failure {
    let code = match &error {
        Error::SignInRequired => "sign_in_required",
        Error::TryLater { .. } => "try_later",
        Error::VaultLocked => "vault_locked",
        Error::IdentityMismatch => "identity_mismatch",
        Error::Misconfigured(_) => "misconfigured",
        Error::Cancelled => "cancelled",
        Error::Internal(_) => "internal",
    };
    Failure::new(code, error.to_string())
}
