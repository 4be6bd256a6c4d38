//! The catalogue format: one incident is one TOML file.
//!
//! A file tells where the incident is known from, what was given, what happened when and by whom, and what must be true
//! afterwards. It speaks of servers, tills and people, so that one file is the truth for clients in every language.
//! `docs/incident-format.md` describes every key for the people who write such files.
//!
//! [`Incident::read`] takes any file. What is wrong in it is a [`FormatError`] that names file and line, and the
//! nearest key or word that would have been right.

mod error;
mod expect;
mod given;
mod parse;
mod step;
mod values;

#[cfg(test)]
mod tests;

pub use error::FormatError;
pub use expect::{Bounds, Expect, Moment, OneOrMore};
pub use given::{
    App, Given, Person, Profile, Provider, RefreshTokens, Rejection, RejectionStyle, Rotation, Server, Sessions,
    SignedWith,
};
pub use step::{
    AppStep, Call, ChangeSecret, ClearFaults, ClockShift, DeviceStep, Fault, Kill, Middle, Network, OnNodes, OnOff,
    PersonStep, RedisState, RedisStep, RejectAll, Release, RevokeSessions, RotateJwks, Sell, ServerStep, SignIn, Step,
    What,
};
pub use values::{Delay, Shift, StartTime};

use std::path::Path;

use serde::Deserialize;

/// Largest file that is read, in bytes.
pub const LARGEST_FILE: usize = 64 * 1024;

/// Everybody a catalogue file can name: the mock server knows these people and nobody else.
pub const PEOPLE: [&str; 3] = ["ada", "grace", "linus"];

/// One incident of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// The file's name without `.toml`.
    pub name: String,
    /// The facts around it.
    pub about: About,
    /// The world before anything goes wrong: everybody is signed in and the till sells.
    pub given: Given,
    /// What happens, in order of time; steps of the same moment keep the order of the file.
    pub steps: Vec<Step>,
    /// What must be true, in order of time; the end comes last.
    pub expect: Vec<Expect>,
}

/// What a reader wants to know first.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// One line, for lists.
    pub title: String,
    /// The year it happened.
    pub year: u16,
    /// Who reported it, and when.
    pub source: String,
    /// Where the report can be read.
    #[serde(default)]
    pub link: Option<String>,
    /// What happened, in a few sentences.
    pub story: String,
    /// What people suffered from it, with the source's figures.
    pub suffered: String,
    /// What the source does not say and the scenario needs.
    #[serde(default)]
    pub assumed: Option<String>,
    /// Which client it is about: a till, a web page for administrators, somebody who has just signed in.
    #[serde(default)]
    pub client: Option<String>,
    /// Whether it is one of the incidents that Mainstay exists for (DESIGN.md).
    #[serde(default)]
    pub founding: bool,
}

impl Incident {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is larger than [`LARGEST_FILE`], is not UTF-8 or TOML, or says something the format does
    /// not know. The error names the file and, where there is one, the line.
    pub fn read(path: &Path) -> Result<Self, FormatError> {
        parse::read(path)
    }

    /// Checks `text` as the content of a file called `name`.toml.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn parse(name: &str, text: &str) -> Result<Self, FormatError> {
        parse::parse(&format!("{name}.toml"), name, text)
    }
}
