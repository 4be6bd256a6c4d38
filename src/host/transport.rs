//! HTTP, one request at a time.

use bytes::Bytes;

use super::{BoxFuture, MaybeSendSync};

/// Which connection a request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionWish {
    /// Any, pooled ones included.
    Any,
    /// One of its own, opened for this request: a keep-alive connection pins one node behind a load balancer.
    Fresh,
}

/// Which connection carried an answer, as far as the transport knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Opened for this request.
    Fresh,
    /// Taken from a pool.
    Reused,
    /// The transport cannot tell. Never counts towards a flapping server.
    Unknown,
}

/// Whose request it is. A transport that limits parallel requests gives each lane a limit of its own: the app's calls may
/// fill theirs while they wait for a token that a request in the other one is to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The app's own calls.
    App,
    /// Mainstay's: tokens, probes, metadata. Never waits for the app's.
    Own,
}

/// A request on its way out. `Debug` shows where it goes, not what it carries.
pub struct Outbound {
    /// The request, with an absolute URI and its whole body.
    pub request: http::Request<Bytes>,
    /// Which connection it may use.
    pub connection: ConnectionWish,
    /// Whose it is.
    pub lane: Lane,
    /// Largest answer body that is read, in bytes; more is [`TransportError::TooLarge`].
    pub body_limit: usize,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let uri = self.request.uri();
        let place = (uri.authority().map_or("", |it| it.as_str()), uri.path());
        let mut debug = f.debug_struct("Outbound");
        debug.field("method", self.request.method()).field("to", &place);
        debug.field("connection", &self.connection).field("lane", &self.lane).finish_non_exhaustive()
    }
}

/// An answer, whole. `Debug` shows the status, not what it brings.
pub struct Inbound {
    /// Status, headers and body. Redirects are answers like any other: they are never followed.
    pub response: http::Response<Bytes>,
    /// The connection that carried it.
    pub connection: Connection,
    /// Whether a cache inside the transport answered instead of the server.
    pub from_cache: bool,
}

impl std::fmt::Debug for Inbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Inbound");
        debug.field("status", &self.response.status().as_u16()).field("connection", &self.connection);
        debug.field("from_cache", &self.from_cache).finish_non_exhaustive()
    }
}

/// Why no answer came. None of these says anything about a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The device has no way to the server: no network, no route, name not found.
    #[error("the server cannot be reached from this device")]
    Unreachable,
    /// The TLS handshake failed: wrong certificate, captive portal, interception.
    #[error("the connection is not secure")]
    Tls,
    /// The connection broke before the answer was complete. The server may have acted on the request.
    #[error("the connection broke before the answer was complete")]
    Broken,
    /// No answer in time. The server may have acted on the request. Set by the driver, on the injected clock.
    #[error("no answer in time")]
    Timeout,
    /// The answer's body exceeds [`Outbound::body_limit`].
    #[error("the answer is larger than allowed")]
    TooLarge,
    /// The request itself is not one that can be sent, for example without an absolute URI.
    #[error("the request cannot be sent as it is")]
    InvalidRequest,
}

/// Carries HTTP requests. Follows no redirects, retries nothing, caches nothing, sets no timeout of its own, adds no credentials.
pub trait Transport: MaybeSendSync {
    /// Sends one request and reads the whole answer. Dropping the future gives the request up.
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>>;
    /// Whether [`ConnectionWish::Fresh`] is honoured.
    fn can_open_fresh_connections(&self) -> bool;
}
