//! HTTP by reqwest, with everything off that would act on its own.

use std::{
    collections::VecDeque,
    error::Error as _,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::{Client, ClientBuilder, Response, redirect, retry};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;

use super::runtime;
use crate::host::{BoxFuture, Connection, ConnectionWish, Inbound, Outbound, Transport, TransportError};

/// How many connections are remembered to tell a new one from a used one.
const REMEMBERED: usize = 256;

/// Two clients: one with a pool, one whose every request opens a connection. Neither follows redirects, retries, keeps
/// cookies or has a timeout; both obey the system's proxy settings and trust the system's root certificates.
#[derive(Clone, Debug)]
pub struct Reqwest {
    pooled: Client,
    fresh: Client,
    /// Local addresses of connections seen before, the latest last.
    seen: Arc<Mutex<VecDeque<SocketAddr>>>,
}

impl Reqwest {
    /// Both clients, by TLS 1.2 or 1.3 with ring.
    ///
    /// # Errors
    /// The system's root certificates cannot be read.
    pub fn new() -> io::Result<Self> {
        let client = |builder: ClientBuilder| {
            let plain = builder.redirect(redirect::Policy::none()).retry(retry::never()).referer(false);
            plain.tls_backend_preconfigured(tls()?).build().map_err(io::Error::other)
        };
        let seen = Arc::default();
        Ok(Self {
            pooled: client(Client::builder())?,
            fresh: client(Client::builder().pool_max_idle_per_host(0))?,
            seen,
        })
    }

    fn connection(&self, wish: ConnectionWish, response: &Response) -> Connection {
        let Some(local) = response.extensions().get::<HttpInfo>().map(HttpInfo::local_addr) else {
            return if wish == ConnectionWish::Fresh { Connection::Fresh } else { Connection::Unknown };
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if wish == ConnectionWish::Fresh {
            return Connection::Fresh;
        }
        if seen.contains(&local) {
            return Connection::Reused;
        }
        if seen.len() == REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(local);
        Connection::Fresh
    }
}

fn tls() -> io::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let verified = builder.and_then(BuilderVerifierExt::with_platform_verifier).map_err(io::Error::other)?;
    let mut config = verified.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

impl Transport for Reqwest {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        let transport = self.clone();
        Box::pin(async move {
            let sent = runtime::run(async move { transport.exchange(outbound).await }).await;
            sent.unwrap_or(Err(TransportError::Broken))
        })
    }

    fn can_open_fresh_connections(&self) -> bool {
        true
    }
}

impl Reqwest {
    async fn exchange(&self, outbound: Outbound) -> Result<Inbound, TransportError> {
        let client = if outbound.connection == ConnectionWish::Fresh { &self.fresh } else { &self.pooled };
        let request = reqwest::Request::try_from(outbound.request).map_err(|_| TransportError::InvalidRequest)?;
        let mut response = client.execute(request).await.map_err(|error| of(&error))?;
        let connection = self.connection(outbound.connection, &response);
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| TransportError::Broken)? {
            if body.len() + chunk.len() > outbound.body_limit {
                return Err(TransportError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut whole = http::Response::new(Bytes::from(body));
        *whole.status_mut() = response.status();
        *whole.headers_mut() = std::mem::take(response.headers_mut());
        Ok(Inbound { response: whole, connection, from_cache: false })
    }
}

/// What reqwest's error means. Nothing of its text is kept: it may quote an address with parameters.
fn of(error: &reqwest::Error) -> TransportError {
    if error.is_builder() {
        return TransportError::InvalidRequest;
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        let wrapped = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if inner.is::<rustls::Error>() || wrapped.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return TransportError::Tls;
        }
        cause = inner.source();
    }
    if error.is_connect() { TransportError::Unreachable } else { TransportError::Broken }
}
