//! What happened, counted, so that a test asks instead of guessing.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::Endpoint;

/// The key under which a prompt is counted while nobody is known to be meant.
pub const NOBODY_YET: &str = "(nobody yet)";

/// The key under which sales without an idempotency key are counted.
pub const NO_KEY: &str = "(no key)";

/// The requests of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// How many arrived.
    pub total: u64,
    /// How many were answered, by status; `cut` where the connection was cut instead.
    pub by_status: BTreeMap<String, u64>,
}

/// What happened since the start or the last reset. `held`, `sleeping`, `in_flight`, `sessions` and `enrolments` are
/// what is true now, and no reset changes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observations {
    /// Requests by endpoint, those that a fault answered included.
    pub requests: BTreeMap<Endpoint, Requests>,
    /// Sign-in prompts by person: pages shown, and scripted sign-ins.
    pub prompts: BTreeMap<String, u64>,
    /// About whom `/api/*` and userinfo answered.
    pub identities_served: BTreeMap<String, u64>,
    /// Requests that wait for a release.
    pub held: u64,
    /// Requests that wait for a virtual clock to reach the end of a `slow`.
    pub sleeping: u64,
    /// Requests being worked on: neither held nor sleeping.
    pub in_flight: u64,
    /// How often each refresh token was presented, by [`fingerprint`](crate::fingerprint).
    pub refreshes_by_generation: BTreeMap<String, u64>,
    /// How often a superseded refresh token, or a used code, revoked a session.
    pub reuse_detections: u64,
    /// Proofs of possession that had been used before.
    pub replayed_proofs: u64,
    /// Access tokens issued.
    pub tokens_issued: u64,
    /// Requests whose access token was good.
    pub tokens_accepted: u64,
    /// Requests whose access token was not, by reason.
    pub tokens_rejected: BTreeMap<String, u64>,
    /// Accepted sales requests by idempotency key, repeats included.
    pub sales: BTreeMap<String, u64>,
    /// Sales requests that repeated a known idempotency key and were answered from the first one.
    pub duplicate_sales: u64,
    /// Sessions that are neither revoked nor lost.
    pub sessions: u64,
    /// Device keys enrolled.
    pub enrolments: u64,
    /// Successful revocations by a client (RFC 7009).
    pub revoked: u64,
}

impl Observations {
    /// How many requests to `endpoint` arrived.
    #[must_use]
    pub fn requests_to(&self, endpoint: Endpoint) -> u64 {
        self.requests.get(&endpoint).map_or(0, |requests| requests.total)
    }

    /// How many requests arrived at the token endpoint, with any grant.
    #[must_use]
    pub fn token_requests(&self) -> u64 {
        [Endpoint::Token, Endpoint::Refresh, Endpoint::JwtBearer, Endpoint::DeviceCode]
            .map(|endpoint| self.requests_to(endpoint))
            .iter()
            .sum()
    }

    /// How many requests to `endpoint` were answered with `status`.
    #[must_use]
    pub fn answered(&self, endpoint: Endpoint, status: u16) -> u64 {
        let requests = self.requests.get(&endpoint);
        requests.and_then(|requests| requests.by_status.get(&status.to_string())).copied().unwrap_or(0)
    }

    /// How many sign-in prompts there were, for anybody.
    #[must_use]
    pub fn prompts_in_all(&self) -> u64 {
        self.prompts.values().sum()
    }
}

/// One request, as it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// When it arrived, in milliseconds since 1970 on the server's clock.
    pub at_ms: u64,
    /// Where.
    pub endpoint: Endpoint,
    /// The node that answered, counted from 1; absent where there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<usize>,
    /// The status, or `cut`. Absent while it has not been answered, and where the client went away first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// How many requests [`Journal`] remembers.
const REMEMBERED: usize = 10_000;

/// The last requests, in the order of their arrival.
#[derive(Default)]
pub(crate) struct Journal {
    records: VecDeque<RequestRecord>,
    /// How many were forgotten.
    forgotten: usize,
}

impl Journal {
    /// Notes an arrival; the number names it in [`answered`](Self::answered).
    pub(crate) fn arrived(&mut self, at_ms: u64, endpoint: Endpoint, node: Option<usize>) -> usize {
        if self.records.len() == REMEMBERED {
            self.records.pop_front();
            self.forgotten += 1;
        }
        self.records.push_back(RequestRecord { at_ms, endpoint, node, status: None });
        self.forgotten + self.records.len() - 1
    }

    pub(crate) fn answered(&mut self, number: usize, status: &str) {
        let position = number.checked_sub(self.forgotten);
        if let Some(record) = position.and_then(|position| self.records.get_mut(position)) {
            record.status = Some(status.to_owned());
        }
    }

    pub(crate) fn list(&self) -> Vec<RequestRecord> {
        self.records.iter().cloned().collect()
    }

    /// Forgets everything. Numbers given out before stay harmless.
    pub(crate) fn clear(&mut self) {
        self.forgotten += self.records.len();
        self.records.clear();
    }
}

/// Adds one to the count under `key`.
pub(crate) fn count(counts: &mut BTreeMap<String, u64>, key: &str) {
    match counts.get_mut(key) {
        Some(count) => *count += 1,
        None => {
            counts.insert(key.to_owned(), 1);
        }
    }
}
