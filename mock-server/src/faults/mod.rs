//! What can be broken, as data.
//!
//! A [`Fault`] is a kind, the places it stands in, and how often it strikes. `PUT /control/faults/{name}` takes its JSON,
//! where the name up to the first dot is the kind: `status` and `status.api` are two faults of one kind.

mod board;
mod brown_out;
mod cache;
mod device;
mod kind;
mod layer;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use board::{Effects, FaultBoard, Strike};
pub use kind::{Body, FaultKind, WrongRetryAfter};
pub(crate) use layer::{ConnectionCut, through};

use crate::{Refused, endpoint::Scope};

/// Something that is broken on purpose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Map<String, Value>", try_from = "Map<String, Value>")]
pub struct Fault {
    /// What it does.
    pub kind: FaultKind,
    /// Where it stands.
    pub scope: Scope,
    /// Which share of the requests it strikes, evenly: 0.5 is every second one. Absent: all of them.
    pub share: Option<f64>,
    /// Which share of the devices it strikes, always the same ones: who signed in first is the first to be struck. A device
    /// is a sign-in and whatever its device key opens later. Requests that show no credentials are not struck. Absent:
    /// all devices.
    pub devices: Option<f64>,
    /// How often it still strikes. Absent: without an end.
    pub times: Option<u64>,
    /// For an answer of its own and for `hold`: whether the work is done first, as by a server that commits and then
    /// fails. `drop_after_commit` always does it.
    pub after_commit: bool,
}

impl Fault {
    /// A fault of this kind, at the kind's usual places, striking every time.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self { scope: kind.default_scope(), kind, share: None, devices: None, times: None, after_commit: false }
    }

    /// Every token is rejected with 401, in the configured style.
    #[must_use]
    pub fn reject_all() -> Self {
        Self::new(FaultKind::RejectAll { status: 401, legacy: false })
    }

    /// Every token is rejected with this status and "Token invalid", without `WWW-Authenticate`.
    #[must_use]
    pub fn reject_all_legacy(status: u16) -> Self {
        Self::new(FaultKind::RejectAll { status, legacy: true })
    }

    /// An error status without `Retry-After`.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::new(FaultKind::Status { status, retry_after: None })
    }

    /// An error status with `Retry-After`: seconds or an HTTP date.
    #[must_use]
    pub fn status_with_retry_after(status: u16, retry_after: impl Into<String>) -> Self {
        Self::new(FaultKind::Status { status, retry_after: Some(retry_after.into()) })
    }

    /// A page with status 200 where JSON was due.
    #[must_use]
    pub fn html() -> Self {
        Self::new(FaultKind::Html { status: 200 })
    }

    /// The work is done, then the connection is cut.
    #[must_use]
    pub fn drop_after_commit() -> Self {
        Self::new(FaultKind::DropAfterCommit {})
    }

    /// Answers come this much later on the server's clock. Counted in whole milliseconds.
    #[must_use]
    pub fn slow(by: Duration) -> Self {
        Self::new(FaultKind::Slow { millis: u64::try_from(by.as_millis()).unwrap_or(u64::MAX) })
    }

    /// Requests wait until they are released.
    #[must_use]
    pub fn hold() -> Self {
        Self::new(FaultKind::Hold {})
    }

    /// Answers pretend to be this many seconds old.
    #[must_use]
    pub fn cached(age: u64) -> Self {
        Self::new(FaultKind::Cached { age })
    }

    /// Answers are about `person`.
    #[must_use]
    pub fn foreign_identity(person: impl Into<String>) -> Self {
        Self::new(FaultKind::ForeignIdentity { person: person.into() })
    }

    /// A redirect to `location`.
    #[must_use]
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::new(FaultKind::Redirect { location: location.into() })
    }

    /// A server that does `capacity` requests in a second of its clock: more of them wait in line, and who would wait longer
    /// than 5 s is sent away with 503.
    #[must_use]
    pub fn brown_out(capacity: u32) -> Self {
        Self::new(FaultKind::BrownOut { capacity, patience_ms: kind::PATIENCE_MS, status: 503 })
    }

    /// A cache in front that gives the first answer to everybody, whoever asks.
    #[must_use]
    pub fn shared_cache() -> Self {
        Self::new(FaultKind::SharedCache { marked: true })
    }

    /// A captive portal: its page with status 200, whatever was asked for.
    #[must_use]
    pub fn portal() -> Self {
        Self::new(FaultKind::Portal { location: None })
    }

    /// A captive portal that redirects everything to its page at `location`.
    #[must_use]
    pub fn portal_at(location: impl Into<String>) -> Self {
        Self::new(FaultKind::Portal { location: Some(location.into()) })
    }

    /// An error status whose `Retry-After` is of no use.
    #[must_use]
    pub fn wrong_retry_after(status: u16, how: WrongRetryAfter) -> Self {
        Self::new(FaultKind::WrongRetryAfter { status, how })
    }

    /// The work is done; status, headers and this many bytes of the body arrive, then the connection is cut.
    #[must_use]
    pub fn cut_short(bytes: usize) -> Self {
        Self::new(FaultKind::CutShort { bytes })
    }

    /// Exactly this answer.
    #[must_use]
    pub fn answer(status: u16, content_type: impl Into<String>, body: Body) -> Self {
        Self::new(FaultKind::Body { status, content_type: content_type.into(), body, headers: BTreeMap::new() })
    }

    /// Exactly this JSON text.
    #[must_use]
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::answer(status, "application/json", Body::Text(body.into()))
    }

    /// The same fault at these places only.
    #[must_use]
    pub fn at(mut self, scope: impl Into<Scope>) -> Self {
        self.scope = scope.into();
        self
    }

    /// The same fault, gone after it struck this often.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// The same fault for this share of the requests only, between 0 and 1.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = Some(share);
        self
    }

    /// The same fault for this share of the devices only, between 0 and 1, and always for the same ones.
    #[must_use]
    pub fn devices(mut self, share: f64) -> Self {
        self.devices = Some(share);
        self
    }

    /// The same fault after the work was done.
    #[must_use]
    pub fn after_commit(mut self) -> Self {
        self.after_commit = true;
        self
    }

    /// Whether it can be carried out.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        let outside = |share: Option<f64>| share.is_some_and(|share| !(0.0..=1.0).contains(&share));
        if outside(self.share) || outside(self.devices) {
            return Err(Refused::new("a share is not between 0 and 1"));
        }
        self.kind.check()
    }
}

