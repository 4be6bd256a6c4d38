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

/// A request on its way out.
#[derive(Debug)]
pub struct Outbound {
    /// The request, with an absolute URI and its whole body.
    pub request: http::Request<Bytes>,
    /// Which connection it may use.
    pub connection: ConnectionWish,
    /// Largest answer body that is read, in bytes; more is [`TransportError::TooLarge`].
    pub body_limit: usize,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Inbound {
    /// Status, headers and body. Redirects are answers like any other: they are never followed.
    pub response: http::Response<Bytes>,
    /// The connection that carried it.
    pub connection: Connection,
    /// Whether a cache inside the transport answered instead of the server.
    pub from_cache: bool,
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
