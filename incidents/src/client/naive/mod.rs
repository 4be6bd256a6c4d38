//! The naive client: a till as many were written, for comparison.
//!
//! It speaks OAuth correctly as long as all is well. When a server says no, it believes it: a 401 means *signed out*, so it
//! throws its tokens away, shows its sign-in screen and, as the notice of February 2025 did, asks to clear the app's
//! data. An answer it does not understand is an error on the screen. An access token past its time is refreshed by each
//! call for itself, and whoever comes back is who is signed in.

mod oauth;
mod tokens;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use http::{Request, StatusCode, header};

use super::{
    Activity,
    http::Http,
    serve::{Actor, Out, serve},
};
use crate::{
    protocol::{
        Answer, Command, Event, Failure, LineError, Note, Outcome, Prompt, Quiet, Report, Said, Sale, Shown, Start,
        StateEvent, StateName,
    },
    sales::{Sales, Waiting},
};
use oauth::{OAuth, OAuthError};
use tokens::{TokenFile, Tokens};

/// The advice that went out in 2025, in a till's words.
const ADVICE: &str = "Token invalid. Please clear the app's data and sign in again.";

/// After so many errors in a row that are no 401, the help text says what it always says.
const ERRORS_UNTIL_ADVICE: u32 = 3;

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
    http: Http,
    out: Out,
    activity: Activity,
    now_ms: AtomicU64,
    desk: Mutex<Desk>,
    origin: String,
}

/// What the till knows.
struct Desk {
    tokens: TokenFile,
    sales: Sales,
    delivering: bool,
    errors: u32,
    generations: u64,
    destroyed: u64,
}

/// How a call to the POS API ended.
enum Ending {
    Answer(http::Response<Bytes>),
    SignedOut,
    NoNetwork(String),
}

impl Actor for Naive {
    const NAME: &'static str = "naive";

    async fn start(start: Start, out: Out, activity: Activity) -> Result<Arc<Self>, Failure> {
        let broken = |error: io::Error| Failure::new("internal", error.to_string());
        let tokens = TokenFile::open(&start.vault_folder).map_err(broken)?;
        let sales = Sales::open(&start.app_data_folder).map_err(broken)?;
        let http = Http::new(activity.clone());
        let desk = Desk { tokens, sales, delivering: false, errors: 0, generations: 0, destroyed: 0 };
        let naive = Arc::new(Self {
            oauth: OAuth::new(&start, http.clone()),
            http,
            out,
            activity,
            now_ms: AtomicU64::new(start.now_ms),
            desk: Mutex::new(desk),
            origin: start.issuer.trim_end_matches('/').to_owned(),
        });
        naive.tell_state();
        if naive.desk().tokens.current().is_some() {
            let shown = Arc::clone(&naive);
            naive.activity.spawn(async move { shown.show_name().await });
        }
        Ok(naive)
    }

    async fn perform(self: Arc<Self>, command: Command) -> Result<Option<Answer>, Failure> {
        match command {
            Command::SignIn => self.sign_in().await.map(|()| None),
            Command::Call { method, path } => {
                let request = self.request(&method, &path, None, Bytes::new())?;
                match self.call(request).await {
                    Ending::Answer(answer) => Ok(Some(Answer::Call { status: answer.status().as_u16() })),
                    Ending::SignedOut => Err(Failure::new("sign_in_required", "signed out")),
                    Ending::NoNetwork(why) => Err(Failure::new("network", why)),
                }
            }
            Command::Sell { sale, total_cents } => self.sell(sale, total_cents).map(|()| None),
            Command::SignOut => {
                self.forget();
                Ok(None)
            }
            // A sign-in screen that cannot be closed and has no second button.
            Command::Dismiss | Command::TapRetry => Ok(None),
            Command::Network { on } => {
                self.http.set_network(on);
                Ok(None)
            }
            // It reads no calendar.
            Command::Clock { .. } => Ok(None),
            Command::State => Ok(Some(Answer::State(self.report()))),
            Command::Explain => {
                let cashier = self.state().cashier;
                let nothing = String::new();
                Ok(Some(Answer::Explain(Said {
                    cashier,
                    manager: nothing.clone(),
                    engineer: nothing.clone(),
                    next: nothing,
                })))
            }
            _ => Err(Failure::new("unsupported", "the naive client cannot do that")),
        }
    }

    fn advance(&self, to_ms: u64) {
        self.now_ms.store(to_ms, SeqCst);
    }

    async fn quiet(self: Arc<Self>, held: u32) -> Quiet {
        Quiet { quiet: true, in_flight: self.activity.quiet(held).await, next_deadline_ms: None }
    }
}

impl Naive {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> StateEvent {
        let signed_in = self.desk().tokens.current().is_some();
        let (state, cashier) =
            if signed_in { (StateName::SignedIn, "Ready.") } else { (StateName::SignedOut, "Signed out.") };
        StateEvent { state, reason: None, online: signed_in, retry_at_ms: None, cashier: cashier.to_owned() }
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
        let tokens =
            self.oauth.sign_in(self.now()).await.map_err(|error| Failure::new("sign_in_failed", error.to_string()))?;
        self.keep(tokens)?;
        self.tell_state();
        self.show_name().await;
        self.start_delivering();
        Ok(())
    }

