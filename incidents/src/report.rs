//! What the director saw, for machines: one JSON object per incident and client.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::protocol::StateName;

/// One incident, played by one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The incident's name.
    pub incident: String,
    /// The client's name.
    pub client: String,
    /// Whether everything that was expected is so.
    pub ok: bool,
    /// The session's state at the end.
    pub state: StateName,
    /// The code of its reason or cause, where it has one.
    pub reason: Option<String>,
    /// How many sign-in prompts people saw.
    pub prompts: u64,
    /// Requests by the mock server's name of the endpoint; those that got none are left out.
    pub requests: BTreeMap<String, u64>,
    /// How many sets of credentials were stored.
    pub generations: u64,
    /// How many sets of credentials were destroyed that nothing accepted had replaced.
    pub credentials_destroyed: u64,
    /// How many bytes of another person's name were shown.
    pub foreign_bytes: u64,
    /// Whether the app's data is byte for byte what it was, its own new sales apart.
    pub app_data_identical: bool,
    /// Whether anybody was told to clear the app's data.
    pub asks_to_clear_app_data: bool,
    /// Whether a new process finds the session as the old one left it.
    pub session_survives_restart: bool,
    /// For how many seconds of virtual time the till could not sell online.
    pub seconds_not_selling: u64,
    /// For how many of those it could not sell offline either: nobody was served.
    pub seconds_lost: u64,
    /// How often the app was killed.
    pub kills: u64,
    /// How often the server took a refresh token for stolen, because it was presented again.
    pub reuse_detections: u64,
    /// What became of the sales.
    pub sales: SalesCount,
    /// What was expected and is not so.
    pub failures: Vec<Failure>,
}

/// What became of the sales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SalesCount {
    /// The till took them.
    pub taken: u64,
    /// The server has them, each once.
    pub delivered: u64,
    /// The till did not take them.
    pub refused: u64,
}

/// One expectation that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When it should have held: a length of time from the start, or `the end`.
    pub at: String,
    /// The line of the incident's file.
    pub line: usize,
    /// What was looked at, in the file's own words.
    pub what: String,
    /// What should be.
    pub expected: String,
    /// What is.
    pub seen: String,
}
