//! The naive client: a till as many were written, for comparison.
//!
//! It speaks OAuth correctly as long as all is well. When a server says no, it believes it: a 401 means *signed out*, so it
//! throws its tokens away, shows its sign-in screen and, as the notice of February 2025 did, asks to clear the app's
//! data. An answer it does not understand is an error on the screen. An access token past its time is refreshed by each
//! call for itself, and whoever comes back is who is signed in. What it keeps is written to the disk in the background, a
//! little later, as settings libraries do.

mod oauth;
mod tokens;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use mainstay::{host::Clock, test_support::Activity};

use super::{
    Machine,
    serve::{Actor, Out, serve},
    till::{Api, Till},
};
use crate::protocol::{
    Answer, Command, Event, Failure, LineError, Note, Prompt, Quiet, Report, Said, Start, StateEvent, StateName,
};
use oauth::{OAuth, OAuthError};
use tokens::{TokenFile, Tokens};

/// The advice that went out in 2025, in a till's words.
const ADVICE: &str = "Token invalid. Please clear the app's data and sign in again.";

/// After so many errors in a row that are no 401, the help text says what it always says.
const ERRORS_UNTIL_ADVICE: u32 = 3;

/// How long its settings library collects changes before it writes them.
const WRITES_AFTER: Duration = Duration::from_secs(2);

/// Runs the naive client on standard input and output until the director is done with it.
///
/// # Errors
/// The runtime cannot start, or the director cannot be reached.
pub fn run() -> Result<(), LineError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve::<Naive>())
}

struct Naive {
    oauth: OAuth,
    machine: Machine,
    till: Arc<Till>,
    out: Out,
    desk: Arc<Mutex<Desk>>,
}

/// What it remembers.
struct Desk {
    tokens: TokenFile,
    errors: u32,
    generations: u64,
    destroyed: u64,
}

impl Actor for Naive {
    const NAME: &'static str = "naive";

    async fn start(start: Start, out: Out, activity: Activity) -> Result<Arc<Self>, Failure> {
        let broken = |error: io::Error| Failure::new("internal", error.to_string());
        let machine = Machine::new(&start, activity, &out)?;
        let tokens = TokenFile::open(&start.vault_folder).map_err(broken)?;
        let till = Till::open(machine.clone(), out.clone(), &start.app_data_folder, &start.issuer).map_err(broken)?;
        let oauth = OAuth::new(&start, machine.clone());
        let desk = Arc::new(Mutex::new(Desk { tokens, errors: 0, generations: 0, destroyed: 0 }));
        let naive = Arc::new(Self { oauth, machine, till, out, desk });
        naive.tell_state();
        if naive.is_signed_in() {
            naive.till.show_name(&naive);
            naive.till.deliver(&naive);
        }
        Ok(naive)
    }

    async fn perform(self: Arc<Self>, command: Command) -> Result<Option<Answer>, Failure> {
        match command {
            Command::SignIn => self.sign_in().await.map(|()| None),
            Command::Call { method, path, show } => {
                let request = self.till.request(&method, &path)?;
                let answer = self.send(request).await.ok_or_else(|| Failure::new("failed", "the call failed"))?;
                if show {
                    self.till.show(&answer);
                }
                Ok(Some(Answer::Call { status: answer.status().as_u16() }))
            }
            Command::Sell { sale, total_cents } if self.is_signed_in() => {
                self.till.sell(&self, sale, total_cents).map(|()| None)
            }
            Command::Sell { sale, .. } => {
                self.till.refuse(sale);
                Ok(None)
            }
            Command::SignOut => {
                self.forget();
                Ok(None)
            }
            // A sign-in screen that cannot be closed and has no second button; and it reads no calendar.
            Command::Dismiss | Command::TapRetry | Command::Clock { .. } => Ok(None),
            Command::Network { on } => {
                self.machine.set_network(on);
                Ok(None)
            }
            Command::State => Ok(Some(Answer::State(self.report()))),
            Command::Explain => {
                let (cashier, nothing) = (self.state().cashier, String::new());
                let said = Said { cashier, manager: nothing.clone(), engineer: nothing.clone(), next: nothing };
                Ok(Some(Answer::Explain(said)))
            }
            _ => Err(Failure::new("unsupported", "the naive client cannot do that")),
        }
    }

