//! What can be broken, as data.
//!
//! A [`Fault`] is a kind, the places it stands in, and how often it strikes. `PUT /control/faults/{name}` takes its JSON,
//! where the name up to the first dot is the kind: `status` and `status.api` are two faults of one kind.

mod board;
mod layer;

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use board::{Effects, FaultBoard};
pub(crate) use layer::{ConnectionCut, through};

use crate::{Endpoint, Refused, config::check_status, endpoint::Scope};

/// A body that a fault answers with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Body {
    /// As it stands.
    Text(String),
    /// Any bytes.
    Base64 {
        /// Standard base64 with padding (RFC 4648 section 4).
        base64: String,
    },
    /// The same text again and again.
    Repeat {
        /// The text.
        repeat: String,
        /// How often.
        count: usize,
    },
}

/// The largest body a fault may answer with, in bytes: 64 MiB.
const LARGEST_BODY: usize = 64 << 20;

impl Body {
    /// The bytes; `None` if it is no base64 or larger than 64 MiB.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.clone().into_bytes()),
            Self::Base64 { base64 } => STANDARD.decode(base64).ok(),
            Self::Repeat { repeat, count } => {
                let size = repeat.len().checked_mul(*count)?;
                (size <= LARGEST_BODY).then(|| repeat.repeat(*count).into_bytes())
            }
        }
    }
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Every token is rejected. Stands at the POS API and userinfo unless a scope is given.
    RejectAll {
        /// The status.
        #[serde(default = "unauthorized")]
        status: u16,
        /// Whether the POS API answers in the legacy style, whatever the configuration says.
        #[serde(default)]
        legacy: bool,
    },
    /// An error status with a short text, as from an overloaded server or a proxy.
    Status {
        /// The status.
        status: u16,
        /// `Retry-After` (RFC 9110 section 10.2.3), seconds or a date.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<String>,
    },
    /// A page where JSON was due, as from a captive portal.
    Html {
        /// The status.
        #[serde(default = "ok")]
        status: u16,
    },
    /// The work is done, then the connection is cut instead of answering.
    DropAfterCommit {},
    /// The answer comes late, on the server's clock.
    Slow {
        /// How late, in milliseconds.
        millis: u64,
    },
    /// The request waits until it is released.
    Hold {},
    /// The answer pretends to come from a cache (RFC 9111 section 5.1).
    Cached {
        /// `Age`, in seconds.
        age: u64,
    },
    /// The answer is about another person, as from a mixed-up session store.
    ForeignIdentity {
        /// That person.
        person: String,
    },
    /// A redirect.
    Redirect {
        /// `Location`.
        location: String,
    },
    /// Exactly this answer.
    Body {
        /// The status.
        #[serde(default = "ok")]
        status: u16,
        /// `Content-Type`.
        content_type: String,
        /// The body.
        body: Body,
        /// Further headers.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
    },
}

fn unauthorized() -> u16 {
    401
}

fn ok() -> u16 {
    200
}

impl FaultKind {
    /// The name it has in JSON and in `/control/faults/{name}`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::RejectAll { .. } => "reject_all",
            Self::Status { .. } => "status",
            Self::Html { .. } => "html",
            Self::DropAfterCommit {} => "drop_after_commit",
            Self::Slow { .. } => "slow",
            Self::Hold {} => "hold",
            Self::Cached { .. } => "cached",
            Self::ForeignIdentity { .. } => "foreign_identity",
            Self::Redirect { .. } => "redirect",
            Self::Body { .. } => "body",
        }
    }

    fn default_scope(&self) -> Scope {
        match self {
            Self::RejectAll { .. } => {
                Scope::from([Endpoint::Userinfo, Endpoint::Catalogue, Endpoint::Sales, Endpoint::Shift, Endpoint::Me])
            }
            _ => Scope::all(),
        }
    }

    fn check(&self) -> Result<(), Refused> {
        let header = |text: &str| {
            HeaderValue::from_str(text).map(drop).map_err(|_| Refused::new(format!("`{text}` is no header value")))
        };
        match self {
            Self::RejectAll { status, .. } | Self::Html { status } => check_status(*status).map(drop),
            Self::Status { status, retry_after } => {
                check_status(*status)?;
                retry_after.as_deref().map_or(Ok(()), header)
            }
            Self::Redirect { location } => header(location),
            Self::Body { status, content_type, body, headers } => {
                check_status(*status)?;
                header(content_type)?;
                for (name, value) in headers {
                    let framing = ["content-length", "transfer-encoding", "date", "connection"];
                    if name.parse::<HeaderName>().is_err() || framing.contains(&name.to_lowercase().as_str()) {
                        return Err(Refused::new(format!("`{name}` is no header that can be set")));
                    }
                    header(value)?;
                }
                body.bytes().map(drop).ok_or_else(|| Refused::new("the body is no base64, or larger than 64 MiB"))
            }
            Self::DropAfterCommit {} | Self::Slow { .. } | Self::Hold {} => Ok(()),
            Self::Cached { .. } | Self::ForeignIdentity { .. } => Ok(()),
        }
    }
}

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
        Self { scope: kind.default_scope(), kind, share: None, times: None, after_commit: false }
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

    /// The same fault after the work was done.
    #[must_use]
    pub fn after_commit(mut self) -> Self {
        self.after_commit = true;
        self
    }

    /// Whether it can be carried out.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        if self.share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err(Refused::new("share is not between 0 and 1"));
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
    times: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    after_commit: bool,
}

impl TryFrom<Map<String, Value>> for Fault {
    type Error = String;

    fn try_from(mut json: Map<String, Value>) -> Result<Self, String> {
        let common = ["scope", "share", "times", "after_commit"];
        let common = common.into_iter().filter_map(|name| json.remove_entry(name)).collect();
        let common: Frequency = serde_json::from_value(Value::Object(common)).map_err(|e| e.to_string())?;
        let kind: FaultKind = serde_json::from_value(Value::Object(json)).map_err(|e| e.to_string())?;
        let scope = common.scope.unwrap_or_else(|| kind.default_scope());
        let fault = Self { kind, scope, share: common.share, times: common.times, after_commit: common.after_commit };
        fault.check().map_err(|refused| refused.to_string())?;
        Ok(fault)
    }
}

impl From<Fault> for Map<String, Value> {
    fn from(fault: Fault) -> Self {
        let common = Frequency {
            scope: Some(fault.scope),
            share: fault.share,
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
