//! Listening, and the life of a connection.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use axum::{Router, body::Body};
use http::{HeaderValue, Request, Response, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use url::Url;

use crate::{
    Algorithm, Config, Control, Refused, Rejection, Rotation, WrongSecret,
    clock::ServerClock,
    faults::ConnectionCut,
    key_memory,
    oauth::Redis,
    random::Random,
    routes::{ROUTES, router},
    state::{App, Doors, Start, StoreAddress},
};

/// Where a request came from.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The number of the connection, in the order in which they were accepted.
    pub(crate) connection: u64,
}

/// The names of the two operators that every server has.
pub const OPERATORS: [&str; 2] = ["first", "second"];

/// The client id that may introspect (RFC 7662).
pub const INTROSPECTION_CLIENT: &str = "resource-server";

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The signing secret is empty. A server that starts anyway is how incidents begin.
    #[error("the signing secret is empty: set MAINSTAY_MOCK_SECRET or --secret, or ask for one with --generate-secret")]
    EmptySecret,
    /// The signing secret is not the one that it should be.
    #[error(transparent)]
    WrongSecret(#[from] WrongSecret),
    /// The configuration cannot be carried out.
    #[error("the configuration cannot be carried out: {0}")]
    Config(#[from] Refused),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        error: io::Error,
    },
    /// The issuer is no absolute http or https URL without path, query and fragment.
    #[error("`{0}` is no issuer: an http or https URL without path, query and fragment is needed")]
    Issuer(String),
    /// The session store is no Redis, or does not answer.
    #[error("the session store `{0}` cannot be used: {1}")]
    SessionStore(String, String),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    Random,
}

/// Prepares a server. Every setting has a default that suits a test.
#[derive(Clone)]
pub struct MockServerBuilder {
    address: SocketAddr,
    config: Config,
    secret: Option<SecretString>,
    control_token: Option<SecretString>,
    admin_tokens: BTreeMap<String, SecretString>,
    introspection_secret: Option<SecretString>,
    clock: ServerClock,
    scripted: Option<String>,
    issuer: Option<String>,
    sessions: StoreAddress,
    key_memory: Option<PathBuf>,
    retired_secret: Option<SecretString>,
    remembers_secrets: bool,
}

impl Default for MockServerBuilder {
    fn default() -> Self {
        Self {
            address: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0),
            config: Config::default(),
            secret: None,
            control_token: None,
            admin_tokens: BTreeMap::new(),
            introspection_secret: None,
            clock: ServerClock::Real { offset_ms: 0 },
            scripted: None,
            issuer: None,
            sessions: StoreAddress::Embedded,
            key_memory: None,
            retired_secret: None,
            remembers_secrets: false,
        }
    }
}

impl MockServerBuilder {
    /// Listens here instead of on 127.0.0.1 and a free port.
    #[must_use]
    pub fn address(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Calls itself this instead of `http://` and its address: where clients reach it by another name, as in an emulator
    /// or a container. An http or https URL without path (RFC 8414 section 2).
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Starts with this configuration.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// How refresh tokens rotate.
    #[must_use]
    pub fn profile(mut self, rotation: Rotation) -> Self {
        self.config.rotation = rotation;
        self
    }

    /// Lifetime of access tokens, in seconds.
    #[must_use]
    pub fn access_token_lifetime(mut self, seconds: u64) -> Self {
        self.config.access_token_lifetime = seconds;
        self
    }

    /// Which key signs access tokens.
    #[must_use]
    pub fn algorithm(mut self, algorithm: Algorithm) -> Self {
        self.config.algorithm = algorithm;
        self
    }

    /// How the POS API says no.
    #[must_use]
    pub fn rejection(mut self, rejection: Rejection) -> Self {
        self.config.rejection = rejection;
        self
    }

    /// Signs with this secret instead of a generated one. An empty one is refused at the start.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.secret = Some(secret.into());
        self
    }

    /// Remembers the secret's fingerprint in this file, and from then on refuses to start with another secret, unless it was
    /// announced by a key operation.
    #[must_use]
    pub fn key_memory(mut self, file: impl Into<PathBuf>) -> Self {
        self.key_memory = Some(file.into());
        self
    }

