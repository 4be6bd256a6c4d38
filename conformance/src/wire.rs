//! What the till asked of the server, and what it was told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mainstay::host::{BoxFuture, Inbound, Outbound, Transport, TransportError};

/// A transport that remembers. Clones are the same memory. What it remembers are tokens of a test's server.
#[derive(Clone)]
pub struct Wire {
    inner: Arc<dyn Transport>,
    seen: Arc<Mutex<Vec<Exchange>>>,
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The path asked for.
    pub path: String,
    /// The request's parameters, if it was a form.
    pub form: Vec<(String, String)>,
    /// The answer's status.
    pub status: u16,
    /// The answer's body.
    pub body: Bytes,
}

impl Exchange {
    /// The value of a form's parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A text of the answer's JSON.
    #[must_use]
    pub fn answered(&self, name: &str) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        body.get(name)?.as_str().map(str::to_owned)
    }
}

impl Wire {
    /// Remembers what goes over `inner`.
    pub fn over(inner: Arc<dyn Transport>) -> Self {
        Self { inner, seen: Arc::default() }
    }

    /// Every request for tokens by this grant (RFC 6749 section 4), oldest first.
    #[must_use]
    pub fn grants(&self, grant_type: &str) -> Vec<Exchange> {
        self.seen().iter().filter(|one| one.parameter("grant_type") == Some(grant_type)).cloned().collect()
    }

    /// The last answer that brought a text of this name.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<String> {
        self.seen().iter().rev().find_map(|one| one.answered(name))
    }

    /// How many requests there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen().len()
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Exchange>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Wire {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        let path = outbound.request.uri().path().to_owned();
        let is_form = |value: &http::HeaderValue| value.as_bytes().starts_with(b"application/x-www-form-urlencoded");
        let form = match outbound.request.headers().get(http::header::CONTENT_TYPE) {
            Some(kind) if is_form(kind) => url::form_urlencoded::parse(outbound.request.body()).into_owned().collect(),
            _ => Vec::new(),
        };
        Box::pin(async move {
            let inbound = self.inner.send(outbound).await?;
            let (status, body) = (inbound.response.status().as_u16(), inbound.response.body().clone());
            self.seen().push(Exchange { path, form, status, body });
            Ok(inbound)
        })
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.inner.can_open_fresh_connections()
    }
}