    fn advance(&self, to_ms: u64) {
        self.machine.advance(to_ms);
    }

    async fn quiet(self: Arc<Self>, held: u32) -> Quiet {
        self.machine.quiet(held).await
    }
}

impl Api for Naive {
    /// One call with the token of the moment. A 401 is the end of it.
    async fn send(&self, mut request: Request<Bytes>) -> Option<Response<Bytes>> {
        let token = self.token().await?;
        let value = format!("Bearer {token}").parse().ok()?;
        request.headers_mut().insert(header::AUTHORIZATION, value);
        let answer = self.machine.send(request).await.ok()?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            self.sign_out_and_ask();
            return None;
        }
        self.count_errors(answer.status().is_success());
        Some(answer)
    }
}

impl Naive {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_signed_in(&self) -> bool {
        self.desk().tokens.current().is_some()
    }

    fn state(&self) -> StateEvent {
        let online = self.is_signed_in();
        let (state, cashier) =
            if online { (StateName::SignedIn, "Ready.") } else { (StateName::SignedOut, "Signed out.") };
        StateEvent { state, reason: None, online, retry_at_ms: None, cashier: cashier.to_owned() }
    }

    fn report(&self) -> Report {
        let state = self.state();
        let desk = self.desk();
        Report { state, generations: desk.generations, credentials_destroyed: desk.destroyed }
    }

    fn tell_state(&self) {
        self.out.send(Event::State(self.state()));
    }

    async fn sign_in(self: &Arc<Self>) -> Result<(), Failure> {
        let tokens = self.oauth.sign_in().await;
        self.keep(tokens.map_err(|error| Failure::new("sign_in_failed", error.to_string()))?);
        self.tell_state();
        self.till.show_name(self);
        self.till.deliver(self);
        Ok(())
    }

    fn keep(&self, tokens: Tokens) {
        let mut desk = self.desk();
        desk.tokens.keep(tokens);
        desk.generations += 1;
        desk.errors = 0;
        let (clock, desk) = (self.machine.clock.clone(), Arc::clone(&self.desk));
        let at = clock.monotonic().saturating_add(WRITES_AFTER);
        self.machine.spawn(async move {
            clock.sleep_until(at).await;
            // A settings library that cannot write says so to a log that nobody reads.
            let _unread = desk.lock().unwrap_or_else(PoisonError::into_inner).tokens.write();
        });
    }

    /// Throws the tokens away. Whether the server would have taken them again, nobody will know.
    fn forget(&self) -> bool {
        let had_any = self.is_signed_in();
        self.desk().tokens.forget();
        if had_any {
            self.tell_state();
        }
        had_any
    }

    fn sign_out_and_ask(&self) {
        if self.forget() {
            self.desk().destroyed += 1;
            let text = "The server said no, so the tokens are deleted.".to_owned();
            let code = "naive.tokens_deleted".to_owned();
            self.out.send(Event::Note(Note { code, text, state: None, generation: None, until_ms: None }));
            self.ask_to_clear();
        }
    }

    fn ask_to_clear(&self) {
        let text = ADVICE.to_owned();
        self.out.send(Event::Prompt(Prompt { reason: None, in_place: false, asks_to_clear_app_data: true, text }));
    }

    /// The access token, refreshed if its time is over. Every caller for itself.
    async fn token(&self) -> Option<String> {
        let tokens = self.desk().tokens.current().cloned()?;
        if self.machine.now_ms() < tokens.expires_at_ms {
            return Some(tokens.access_token);
        }
        match self.oauth.refresh(&tokens).await {
            Ok(fresh) => {
                let token = fresh.access_token.clone();
                self.keep(fresh);
                Some(token)
            }
            Err(OAuthError::NoAnswer(_)) => Some(tokens.access_token),
            Err(_) => {
                self.sign_out_and_ask();
                None
            }
        }
    }

    fn count_errors(&self, good: bool) {
        let advise = {
            let mut desk = self.desk();
            desk.errors = if good { 0 } else { desk.errors + 1 };
            desk.errors == ERRORS_UNTIL_ADVICE
        };
        if advise {
            self.ask_to_clear();
        }
    }
}