    /// The secret before the announced one: what it signed stays accepted for the overlap.
    #[must_use]
    pub fn retired_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.retired_secret = Some(secret.into());
        self
    }

    /// Signs with a generated secret: the default, said aloud.
    #[must_use]
    pub fn generate_secret(mut self) -> Self {
        self.secret = None;
        self
    }

    /// Opens `/control` to this token instead of a generated one.
    #[must_use]
    pub fn control_token(mut self, token: impl Into<SecretString>) -> Self {
        self.control_token = Some(token.into());
        self
    }

    /// Knows an operator by this token; the two of [`OPERATORS`] get generated tokens otherwise.
    #[must_use]
    pub fn operator(mut self, name: impl Into<String>, token: impl Into<SecretString>) -> Self {
        self.admin_tokens.insert(name.into(), token.into());
        self
    }

    /// The secret of [`INTROSPECTION_CLIENT`] instead of a generated one.
    #[must_use]
    pub fn introspection_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.introspection_secret = Some(secret.into());
        self
    }

    /// Starts with a clock that stands still at `now_ms`, milliseconds since 1970.
    #[must_use]
    pub fn virtual_clock(mut self, now_ms: u64) -> Self {
        self.clock = ServerClock::Virtual { now_ms: now_ms.min(crate::clock::LATEST_MS) };
        self
    }

    /// Starts with `person` signing in by script.
    #[must_use]
    pub fn scripted_person(mut self, person: impl Into<String>) -> Self {
        self.scripted = Some(person.into());
        self
    }

    /// Keeps sessions in the Redis at this address, `redis://host:port/database`, instead of in the server. It must answer at
    /// the start; later it may come and go, and [`Config::when_the_store_fails`] says what then happens.
    #[must_use]
    pub fn sessions(mut self, redis: impl Into<String>) -> Self {
        self.sessions = StoreAddress::Redis(redis.into());
        self
    }

    /// Remembers every secret that it makes or is shown, for [`Control::secrets`]: for tests that look for leaks and need to
    /// know what to look for. They stay in memory until the server is dropped, and are in no answer of it.
    #[must_use]
    pub fn remember_secrets(mut self) -> Self {
        self.remembers_secrets = true;
        self
    }

    /// Listens and serves, on the current tokio runtime, until the server is dropped.
    ///
    /// # Errors
    /// [`StartError`]: an empty secret, an issuer or a configuration that cannot be, or an address that is taken.
    pub async fn start(self) -> Result<MockServer, StartError> {
        self.config.check()?;
        let given = [&self.secret, &self.retired_secret, &self.control_token, &self.introspection_secret];
        let given = given.into_iter().flatten().chain(self.admin_tokens.values());
        if given.into_iter().any(|secret| secret.expose_secret().trim().is_empty()) {
            return Err(StartError::EmptySecret);
        }
        if let StoreAddress::Redis(url) = &self.sessions {
            let found = Redis::at(url).and_then(|redis| redis.greet());
            found.map_err(|error| StartError::SessionStore(url.clone(), error.to_string()))?;
        }
        let mut random = Random::new().map_err(|_| StartError::Random)?;
        if self.remembers_secrets {
            random.remember();
        }
        let given = [&self.secret, &self.retired_secret, &self.control_token, &self.introspection_secret];
        for secret in given.into_iter().flatten().chain(self.admin_tokens.values()) {
            random.note("given", secret.expose_secret());
        }
        let mut or_new = |secret: Option<SecretString>| secret.unwrap_or_else(|| random.text().into());
        let mut operators = self.admin_tokens;
        for name in OPERATORS {
            operators.entry(name.to_owned()).or_insert_with(|| or_new(None));
        }
        let doors = Doors {
            control: or_new(self.control_token),
            operators,
            introspector: (INTROSPECTION_CLIENT.to_owned(), or_new(self.introspection_secret)),
        };
        let secret = or_new(self.secret);
        let retired = self.retired_secret;
        let plan = match &self.key_memory {
            None => None,
            Some(path) => {
                let overlap_ms = self.config.key_overlap_seconds.saturating_mul(1000);
                let old = retired.as_ref().map(ExposeSecret::expose_secret);
                let known = key_memory::read(path)?;
                let plan = key_memory::plan(known, secret.expose_secret(), old, self.clock.now_ms(), overlap_ms)?;
                key_memory::write(path, &plan.memory)?;
                Some(plan)
            }
        };
        let kid = plan.as_ref().map_or_else(|| "hs-1".to_owned(), |plan| plan.kid.clone());
        let retired = plan.and_then(|plan| plan.retired).zip(retired).map(|((kid, until), old)| (kid, old, until));
        let start = Start {
            config: self.config,
            clock: self.clock,
            scripted: self.scripted,
            secret,
            kid,
            retired,
            key_memory: self.key_memory,
            sessions: self.sessions,
        };

        let failed = |error| StartError::Listen { address: self.address, error };
        let listener = TcpListener::bind(self.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (url, issuer) = issuer(self.issuer.unwrap_or_else(|| format!("http://{address}")))?;
        let app = App::new(start, doors, issuer, random);
        let listening = tokio::spawn(listen(listener, app.clone()));
        Ok(MockServer { app, url, address, listening })
    }
}

