//! The faults that stand now, and which of them strike a request.

use std::collections::BTreeMap;

use axum::response::Response;
use bytes::Bytes;

use super::{Fault, FaultKind, brown_out::Line, cache::Cache};
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
    /// How many bytes of the body arrive before the connection is cut.
    pub(crate) cut_short: Option<usize>,
    /// The fault whose cache stands in front.
    pub(crate) cache: Option<String>,
}

/// When a held request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    BeforeTheWork,
    AfterTheWork,
}

/// A request, as far as faults look at it.
#[derive(Clone, Copy)]
pub(crate) struct Strike {
    pub(crate) endpoint: Endpoint,
    pub(crate) now_ms: u64,
    /// The number of the device, counted from 1; `None` for who shows no credentials.
    pub(crate) device: Option<u64>,
}

struct Standing {
    fault: Fault,
    /// What `share` has added up to since it last struck.
    due: f64,
    line: Line,
    cache: Cache,
}

impl Standing {
    /// Whether this fault strikes a request, which it then has.
    fn strikes(&mut self, request: Strike) -> bool {
        if !self.fault.scope.covers(request.endpoint) || self.fault.times == Some(0) {
            return false;
        }
        if self.fault.devices.is_some_and(|share| !request.device.is_some_and(|device| is_among(device, share))) {
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

/// Whether a device is among this share of all devices. Multiplicative hashing by the golden ratio: any run of numbers
/// is spread evenly, every device is always on the same side, and the first one is the first to be struck.
fn is_among(device: u64, share: f64) -> bool {
    let hash = device.wrapping_sub(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    f64::from(u32::try_from(hash).unwrap_or(u32::MAX)) / f64::from(u32::MAX) < share
}

/// The faults that stand now, by name.
#[derive(Default)]
pub(crate) struct FaultBoard {
    standing: BTreeMap<String, Standing>,
}

impl FaultBoard {
    pub(crate) fn set(&mut self, name: String, fault: Fault) {
        let standing = Standing { fault, due: 0.0, line: Line::default(), cache: Cache::default() };
        self.standing.insert(name, standing);
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

    /// Whether any fault strikes some devices only.
    pub(crate) fn looks_at_devices(&self) -> bool {
        self.standing.values().any(|standing| standing.fault.devices.is_some())
    }

    /// What the cache of the fault `name` keeps for an address.
    pub(crate) fn cached(&self, name: &str, resource: &str, now_ms: u64) -> Option<Response> {
        let standing = self.standing.get(name)?;
        let marked = matches!(standing.fault.kind, FaultKind::SharedCache { marked: true });
        standing.cache.get(resource, now_ms, marked)
    }

    /// Lets the cache of the fault `name` keep an answer.
    pub(crate) fn cache(&mut self, name: &str, resource: String, now_ms: u64, response: &Response, body: &Bytes) {
        if let Some(standing) = self.standing.get_mut(name) {
            standing.cache.keep(resource, now_ms, response, body);
        }
    }

    /// What strikes a request. Of several answers the first by name is given, and only it is used up.
    pub(crate) fn strike(&mut self, request: Strike) -> Effects {
        let mut effects = Effects::default();
        for (name, standing) in &mut self.standing {
            let answers = matches!(
                standing.fault.kind,
                FaultKind::RejectAll { .. }
                    | FaultKind::Status { .. }
                    | FaultKind::Html { .. }
                    | FaultKind::Redirect { .. }
                    | FaultKind::Portal { .. }
                    | FaultKind::WrongRetryAfter { .. }
                    | FaultKind::Body { .. }
            );
            if (answers && effects.answer.is_some()) || !standing.strikes(request) {
                continue;
            }
            match standing.fault.kind.clone() {
                FaultKind::Slow { millis } => effects.slow_ms = effects.slow_ms.saturating_add(millis),
                FaultKind::Hold {} if standing.fault.after_commit => effects.hold = Some(Hold::AfterTheWork),
                FaultKind::Hold {} => effects.hold = Some(Hold::BeforeTheWork),
                FaultKind::Cached { age } => effects.age = Some(age),
                FaultKind::ForeignIdentity { person } => effects.foreign = Some(person),
                FaultKind::DropAfterCommit {} => effects.cut = true,
                FaultKind::CutShort { bytes } => effects.cut_short = Some(bytes),
                FaultKind::SharedCache { .. } => effects.cache = Some(name.clone()),
                FaultKind::BrownOut { capacity, patience_ms, status } => {
                    match standing.line.join(request.now_ms, capacity, patience_ms) {
                        Some(wait_ms) => effects.slow_ms = effects.slow_ms.saturating_add(wait_ms),
                        None => effects.answer = Some((FaultKind::Status { status, retry_after: None }, false)),
                    }
                }
                answer => effects.answer = Some((answer, standing.fault.after_commit)),
            }
        }
        self.standing.retain(|_, standing| standing.fault.times != Some(0));
        effects
    }
}
