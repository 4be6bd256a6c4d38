//! A till that is signed in: a session over a native host and a mock server on loopback.

use std::{
    error::Error,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mainstay::{
    Client, Probe, Profile, Session,
    driver::{Browser, BrowserError},
    host::{BootId, BoxFuture, Clock, Host, Monotonic, WallTime},
    native,
    test_support::Activity,
};
use mainstay_mock_server::{MockServer, MockServerBuilder};
use tempfile::TempDir;
use url::Url;

/// A measurement that can fail, and says why.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The client id of the till.
pub(crate) const CLIENT_ID: &str = "till-app";

/// A signed-in session and all that it stands on.
pub struct Till {
    /// The server, in this process.
    pub server: MockServer,
    /// What the session's host has under way.
    pub activity: Activity,
    /// The session.
    pub session: Session,
    _folder: TempDir,
}

impl Till {
    /// Signs ada in at a server that `builder` describes, on a native host that `change` may change parts of.
    ///
    /// # Errors
    /// Whatever fails: no sockets, no temporary folder.
    pub async fn signed_in(builder: MockServerBuilder, change: impl FnOnce(&mut Host)) -> Outcome<Self> {
        let server = builder.generate_secret().scripted_person("ada").start().await?;
        let folder = tempfile::tempdir()?;
        let activity = Activity::new();
        let mut host = native_host(folder.path())?;
        change(&mut host);
        let host = activity.track(host);
        let who_am_i = server.url().join("/api/me")?;
        let profile = Profile {
            probe: Probe::WhoAmI(who_am_i.into()),
            protected_paths: vec!["/api/*".to_owned()],
            ..Profile::default()
        };
        let client = Client::builder(server.issuer(), CLIENT_ID)
            .scopes(["openid", "offline_access", "pos"])
            .profile(profile)
            .host(host)
            .build()
            .await?;
        let session = client.sign_in(&ScriptedBrowser(plain_client()?)).await?;
        activity.quiescent().await;
        Ok(Self { server, activity, session, _folder: folder })
    }
}

impl std::fmt::Debug for Till {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Till").field("session", &self.session).finish_non_exhaustive()
    }
}

/// This machine, with a vault in `folder`.
pub(crate) fn native_host(folder: &Path) -> Outcome<Host> {
    Ok(native::host(folder.join("vault"))?)
}

/// An HTTP client that does what it is told and nothing else.
pub(crate) fn plain_client() -> Outcome<reqwest::Client> {
    // Without TLS nothing of it is used, but reqwest wants one. A second time it is there already.
    let _there_already = rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?)
}

/// Follows the authorization URL up to the redirect back to the app.
pub(crate) struct ScriptedBrowser(pub(crate) reqwest::Client);

impl Browser for ScriptedBrowser {
    fn visit(&self, url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        Box::pin(async move {
            let page = self.0.get(url).send().await.map_err(|_| BrowserError::Unavailable)?;
            let location = page.headers().get(http::header::LOCATION).and_then(|location| location.to_str().ok());
            location.and_then(|location| Url::parse(location).ok()).ok_or(BrowserError::Unavailable)
        })
    }
}

/// The machine's clock, which can leap: tokens age in no time.
#[derive(Clone)]
pub struct LeapingClock {
    machine: Arc<dyn Clock>,
    leapt_ms: Arc<AtomicU64>,
}

impl LeapingClock {
    /// A clock that has not leapt yet.
    #[must_use]
    pub fn new(machine: Arc<dyn Clock>) -> Self {
        Self { machine, leapt_ms: Arc::default() }
    }

    /// Moves both clocks forward. Whoever sleeps is not woken: they wait for their time on the machine's clock.
    pub fn leap(&self, by: Duration) {
        self.leapt_ms.fetch_add(u64::try_from(by.as_millis()).unwrap_or_default(), Ordering::AcqRel);
    }

    fn leapt(&self) -> Duration {
        Duration::from_millis(self.leapt_ms.load(Ordering::Acquire))
    }
}

impl Clock for LeapingClock {
    fn monotonic(&self) -> Monotonic {
        self.machine.monotonic().saturating_add(self.leapt())
    }

    fn wall(&self) -> WallTime {
        self.machine.wall().saturating_add(self.leapt())
    }

    fn boot_id(&self) -> Option<BootId> {
        self.machine.boot_id()
    }

    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()> {
        self.machine.sleep_until(deadline.saturating_sub(self.leapt()))
    }
}

impl std::fmt::Debug for LeapingClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeapingClock").field("leapt", &self.leapt()).finish_non_exhaustive()
    }
}
