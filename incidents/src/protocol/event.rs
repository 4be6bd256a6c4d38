//! What a client tells the director.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An event as it stands on a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// How many HTTP requests had come to an end in this process by then, well or not. With it the director tells the
    /// server's requests and the client's events in the order in which they happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<u64>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Something a client has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The session's state is this now. Also sent when only a detail of it changed.
    State(StateEvent),
    /// A sign-in prompt appears.
    Prompt(Prompt),
    /// One entry of the session's timeline: what was seen, what was decided, and why.
    Note(Note),
    /// What became of a sale.
    Sale(Sale),
    /// The till's screen shows something that belongs to a person.
    Shown(Shown),
    /// An order was carried out, or could not be.
    Done(Done),
}

/// The session's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    /// The vault is not read yet.
    Starting,
    /// The vault exists and cannot be opened now.
    Locked,
    /// Nobody is signed in, and nobody should be.
    SignedOut,
    /// Usable, or refreshable.
    SignedIn,
    /// Finding out what a rejection means.
    Recovering,
    /// New credentials would not help, or cannot be had now.
    Holding,
    /// Only a person can fix it.
    SignInRequired,
    /// Somebody else's identity turned up.
    Quarantined,
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Locked => "locked",
            Self::SignedOut => "signed_out",
            Self::SignedIn => "signed_in",
            Self::Recovering => "recovering",
            Self::Holding => "holding",
            Self::SignInRequired => "sign_in_required",
            Self::Quarantined => "quarantined",
        })
    }
}

/// A state with its details.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateEvent {
    /// Which.
    pub state: StateName,
    /// The stable code of its reason or cause, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the POS API can be used now, as far as the client knows.
    pub online: bool,
    /// When the client tries again by itself, on the virtual clock in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at_ms: Option<u64>,
    /// What the till tells the cashier.
    pub cashier: String,
}

/// A sign-in prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// The stable code of the reason, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the till stays usable behind it.
    pub in_place: bool,
    /// Whether the person is told to clear the app's data.
    #[serde(default)]
    pub asks_to_clear_app_data: bool,
    /// What it says.
    pub text: String,
}

/// An entry of the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The stable code of what was seen, begun or decided, for example `rung.refresh`. The word before the dot is its
    /// kind: `evidence`, `rung`, `step`, `verdict`, `destroy` and so on.
    pub code: String,
    /// What the code means, for an engineer.
    pub text: String,
    /// The state it happened in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateName>,
    /// Which set of credentials it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Until when, for a wait, on the virtual clock in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

/// What became of a sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// The name the director gave it.
    pub sale: String,
    /// Where it is now.
    pub outcome: Outcome,
}

/// Where a sale is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// In the till's sales database, waiting for the server.
    Queued,
    /// The server has it.
    Delivered,
    /// The till did not take it: the customer left.
    Refused,
}

/// Something on the screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The text, as the cashier reads it.
    pub text: String,
}

/// An order was carried out, or could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The order's number; 0 if it could not be read.
    pub id: u64,
    /// Why it could not be carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// What it asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// Why something did not work, in the words an app gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// `unknown_command`, `bad_order`, `too_early`, `unsupported`, or the name of the error an app would see, such as
    /// `try_later`.
    pub code: String,
    /// One sentence.
    pub message: String,
}

impl Failure {
    /// From a code and a sentence.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// What an order asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Answer {
    /// To `hello`.
    Hello(Hello),
    /// To `settle`.
    Settle(Quiet),
    /// To `call`.
    Call {
        /// The HTTP status the app saw.
        status: u16,
    },
    /// To `state`.
    State(Report),
    /// To `explain`.
    Explain(Said),
}

/// Who a client is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Its version of the protocol.
    pub protocol: u32,
    /// Its short name in reports: `rust`, `kotlin`, `python`, `web`, `naive`.
    pub client: String,
    /// Its own version.
    pub version: String,
}

/// Nothing moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    /// Whether that is so; `false` only if a newer `settle` replaced this one.
    pub quiet: bool,
    /// HTTP requests in flight.
    pub in_flight: u32,
    /// When a timer of the client's is due next, on the virtual clock in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_deadline_ms: Option<u64>,
}

/// The session, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its state.
    #[serde(flatten)]
    pub state: StateEvent,
    /// How many sets of credentials this process stored.
    pub generations: u64,
    /// How many sets of credentials this process destroyed that nothing accepted had replaced, sign-out apart.
    pub credentials_destroyed: u64,
}

/// The same trouble in the words of those who have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// For the person at the till.
    pub cashier: String,
    /// For the person who runs the shop.
    pub manager: String,
    /// For the person who is called.
    pub engineer: String,
    /// What happens next by itself.
    pub next: String,
}
