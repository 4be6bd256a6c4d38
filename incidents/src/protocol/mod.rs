//! What the director and a client process say to each other: one JSON object per line.
//!
//! The director writes [`Order`]s to the client's standard input, the client writes [`Event`]s to its standard output and
//! its own log to standard error. `docs/client-protocol.md` is the whole truth for clients in other languages.

mod command;
mod event;
mod lines;

#[cfg(test)]
mod tests;

pub use command::{Command, Order, Profile, RejectionRule, Start, Tokens};
pub use event::{
    Answer, Done, Event, Failure, Hello, Note, Outcome, Prompt, Quiet, Report, Said, Sale, Shown, StateEvent,
    StateName, Told,
};
pub use lines::{LONGEST_LINE, LineError, read_line, write_line};

/// The version of this protocol. A director and a client that differ do not play together.
pub const VERSION: u32 = 1;
