//! What happens, as it happens: for whoever presents it.

use crate::{
    format::{Middle, What},
    protocol::{Note, Outcome, Prompt, Said, StateEvent},
    report::Failure,
};

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Milliseconds of virtual time since the incident began.
    pub at_ms: u64,
    /// What.
    pub what: Happening,
}

/// What can happen. Moments in it are counted from the beginning of the incident, too.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// Everybody is signed in and the till sells: the incident begins.
    Begins {
        /// Who is at the till.
        person: String,
    },
    /// A step of the file was carried out.
    Step(What),
    /// The network came back after the sales that were queued without it.
    NetworkReturned,
    /// The app's process was killed in the middle of a request to this endpoint.
    Killed {
        /// The mock server's name of the endpoint.
        during: String,
        /// In the middle of which part of it.
        moment: Middle,
    },
    /// The app was started again.
    StartedAgain,
    /// The person at the till does what a prompt asks for.
    PersonAnswers {
        /// And clears the app's data first, as told.
        clears_app_data: bool,
    },
    /// The client's session changed.
    State(StateEvent),
    /// What the session would tell people about that change.
    Explained(Said),
    /// The client asks somebody to sign in.
    Prompt(Prompt),
    /// The client's timeline has a new entry.
    Note(Note),
    /// The screen shows a name.
    Shown(String),
    /// The till was asked to sell.
    Asked {
        /// The sale.
        sale: String,
        /// What it costs, in cents.
        total_cents: u32,
    },
    /// Something became of a sale.
    Sale {
        /// The sale.
        sale: String,
        /// What it costs, in cents.
        total_cents: u32,
        /// Where it is.
        outcome: Outcome,
        /// How long ago it was asked for, in milliseconds of virtual time.
        after_ms: u64,
    },
    /// A call of the app came back.
    Called {
        /// The path.
        path: String,
        /// The status, or the code of the error.
        result: Result<u16, String>,
    },
    /// A request reached the server, and this is how it was answered.
    Request {
        /// The mock server's name of the endpoint.
        endpoint: String,
        /// The status, or `cut`.
        status: String,
    },
    /// An order could not be carried out.
    Refused {
        /// Which.
        order: &'static str,
        /// The error's code.
        code: String,
        /// The error's sentence.
        message: String,
    },
    /// Something that was expected is not so.
    Failed(Failure),
    /// The incident is over.
    Ends,
}
