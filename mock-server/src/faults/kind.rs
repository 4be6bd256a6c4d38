//! The kinds of faults, and what each may be told.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::{
    Endpoint, Refused,
    clock::{ServerClock, http_date},
    config::check_status,
    endpoint::Scope,
};

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
    /// A server that can do so much and no more: requests wait in line on its clock, and who would wait too long is sent away.
    BrownOut {
        /// How many requests it does in a second.
        capacity: u32,
        /// How long a request waits at most, in milliseconds.
        #[serde(default = "patience")]
        patience_ms: u32,
        /// The status for whom it sends away.
        #[serde(default = "unavailable")]
        status: u16,
    },
    /// A cache in front that looks at nothing but method and address: the first good answer goes to everybody. Stands where
    /// something is read unless a scope is given.
    SharedCache {
        /// Whether the answers say that they are old (`Age`, RFC 9111 section 5.1).
        #[serde(default = "yes")]
        marked: bool,
    },
    /// A captive portal between the device and the server: nothing gets through.
    Portal {
        /// Where it redirects to, as with status 302; absent: its page with status 200.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<String>,
    },
    /// An error status whose `Retry-After` is of no use.
    WrongRetryAfter {
        /// The status.
        #[serde(default = "unavailable")]
        status: u16,
        /// What is wrong with it.
        how: WrongRetryAfter,
    },
    /// The work is done and the answer shows it: status, headers and the beginning of the body arrive, then the connection
    /// is cut.
    CutShort {
        /// How many bytes of the body arrive, at most all but one.
        #[serde(default)]
        bytes: usize,
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

/// What is wrong with a `Retry-After` (RFC 9110 section 10.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongRetryAfter {
    /// A date an hour before the server's clock.
    PastDate,
    /// A date a year after the server's clock.
    FarDate,
    /// More seconds than a number has room for.
    Huge,
    /// Seconds below zero.
    Negative,
    /// No number and no date.
    Garbage,
    /// Nothing at all.
    Empty,
}

impl WrongRetryAfter {
    /// The header's value at this time.
    pub(super) fn value(self, clock: ServerClock) -> String {
        const HOUR_MS: u64 = 3_600_000;
        let now_ms = clock.now_ms();
        match self {
            Self::PastDate => http_date(now_ms.saturating_sub(HOUR_MS)),
            Self::FarDate => http_date(now_ms.saturating_add(365 * 24 * HOUR_MS)),
            Self::Huge => "99999999999999999999".to_owned(),
            Self::Negative => "-30".to_owned(),
            Self::Garbage => "soon".to_owned(),
            Self::Empty => String::new(),
        }
    }
}

/// How long a request waits in a brown-out unless it is said otherwise, in milliseconds.
pub(super) const PATIENCE_MS: u32 = 5_000;

fn patience() -> u32 {
    PATIENCE_MS
}

fn unavailable() -> u16 {
    503
}

fn yes() -> bool {
    true
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
            Self::BrownOut { .. } => "brown_out",
            Self::SharedCache { .. } => "shared_cache",
            Self::Portal { .. } => "portal",
            Self::WrongRetryAfter { .. } => "wrong_retry_after",
            Self::CutShort { .. } => "cut_short",
            Self::Body { .. } => "body",
        }
    }

    pub(super) fn default_scope(&self) -> Scope {
        match self {
            Self::RejectAll { .. } => {
                Scope::from([Endpoint::Userinfo, Endpoint::Catalogue, Endpoint::Sales, Endpoint::Shift, Endpoint::Me])
            }
            Self::SharedCache { .. } => Scope::from([
                Endpoint::Discovery,
                Endpoint::Jwks,
                Endpoint::Userinfo,
                Endpoint::Status,
                Endpoint::Catalogue,
                Endpoint::Me,
            ]),
            _ => Scope::all(),
        }
    }

    pub(super) fn check(&self) -> Result<(), Refused> {
        let header = |text: &str| {
            HeaderValue::from_str(text).map(drop).map_err(|_| Refused::new(format!("`{text}` is no header value")))
        };
        match self {
            Self::RejectAll { status, .. } | Self::Html { status } => check_status(*status).map(drop),
            Self::Status { status, retry_after } => {
                check_status(*status)?;
                retry_after.as_deref().map_or(Ok(()), header)
            }
            Self::BrownOut { capacity: 0, .. } => Err(Refused::new("a capacity of 0 is no brown-out: say status")),
            Self::BrownOut { status, .. } | Self::WrongRetryAfter { status, .. } => check_status(*status).map(drop),
            Self::Redirect { location } | Self::Portal { location: Some(location) } => header(location),
            Self::Portal { location: None } | Self::SharedCache { .. } | Self::CutShort { .. } => Ok(()),
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
