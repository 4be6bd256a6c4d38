//! How a server says that it is: Mainstay's status document and its header. Extensions of ours.
//!
//! `GET /.well-known/mainstay-status` answers `{"healthy": true}` or, in trouble, for example
//! `{"healthy": false, "spread_seconds": 600, "message": "We are restoring a key."}`.

use std::time::Duration;

use http::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Endpoint, MalformedAnswer, SecretRequest, Untrusted, json};

/// The longest spread that a server can ask for.
pub const MAX_SPREAD: Duration = Duration::from_secs(24 * 60 * 60);

/// The header by which any answer can ask for a spread, in seconds.
pub const SPREAD_HEADER: &str = "mainstay-spread-seconds";

/// The largest status document, in bytes.
const MAX_STATUS: usize = 8 * 1024;

/// What the status document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerStatus {
    /// Whether the operators consider the server healthy.
    pub healthy: bool,
    /// Over how long first attempts should be spread; at most [`MAX_SPREAD`].
    pub spread: Option<Duration>,
    /// The operators' words to people.
    pub message: Option<Untrusted>,
}

/// A request for the status document.
#[must_use]
pub fn status_request(endpoint: &Endpoint) -> SecretRequest {
    SecretRequest::without_body(Method::GET, endpoint)
}

/// The spread that the headers of any answer ask for; at most [`MAX_SPREAD`].
#[must_use]
pub fn spread_hint(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(SPREAD_HEADER)?.to_str().ok()?.trim();
    spread(text.parse().ok()?)
}

fn spread(seconds: i64) -> Option<Duration> {
    u64::try_from(seconds).ok().map(|seconds| Duration::from_secs(seconds).min(MAX_SPREAD))
}

impl ServerStatus {
    /// Reads the status document. Only `healthy` is insisted on.
    ///
    /// # Errors
    /// [`MalformedAnswer`]: nothing is known about the server's health. A cached document is old news.
    pub fn read(answer: &Answer<'_>) -> Result<Self, MalformedAnswer> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            healthy: Option<Value>,
            #[serde(default)]
            spread_seconds: Option<Value>,
            #[serde(default)]
            message: json::Lenient<String>,
        }
        answer.require_uncached()?;
        if answer.status() != 200 {
            return Err(MalformedAnswer::Status(answer.status()));
        }
        let body: Body = json::object(answer.body(), MAX_STATUS)?;
        let healthy = body.healthy.ok_or(MalformedAnswer::Missing("healthy"))?;
        Ok(Self {
            healthy: healthy.as_bool().ok_or(MalformedAnswer::Invalid("healthy"))?,
            spread: body.spread_seconds.as_ref().and_then(json::whole_number).and_then(spread),
            message: body.message.0.filter(|text| !text.trim().is_empty()).map(Untrusted::new),
        })
    }
}

#[cfg(test)]
mod tests;
