//! The device's network as a test sees it: what leaves is noted, and can be led elsewhere.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Uri, header};
use mainstay::host::{BoxFuture, Inbound, Outbound, Transport, TransportError};

/// A request that left the device.
#[derive(Clone)]
pub struct Sent {
    pub uri: Uri,
    pub authorization: Option<String>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Sent {
    pub fn is_to(&self, path: &str) -> bool {
        self.uri.path() == path
    }

    pub fn carries(&self, secret: &str) -> bool {
        let body = String::from_utf8_lossy(&self.body);
        body.contains(secret) || self.authorization.as_deref().is_some_and(|value| value.contains(secret))
    }
}

type Route = Box<dyn Fn(&Uri) -> Result<Uri, TransportError> + Send>;

/// Clones are the same network.
#[derive(Clone)]
pub struct Wire(Arc<Shared>);

struct Shared {
    inner: Arc<dyn Transport>,
    sent: Mutex<Vec<Sent>>,
    route: Mutex<Option<Route>>,
}

impl Wire {
    pub fn over(inner: Arc<dyn Transport>) -> Self {
        Self(Arc::new(Shared { inner, sent: Mutex::default(), route: Mutex::default() }))
    }

    /// What left since the start or the last [`forget`](Self::forget).
    pub fn sent(&self) -> Vec<Sent> {
        self.0.sent.lock().unwrap().clone()
    }

    pub fn forget(&self) {
        self.0.sent.lock().unwrap().clear();
    }

    /// Leads every request elsewhere, or nowhere.
    pub fn reroute(&self, route: impl Fn(&Uri) -> Result<Uri, TransportError> + Send + 'static) {
        *self.0.route.lock().unwrap() = Some(Box::new(route));
    }

    pub fn repair(&self) {
        *self.0.route.lock().unwrap() = None;
    }

    /// Nothing leaves the device.
    pub fn unplug(&self) {
        self.reroute(|_| Err(TransportError::Unreachable));
    }
}

impl Transport for Wire {
    fn send(&self, mut outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        let request = &mut outbound.request;
        let authorization = request.headers().get(header::AUTHORIZATION).map(|it| it.to_str().unwrap().to_owned());
        let (uri, headers, body) = (request.uri().clone(), request.headers().clone(), request.body().clone());
        let sent = Sent { uri, authorization, headers, body };
        self.0.sent.lock().unwrap().push(sent);
        let led = self.0.route.lock().unwrap().as_ref().map(|route| route(request.uri()));
        match led.transpose() {
            Ok(Some(elsewhere)) => *request.uri_mut() = elsewhere,
            Ok(None) => {}
            Err(nowhere) => return Box::pin(std::future::ready(Err(nowhere))),
        }
        self.0.inner.send(outbound)
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.0.inner.can_open_fresh_connections()
    }
}
