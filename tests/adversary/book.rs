//! What is known from outside: what was sent, what came, what the app saw. Every promise is held against this.
//!
//! Nothing here asks the SDK what it believes. Requests and answers are seen on the wire, states and tokens as an app
//! sees them, and stored credentials as a reader of the disk finds them ([`crate::disk`]).

mod seen;
mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use http::Response;
use mainstay::{SessionState, State};

use crate::{
    answers::{self, Naming, Written},
    evidence::{Coverage, Row},
    history::{Asks, Deployment, Head, Place},
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// A promise by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    P1,
    P2,
    P3,
    P4,
    P5,
    P6,
    P7,
    P8,
    P9,
    P10,
    P11,
    P12,
    P13,
}

/// A promise that was broken, and how.
#[derive(Clone, Debug)]
pub struct Broken {
    pub promise: Promise,
    pub how: String,
}

/// A request as the server sees it.
#[derive(Clone, Debug)]
pub struct Asked {
    pub process: u32,
    pub place: Place,
    /// The SDK's own, not the app's.
    pub own: bool,
    /// Which account of the device got the token that it carries.
    pub asker: Option<String>,
    /// Whose that token is.
    pub owner: Option<String>,
    pub issued_at: u64,
    pub access: Option<String>,
    pub refresh: Option<String>,
    pub audience: Option<String>,
    pub at: u64,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Came {
    row: Option<Row>,
    status: u16,
    cached: bool,
    naming: Naming,
    echo: Option<String>,
    access: Option<String>,
    refresh: Option<String>,
    retry_after: Option<u64>,
}

impl Came {
    pub fn nothing(row: Row) -> Self {
        Self {
            row: Some(row),
            status: 0,
            cached: false,
            naming: Naming::Nobody,
            echo: None,
            access: None,
            refresh: None,
            retry_after: None,
        }
    }

    pub fn of(written: &Written, head: &Head, response: &Response<bytes::Bytes>) -> Self {
        let echo = response.headers().get(answers::ECHO).and_then(|echo| echo.to_str().ok()).map(str::to_owned);
        Self {
            row: written.row,
            status: written.status,
            cached: answers::is_cached(head),
            naming: written.naming.clone(),
            echo,
            access: written.access.clone(),
            refresh: written.refresh.clone(),
            retry_after: answers::retry_after(head),
        }
    }

    fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }
}

/// A token request that nobody's tap caused.
#[derive(Debug)]
struct Call {
    number: u64,
    at: u64,
    asker: String,
    brought_tokens: bool,
}

/// What is known about an account of the device.
#[derive(Debug, Default)]
struct Seat {
    /// An authorization server refused it with a reason, since it was last accepted.
    refused_at: Option<u64>,
    ever_refused: bool,
    /// Refusals without a reason, since then.
    unreasoned: Vec<u64>,
    has_refresh_token: bool,
    /// Prompts since an episode may have ended, in whichever process.
    prompts: u32,
    /// The processes that show one.
    prompting: BTreeSet<u32>,
    /// A process died while it showed one, and nobody had seen to it: the next one may show it.
    orphaned: bool,
    /// Until when the server asked to be left alone, and when it said so.
    told_to_wait: Option<(u64, u64)>,
    calls_while_told: u32,
}

/// A session as one process shows it.
struct Shown {
    process: u32,
    session: mainstay::Session,
    subject: Option<String>,
    before: Option<SessionState>,
}

