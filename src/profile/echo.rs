//! Whom a response says it is for.

use bytes::Bytes;
use http::Response;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::oauth::text_of_name;

/// Where a server repeats, in every response, the subject that it answers for. It is compared with the pinned subject before
/// the body is released: a right token over a mixed-up session store passes every check of the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityEcho {
    /// In this response header.
    Header(String),
    /// At this place of a JSON body ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)), for example `/user/id`.
    JsonPointer(String),
}

/// What a response echoes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Echoed {
    /// This subject.
    Subject(String),
    /// Nobody: absent, empty, no name, or a body that cannot be read.
    Nobody,
    /// There is no body that could be somebody's.
    NoBody,
}

impl IdentityEcho {
    pub(crate) fn read(&self, response: &Response<Bytes>) -> Echoed {
        let found = match self {
            Self::Header(name) => {
                let mut values = response.headers().get_all(name).iter();
                let value = values.next().and_then(|value| value.to_str().ok()).map(str::to_owned);
                // Two that differ name nobody.
                value.filter(|value| values.all(|other| other.as_bytes() == value.as_bytes()))
            }
            Self::JsonPointer(_) if response.body().is_empty() => return Echoed::NoBody,
            Self::JsonPointer(pointer) => {
                let body: Option<Value> = serde_json::from_slice(response.body()).ok();
                body.as_ref().and_then(|body| body.pointer(pointer)).and_then(text_of_name)
            }
        };
        found.filter(|subject| !subject.is_empty()).map_or(Echoed::Nobody, Echoed::Subject)
    }
}
