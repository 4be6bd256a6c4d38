//! The memory of a cache that stands in front and looks at nothing but method and address.

use std::collections::HashMap;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

/// Answers by method and address.
#[derive(Default)]
pub(super) struct Cache(HashMap<String, Kept>);

struct Kept {
    since_ms: u64,
    status: StatusCode,
    content_type: Option<HeaderValue>,
    body: Bytes,
}

/// The most answers one cache keeps.
const MOST: usize = 1_000;

impl Cache {
    /// What is kept for this address; `marked`, with its age in seconds.
    pub(super) fn get(&self, resource: &str, now_ms: u64, marked: bool) -> Option<Response> {
        let kept = self.0.get(resource)?;
        let mut response = (kept.status, kept.body.clone()).into_response();
        if let Some(kind) = &kept.content_type {
            response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
        }
        if marked {
            response.headers_mut().insert(header::AGE, (now_ms.saturating_sub(kept.since_ms) / 1000).into());
        }
        Some(response)
    }

    /// Keeps an answer, if it is a good one and the first for its address.
    pub(super) fn keep(&mut self, resource: String, now_ms: u64, response: &Response, body: &Bytes) {
        if response.status().is_success() && self.0.len() < MOST {
            let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
            let kept = Kept { since_ms: now_ms, status: response.status(), content_type, body: body.clone() };
            self.0.entry(resource).or_insert(kept);
        }
    }
}
