//! HTTP by reqwest, with everything switched off that would act on its own.

mod connections;
mod errors;

use bytes::Bytes;
use reqwest::{Client, ClientBuilder, redirect};
use tokio::{runtime::Handle, task::JoinSet};
use zeroize::Zeroizing;

use self::connections::Connections;
use super::{NativeError, tls};
use crate::{
    host::{BoxFuture, Connection, ConnectionWish, Inbound, Lane, Outbound, Transport, TransportError},
    secret::append,
};

/// Sends requests by reqwest. Redirects are answers, nothing is sent twice, there are no cookies, no cache and no
/// timeouts, and no proxy is taken from the environment ([`through_proxy`](Reqwest::through_proxy) names one).
///
/// One thing the HTTP library does by itself and cannot be told not to: when a pooled connection turns out to be
/// closed before a single byte of a request was written to it, the request goes over another connection.
#[derive(Debug)]
pub struct Reqwest {
    /// A pool for the app's calls.
    apps: Client,
    /// A pool for Mainstay's own, which never stand behind the app's.
    own: Client,
    /// Keeps no connection, so that each request opens one.
    fresh: Client,
    handle: Handle,
    connections: std::sync::Arc<Connections>,
}

impl Reqwest {
    /// A client that connects directly. Its connections live on this runtime.
    ///
    /// # Errors
    /// [`NativeError::Transport`].
    pub fn new(handle: Handle) -> Result<Self, NativeError> {
        Self::build(handle, tls::config(), ClientBuilder::no_proxy)
    }

    /// A client that connects directly, and trusts further certificate authorities (PEM, one or more) beside those of
    /// the operating system: for servers with certificates of a company's own, where nobody may install its authority on every till.
    /// Put it into [`Host::transport`](crate::host::Host::transport).
    ///
    /// # Errors
    /// [`NativeError::Tls`], also if the text holds no certificate or one that cannot be read.
    #[cfg(not(target_os = "android"))]
    pub fn trusting(handle: Handle, authorities: &str) -> Result<Self, NativeError> {
        Self::build(handle, tls::config_trusting(authorities), ClientBuilder::no_proxy)
    }

    /// A client that sends everything through one proxy (`http://host:port`).
    ///
    /// # Errors
    /// [`NativeError::Transport`], also if the address makes no sense.
    pub fn through_proxy(handle: Handle, proxy: &str) -> Result<Self, NativeError> {
        let proxy = reqwest::Proxy::all(proxy).map_err(NativeError::Transport)?;
        Self::build(handle, tls::config(), move |client| client.proxy(proxy.clone()))
    }

    fn build(
        handle: Handle,
        tls: Result<rustls::ClientConfig, rustls::Error>,
        route: impl Fn(ClientBuilder) -> ClientBuilder,
    ) -> Result<Self, NativeError> {
        let tls = tls.map_err(NativeError::Tls)?;
        let client = || route(quiet(ClientBuilder::new()).tls_backend_preconfigured(tls.clone()));
        Ok(Self {
            apps: client().build().map_err(NativeError::Transport)?,
            own: client().build().map_err(NativeError::Transport)?,
            fresh: client().pool_max_idle_per_host(0).build().map_err(NativeError::Transport)?,
            handle,
            connections: std::sync::Arc::default(),
        })
    }
}

/// Nothing happens that was not asked for.
fn quiet(client: ClientBuilder) -> ClientBuilder {
    client.redirect(redirect::Policy::none()).retry(reqwest::retry::never()).referer(false)
}

impl Transport for Reqwest {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        let fresh = outbound.connection == ConnectionWish::Fresh;
        let client = match outbound.lane {
            _ if fresh => self.fresh.clone(),
            Lane::App => self.apps.clone(),
            Lane::Own => self.own.clone(),
        };
        let connections = std::sync::Arc::clone(&self.connections);
        Box::pin(async move {
            // On our own runtime, whoever polls; given up when dropped.
            let mut request = JoinSet::new();
            request.spawn_on(exchange(client, fresh, connections, outbound), &self.handle);
            request.join_next().await.and_then(Result::ok).unwrap_or(Err(TransportError::Broken))
        })
    }

    fn can_open_fresh_connections(&self) -> bool {
        true
    }
}

async fn exchange(
    client: Client,
    fresh: bool,
    connections: std::sync::Arc<Connections>,
    outbound: Outbound,
) -> Result<Inbound, TransportError> {
    let request = outbound.request.map(reqwest::Body::from).try_into().map_err(|_| TransportError::InvalidRequest)?;
    let watch = connections.watch();
    let answer = client.execute(request).await.map_err(|error| errors::explain(&error))?;
    let connection = if fresh { Connection::Fresh } else { watch.judge(&answer) };
    let mut response = http::Response::new(Bytes::new());
    *response.status_mut() = answer.status();
    *response.version_mut() = answer.version();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = read_body(answer, outbound.body_limit).await?;
    Ok(Inbound { response, connection, from_cache: false })
}

/// The whole body, and never more of it in memory than is allowed. It is wiped with its last handle: tokens come in bodies.
async fn read_body(mut answer: reqwest::Response, limit: usize) -> Result<Bytes, TransportError> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = answer.chunk().await.map_err(|error| errors::explain(&error))? {
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(TransportError::TooLarge);
        }
        append(&mut body, &chunk);
    }
    Ok(Bytes::from_owner(body))
}
