//! The faults that stand now, and which of them strike a request.

use std::collections::BTreeMap;

use super::{Fault, FaultKind};
use crate::Endpoint;

/// What happens to one request.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) slow_ms: u64,
    pub(crate) hold: Option<Hold>,
    /// The answer to give in place of the server's own, and whether the work is done first.
    pub(crate) answer: Option<(FaultKind, bool)>,
    pub(crate) foreign: Option<String>,
    pub(crate) age: Option<u64>,
    pub(crate) cut: bool,
}

/// When a held request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    BeforeTheWork,
    AfterTheWork,
}

struct Standing {
    fault: Fault,
    /// What `share` has added up to since it last struck.
    due: f64,
}

impl Standing {
    /// Whether this fault strikes a request to `endpoint`, which it then has.
    fn strikes(&mut self, endpoint: Endpoint) -> bool {
        if !self.fault.scope.covers(endpoint) || self.fault.times == Some(0) {
            return false;
        }
        self.due += self.fault.share.unwrap_or(1.0);
        // Ten shares of 0.1 add up to a little less than 1.
        if self.due < 1.0 - 1e-9 {
            return false;
        }
        self.due -= 1.0;
        if let Some(times) = &mut self.fault.times {
            *times -= 1;
        }
        true
    }
}

/// The faults that stand now, by name.
#[derive(Default)]
pub(crate) struct FaultBoard {
    standing: BTreeMap<String, Standing>,
}

impl FaultBoard {
    pub(crate) fn set(&mut self, name: String, fault: Fault) {
        self.standing.insert(name, Standing { fault, due: 0.0 });
    }

    /// Removes a fault; `None` if none of that name stands.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Fault> {
        self.standing.remove(name).map(|standing| standing.fault)
    }

    pub(crate) fn clear(&mut self) {
        self.standing.clear();
    }

    pub(crate) fn list(&self) -> BTreeMap<String, Fault> {
        self.standing.iter().map(|(name, standing)| (name.clone(), standing.fault.clone())).collect()
    }

    /// What strikes a request to `endpoint`. Of several answers the first by name is given, and only it is used up.
    pub(crate) fn strike(&mut self, endpoint: Endpoint) -> Effects {
        let mut effects = Effects::default();
        for standing in self.standing.values_mut() {
            let answers = matches!(
                standing.fault.kind,
                FaultKind::RejectAll { .. }
                    | FaultKind::Status { .. }
                    | FaultKind::Html { .. }
                    | FaultKind::Redirect { .. }
                    | FaultKind::Body { .. }
            );
            if (answers && effects.answer.is_some()) || !standing.strikes(endpoint) {
                continue;
            }
            match standing.fault.kind.clone() {
                FaultKind::Slow { millis } => effects.slow_ms = effects.slow_ms.saturating_add(millis),
                FaultKind::Hold {} if standing.fault.after_commit => effects.hold = Some(Hold::AfterTheWork),
                FaultKind::Hold {} => effects.hold = Some(Hold::BeforeTheWork),
                FaultKind::Cached { age } => effects.age = Some(age),
                FaultKind::ForeignIdentity { person } => effects.foreign = Some(person),
                FaultKind::DropAfterCommit {} => effects.cut = true,
                answer => effects.answer = Some((answer, standing.fault.after_commit)),
            }
        }
        self.standing.retain(|_, standing| standing.fault.times != Some(0));
        effects
    }
}
