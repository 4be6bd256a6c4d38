//! Nothing that is logged at the loudest, by Mainstay or by any library below it, holds a secret of the session, over TLS as
//! the field has it (P11): with certificates, HTTP/1.1 and HTTP/2. Hyper itself says nothing without a flag of its own; what it is
//! made of does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, missing_docs, reason = "tests")]

mod front;
#[path = "../leak/scanner.rs"]
mod scanner;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, OnceLock},
};

use bytes::Bytes;
use front::Front;
use mainstay::{
    Client, Error, Probe, Profile, Session,
    driver::{Browser, BrowserError},
    host::{BoxFuture, ConnectionWish, Entropy, Host, Lane, Outbound, Transport},
    native::{self, OsEntropy, Reqwest},
};
use mainstay_mock_server::{Endpoint, MockServer};
use scanner::{Finding, Scanner, Secret};
use tokio::runtime::Handle;
use url::Url;

/// All that this process logs, from every crate.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The log of this process, which is switched on by whoever asks first.
    fn of_process() -> &'static Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Self::default();
            let writer = log.clone();
            // Of the crates that log by `log` instead of `tracing`, rustls for one, as well.
            tracing_subscriber::fmt()
                .with_env_filter("trace")
                .with_writer(move || writer.clone())
                .with_ansi(false)
                .init();
            log
        })
    }

    fn so_far(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Remembers what was drawn for keys, states, nonces and verifiers: 32 bytes each.
#[derive(Default)]
struct Remembering(Mutex<Vec<Secret>>);

impl Entropy for Remembering {
    fn fill(&self, buffer: &mut [u8]) {
        OsEntropy.fill(buffer);
        if buffer.len() == 32 {
            self.0.lock().unwrap().push(Secret { kind: "drawn by the app".to_owned(), bytes: buffer.to_vec() });
        }
    }
}

/// Follows the authorization URL up to the redirect back to the app.
struct WebBrowser(Arc<dyn Transport>);

impl Browser for WebBrowser {
    fn visit(&self, url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        Box::pin(async move {
            let request = http::Request::get(url.as_str()).body(Bytes::new()).unwrap();
            let page = Outbound { request, connection: ConnectionWish::Any, lane: Lane::App, body_limit: 100_000 };
            let page = self.0.send(page).await.map_err(|_| BrowserError::Unavailable)?;
            let location = page.response.headers().get("location").ok_or(BrowserError::Unavailable)?;
            Url::parse(location.to_str().unwrap()).map_err(|_| BrowserError::Unavailable)
        })
    }
}

/// A till whose server is reached over TLS.
struct Till {
    server: MockServer,
    url: String,
    host: Host,
    drawn: Arc<Remembering>,
    _folder: tempfile::TempDir,
}

impl Till {
    async fn over(protocol: &str) -> Self {
        let front = Front::bind(protocol).await;
        let url = front.url();
        let builder = MockServer::builder().issuer(&url).generate_secret().remember_secrets();
        let server = builder.scripted_person("ada").start().await.unwrap();
        let transport = Arc::new(Reqwest::trusting(Handle::current(), front.authority()).unwrap());
        front.before(server.address());
        let folder = tempfile::tempdir().unwrap();
        let drawn = Arc::new(Remembering::default());
        let host = native::host(folder.path().join("vault")).unwrap();
        let host = Host { transport, entropy: drawn.clone(), ..host };
        Self { server, url, host, drawn, _folder: folder }
    }

    async fn client(&self) -> Client {
        let profile = Profile {
            probe: Probe::WhoAmI(format!("{}/api/me", self.url)),
            protected_paths: vec!["/api/*".to_owned()],
            ..Profile::default()
        };
        let builder = Client::builder(&self.url, "till-app").scopes(["openid", "offline_access", "pos"]);
        builder.profile(profile).host(self.host.clone()).build().await.unwrap()
    }

    async fn call(&self, session: &Session) -> Result<http::Response<Bytes>, Error> {
        session.send(http::Request::get(format!("{}/api/me", self.url)).body(Bytes::new()).unwrap()).await
    }

    /// Signs in, calls, has its access token rejected and recovers, and signs out. Says which HTTP it was.
    async fn evening(&self) -> http::Version {
        let session = self.client().await.sign_in(&WebBrowser(self.host.transport.clone())).await.unwrap();
        assert_eq!(self.call(&session).await.unwrap().status(), 200);
        self.server.control().change_secret(false);
        let answer = self.call(&session).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(self.server.control().observations().requests_to(Endpoint::Refresh), 1, "it was a recovery");
        session.sign_out().await.unwrap();
        self.server.control().wait_until(|seen| seen.revoked == 1).await;
        answer.version()
    }

    fn secrets(&self) -> Vec<Secret> {
        let minted = self.server.control().secrets().into_iter();
        let minted = minted.map(|it| Secret { kind: it.kind.to_owned(), bytes: it.bytes });
        minted.chain(self.drawn.0.lock().unwrap().iter().cloned()).collect()
    }

    fn search(&self, log: &[u8]) -> Vec<Finding> {
        Scanner::of(&self.secrets()).search("the log", log)
    }
}

async fn leaks_nothing(protocol: &str, version: http::Version, loud: &[&str]) {
    let log = Log::of_process();
    let till = Till::over(protocol).await;
    assert_eq!(till.evening().await, version);
    let log = log.so_far();
    let text = String::from_utf8_lossy(&log);
    for speaker in loud {
        assert!(text.contains(speaker), "the log is not as loud as it should be: no {speaker}");
    }
    for kind in ["access token", "refresh token", "ID token", "code verifier", "drawn by the app"] {
        assert!(till.secrets().iter().any(|secret| secret.kind == kind), "the evening had no {kind}");
    }
    let leaks = till.search(&log);
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_crate_logs_a_secret_over_tls_with_http_1() {
    let loud = ["TRACE rustls::", "TRACE hyper_util::", "DEBUG reqwest::connect", "TRACE reqwest::retry"];
    leaks_nothing("http/1.1", http::Version::HTTP_11, &loud).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_crate_logs_a_secret_over_tls_with_http_2() {
    let loud =
        ["TRACE rustls::", "TRACE hyper_util::", "DEBUG reqwest::connect", "DEBUG h2::client", "hpack::decode: h2::"];
    leaks_nothing("h2", http::Version::HTTP_2, &loud).await;
}

/// The negative control: whatever of the session's secrets is logged is found, in what is logged by either way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_logged_is_found() {
    let log = Log::of_process();
    let till = Till::over("h2").await;
    till.evening().await;
    let one_of_each: BTreeMap<_, _> = till.secrets().into_iter().map(|secret| (secret.kind.clone(), secret)).collect();
    for secret in one_of_each.into_values() {
        let before = log.so_far().len();
        tracing::trace!(target: "planted", secret = ?secret.bytes);
        let written = &log.so_far()[before..];
        // Too short to be searched for, such as a person's name.
        let is_found = !Scanner::of(std::slice::from_ref(&secret)).search("the log", written).is_empty();
        assert!(is_found || secret.bytes.len() < 16, "{}", secret.kind);
    }
}

/// The other control: the authority is needed, so it is real TLS that was searched.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_authority_is_not_named_is_not_trusted() {
    let till = Till::over("h2").await;
    let stranger = Reqwest::new(Handle::current()).unwrap();
    let request = http::Request::get(format!("{}/api/me", till.url)).body(Bytes::new()).unwrap();
    let page = Outbound { request, connection: ConnectionWish::Any, lane: Lane::App, body_limit: 100_000 };
    let refused = stranger.send(page).await.err();
    assert_eq!(refused, Some(mainstay::host::TransportError::Tls));
    for nonsense in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(Reqwest::trusting(Handle::current(), nonsense).is_err(), "{nonsense}");
    }
}