pub struct Book {
    deployment: Deployment,
    pub broken: Option<Broken>,
    pub coverage: Coverage,
    seats: BTreeMap<String, Seat>,
    shown: Vec<Shown>,
    /// Accounts that the app has asked to sign out, or is about to.
    pub signed_out: BTreeSet<String>,
    /// The same, whatever came afterwards: another process may hear of it late.
    pub ever_signed_out: BTreeSet<String>,
    /// Processes that are being killed: what they leave is not their callers' doing.
    pub dying: BTreeSet<u32>,
    namings: BTreeMap<String, Vec<(u64, Naming)>>,
    /// Accepted access tokens, and which account of the device got them.
    pub accepted: BTreeMap<String, String>,
    pub foreign: BTreeSet<String>,
    in_flight: BTreeMap<u64, (Asked, bool)>,
    sent: u64,
    calls: VecDeque<Call>,
    audience_failures: VecDeque<u64>,
    own_requests: BTreeMap<Place, VecDeque<u64>>,
    arrivals: VecDeque<u64>,
    /// Starts of processes in the last hour: each may have forgotten its last call.
    starts: VecDeque<u64>,
    person_until: u64,
    /// A server has asked to spread first attempts.
    pub spread_was_asked_for: bool,
    /// Whether two processes were there in the last hour.
    two_until: u64,
    /// What happened, in words, where somebody wants to read it.
    pub story: Option<Vec<String>>,
}

impl Book {
    pub fn new(deployment: Deployment, story: bool) -> Self {
        Self {
            deployment,
            broken: None,
            coverage: Coverage::default(),
            seats: BTreeMap::new(),
            shown: Vec::new(),
            signed_out: BTreeSet::new(),
            ever_signed_out: BTreeSet::new(),
            dying: BTreeSet::new(),
            namings: BTreeMap::new(),
            accepted: BTreeMap::new(),
            foreign: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            sent: 0,
            calls: VecDeque::new(),
            audience_failures: VecDeque::new(),
            own_requests: BTreeMap::new(),
            arrivals: VecDeque::new(),
            starts: VecDeque::new(),
            person_until: 0,
            spread_was_asked_for: false,
            two_until: 0,
            story: story.then(Vec::new),
        }
    }

    /// The first broken promise counts.
    pub fn break_promise(&mut self, promise: Promise, how: impl Into<String>) {
        let how = how.into();
        self.tell(format!("BROKEN {promise:?}: {how}"));
        self.broken.get_or_insert(Broken { promise, how });
    }

    pub fn tell(&mut self, line: String) {
        if let Some(story) = &mut self.story {
            story.push(line);
        }
    }

    fn seat(&mut self, subject: &str) -> &mut Seat {
        self.seats.entry(subject.to_owned()).or_default()
    }

    // ---- processes and people ----------------------------------------------------------------------------------

    pub fn started(&mut self, now: u64) {
        self.starts.push_back(now);
    }

    /// The machine started anew: nobody knows for certain how much time has passed.
    pub fn rebooted(&mut self) {
        self.calls.clear();
        self.own_requests.clear();
        self.audience_failures.clear();
        for seat in self.seats.values_mut() {
            seat.told_to_wait = None;
            // What was shown while the power failed may not have been stored.
            seat.prompts = 0;
        }
    }

    pub fn ended(&mut self, process: u32) {
        self.shown.retain(|shown| shown.process != process);
    }

    /// A process is being killed. What it showed is gone from the screen.
    pub fn dies(&mut self, process: u32) {
        self.dying.insert(process);
        for seat in self.seats.values_mut() {
            seat.orphaned |= seat.prompting.remove(&process);
        }
    }

    pub fn two_processes(&mut self, now: u64) {
        self.two_until = self.two_until.max(now + HOUR);
    }

    /// A person taps, or signs in: what follows at once is theirs.
    pub fn person(&mut self, now: u64) {
        self.person_until = self.person_until.max(now + 2 * MINUTE);
    }

    /// Somebody signed in, with tokens that the server gave to `subject`.
    pub fn signed_in(&mut self, subject: &str) {
        self.signed_out.remove(subject);
        let seat = self.seat(subject);
        seat.refused_at = None;
        seat.end_episode();
        seat.unreasoned.clear();
    }
}

impl Seat {
    /// An episode may have ended.
    fn end_episode(&mut self) {
        (self.prompts, self.orphaned) = (0, false);
    }
}

fn forget(times: &mut VecDeque<u64>, now: u64) {
    while times.front().is_some_and(|at| at + HOUR <= now) {
        times.pop_front();
    }
}