/// The base URL, and the same without its trailing slash.
fn issuer(text: String) -> Result<(Url, String), StartError> {
    match Url::parse(&text) {
        Ok(url)
            if ["http", "https"].contains(&url.scheme())
                && url.as_str().trim_end_matches('/') == url.origin().ascii_serialization() =>
        {
            let issuer = url.origin().ascii_serialization();
            Ok((url, issuer))
        }
        _ => Err(StartError::Issuer(text)),
    }
}

impl std::fmt::Debug for MockServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MockServerBuilder").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A running server. Stops when dropped, cutting the connections that are open.
pub struct MockServer {
    app: App,
    url: Url,
    address: SocketAddr,
    listening: JoinHandle<()>,
}

impl MockServer {
    /// Prepares a server.
    #[must_use]
    pub fn builder() -> MockServerBuilder {
        MockServerBuilder::default()
    }

    /// Starts a server with every default: a free port on 127.0.0.1 and a generated secret.
    ///
    /// # Errors
    /// As [`MockServerBuilder::start`].
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Its base URL, with a trailing slash.
    #[must_use]
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its issuer: the base URL without a trailing slash.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.app.issuer
    }

    /// The handle that breaks it and asks it what happened.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::new(self.app.clone())
    }

    /// The token for `X-Mainstay-Control`.
    #[must_use]
    pub fn control_token(&self) -> &str {
        self.app.doors.control.expose_secret()
    }

    /// The token of an operator for `X-Mainstay-Admin`; `None` if there is no such operator.
    #[must_use]
    pub fn admin_token(&self, operator: &str) -> Option<&str> {
        self.app.doors.operators.get(operator).map(ExposeSecret::expose_secret)
    }

    /// The secret of [`INTROSPECTION_CLIENT`].
    #[must_use]
    pub fn introspection_secret(&self) -> &str {
        self.app.doors.introspector.1.expose_secret()
    }

    /// Every route as method and path with `{parameters}`, as the OpenAPI file spells them.
    #[must_use]
    pub fn routes() -> Vec<(&'static str, &'static str)> {
        ROUTES.iter().map(|route| (route.method, route.path)).collect()
    }
}

impl Drop for MockServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl std::fmt::Debug for MockServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MockServer").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// Accepts connections until aborted, which drops the connections with it.
async fn listen(listener: TcpListener, app: App) {
    let router = router(app.clone());
    let mut connections = JoinSet::new();
    let mut accepted_so_far = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let peer = Peer { address: peer.ip(), connection: accepted_so_far };
                    accepted_so_far += 1;
                    connections.spawn(connection(stream, peer, app.clone(), router.clone()));
                }
                // Out of file descriptors, or a connection that is gone already: others may still come.
                Err(error) => {
                    tracing::warn!(name: "mock.accept_failed", %error);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, peer: Peer, app: App, router: Router) {
    // Without this, small answers wait for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(request, peer, &app, router.clone()));
    // The server has a clock of its own, so hyper's must not set `Date`.
    let served = http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(name: "mock.connection_ended", %error);
    }
}

/// An error here makes hyper close the connection without a word, which is what a cut is.
#[derive(Debug, thiserror::Error)]
#[error("cut on purpose")]
struct Cut;

async fn respond(
    mut request: Request<Incoming>,
    peer: Peer,
    app: &App,
    mut router: Router,
) -> Result<Response<Body>, Cut> {
    request.extensions_mut().insert(peer);
    let answer: Result<_, Infallible> = tower_service::Service::call(&mut router, request).await;
    let Ok(mut response) = answer;
    if response.extensions().get::<ConnectionCut>().is_some() {
        return Err(Cut);
    }
    let date = app.read(|world| world.clock.http_date());
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(header::DATE, date);
    }
    Ok(response)
}