/// The members that every kind of fault has.
#[derive(Serialize, Deserialize)]
struct Frequency {
    #[serde(default)]
    scope: Option<Scope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    devices: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    after_commit: bool,
}

impl TryFrom<Map<String, Value>> for Fault {
    type Error = String;

    fn try_from(mut json: Map<String, Value>) -> Result<Self, String> {
        let common = ["scope", "share", "devices", "times", "after_commit"];
        let common = common.into_iter().filter_map(|name| json.remove_entry(name)).collect();
        let common: Frequency = serde_json::from_value(Value::Object(common)).map_err(|e| e.to_string())?;
        let kind: FaultKind = serde_json::from_value(Value::Object(json)).map_err(|e| e.to_string())?;
        let scope = common.scope.unwrap_or_else(|| kind.default_scope());
        let Frequency { share, devices, times, after_commit, .. } = common;
        let fault = Self { kind, scope, share, devices, times, after_commit };
        fault.check().map_err(|refused| refused.to_string())?;
        Ok(fault)
    }
}

impl From<Fault> for Map<String, Value> {
    fn from(fault: Fault) -> Self {
        let common = Frequency {
            scope: Some(fault.scope),
            share: fault.share,
            devices: fault.devices,
            times: fault.times,
            after_commit: fault.after_commit,
        };
        let members = |value: serde_json::Result<Value>| match value {
            Ok(Value::Object(members)) => members,
            _ => Self::new(),
        };
        let mut json = members(serde_json::to_value(fault.kind));
        json.extend(members(serde_json::to_value(common)));
        json
    }
}
