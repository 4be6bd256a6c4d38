//! What is being done right now.

use crate::{ProbePurpose, Timestamp};

/// What is being done right now. Never persisted: a restart makes it again from the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) kind: AttemptKind,
    pub(crate) deadline: Timestamp,
    /// Whether it stands in the issuer's count of calls already.
    pub(crate) counted: bool,
    /// Whether a person asked for it: exempt from spread and gaps, and so is what follows from it.
    pub(crate) by_person: bool,
    /// How many token requests of its gathering it makes, with those before it.
    pub(crate) requests: u8,
    /// Whether an earlier presentation of the same refresh token was left without an answer.
    pub(crate) intent_was_open: bool,
}

impl Attempt {
    pub(crate) fn is_token_request(&self) -> bool {
        matches!(self.kind, AttemptKind::Refresh | AttemptKind::Reauthenticate)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptKind {
    OpenVault,
    Probe(ProbePurpose),
    Refresh,
    Reauthenticate,
    Rediscover,
}