    fn now(&self) -> u64 {
        self.now_ms.load(SeqCst)
    }

    fn keep(&self, tokens: Tokens) -> Result<(), Failure> {
        let mut desk = self.desk();
        desk.tokens.keep(tokens).map_err(|error| Failure::new("internal", error.to_string()))?;
        desk.generations += 1;
        desk.errors = 0;
        Ok(())
    }

    /// Throws the tokens away. Whether the server would have taken them again, nobody will know.
    fn forget(&self) -> bool {
        let had_any = {
            let mut desk = self.desk();
            let had_any = desk.tokens.current().is_some();
            desk.tokens.forget();
            had_any
        };
        if had_any {
            self.tell_state();
        }
        had_any
    }

    fn sign_out_and_ask(&self) {
        if self.forget() {
            self.desk().destroyed += 1;
            let (code, text) =
                ("naive.tokens_deleted".to_owned(), "The server said no, so the tokens are deleted.".to_owned());
            self.out.send(Event::Note(Note { code, text, state: None, generation: None, until_ms: None }));
            self.ask_to_clear();
        }
    }

    fn ask_to_clear(&self) {
        let text = ADVICE.to_owned();
        self.out.send(Event::Prompt(Prompt { reason: None, in_place: false, asks_to_clear_app_data: true, text }));
    }

    fn sell(self: &Arc<Self>, sale: String, total_cents: u32) -> Result<(), Failure> {
        if self.desk().tokens.current().is_none() {
            self.out.send(Event::Sale(Sale { sale, outcome: Outcome::Refused }));
            return Ok(());
        }
        self.desk().sales.take(&sale, total_cents).map_err(|error| Failure::new("internal", error.to_string()))?;
        self.out.send(Event::Sale(Sale { sale, outcome: Outcome::Queued }));
        self.start_delivering();
        Ok(())
    }

    fn start_delivering(self: &Arc<Self>) {
        let till = Arc::clone(self);
        self.activity.spawn(async move { till.deliver().await });
    }

    /// Delivers what waits, one after the other, until something does not work.
    async fn deliver(&self) {
        if std::mem::replace(&mut self.desk().delivering, true) {
            return;
        }
        while let Some(waiting) = self.next_waiting() {
            if !self.deliver_one(&waiting).await {
                break;
            }
            if self.desk().sales.delivered(&waiting.sale).is_err() {
                break;
            }
            self.out.send(Event::Sale(Sale { sale: waiting.sale, outcome: Outcome::Delivered }));
        }
        self.desk().delivering = false;
    }

    fn next_waiting(&self) -> Option<Waiting> {
        self.desk().sales.next()
    }

    async fn deliver_one(&self, waiting: &Waiting) -> bool {
        let body = serde_json::json!({ "items": ["coffee"], "total_cents": waiting.total_cents }).to_string();
        let Ok(request) = self.request("POST", "/api/sales", Some(&waiting.sale), body.into()) else { return false };
        matches!(self.call(request).await, Ending::Answer(answer) if answer.status().is_success())
    }

    fn request(&self, method: &str, path: &str, key: Option<&str>, body: Bytes) -> Result<Request<Bytes>, Failure> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.origin));
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key).header(header::CONTENT_TYPE, "application/json");
        }
        request.body(body).map_err(|error| Failure::new("bad_order", error.to_string()))
    }

    /// One call with the token of the moment. A 401 is the end of it.
    async fn call(&self, mut request: Request<Bytes>) -> Ending {
        let Some(token) = self.token().await else { return Ending::SignedOut };
        if let Ok(value) = format!("Bearer {token}").parse() {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        match self.http.send(request).await {
            Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => {
                self.sign_out_and_ask();
                Ending::SignedOut
            }
            Ok(answer) => {
                self.count_errors(answer.status().is_success());
                Ending::Answer(answer)
            }
            Err(error) => Ending::NoNetwork(error.to_string()),
        }
    }

    /// The access token, refreshed if its time is over. Every caller for itself.
    async fn token(&self) -> Option<String> {
        let tokens = self.desk().tokens.current().cloned()?;
        if self.now() < tokens.expires_at_ms {
            return Some(tokens.access_token);
        }
        match self.oauth.refresh(&tokens, self.now()).await {
            Ok(fresh) => {
                let token = fresh.access_token.clone();
                self.keep(fresh).ok()?;
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

    /// Shows whoever the server says is signed in.
    async fn show_name(&self) {
        let Ok(request) = self.request("GET", "/api/me", None, Bytes::new()) else { return };
        let Ending::Answer(answer) = self.call(request).await else { return };
        let me: serde_json::Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if let Some(name) = me.get("name").and_then(serde_json::Value::as_str) {
            self.out.send(Event::Shown(Shown { text: name.to_owned() }));
        }
    }
}

/// Where the naive client keeps its tokens: one plain file.
fn token_file(folder: &std::path::Path) -> PathBuf {
    folder.join("tokens.json")
}
