//! A till: an app with a client, a browser that signs in by script, a server, and one clock for both.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use mainstay::{
    Client, Error, Probe, Profile, Session, State,
    driver::{Browser, BrowserError},
    host::{BoxFuture, Clock, Host},
    native,
    test_support::{Activity, SeededEntropy, VirtualClock},
};
use mainstay_mock_server::{Control, Endpoint, MockServer, MockServerBuilder};
use tempfile::TempDir;
use url::Url;

/// 20 November 2026, 18:00 UTC: a busy evening.
pub const EVENING_MS: u64 = 1_795_197_600_000;

pub struct Till {
    pub server: MockServer,
    pub clock: VirtualClock,
    pub activity: Activity,
    /// Holds the vault; removed with the till.
    _folder: TempDir,
    pub host: Host,
    pub profile: Profile,
    pub client: Client,
}

/// Follows the authorization URL as a browser would, up to the redirect back to the app.
pub struct ScriptedBrowser(reqwest::Client);

impl ScriptedBrowser {
    pub fn new() -> Self {
        let _second_time = rustls::crypto::ring::default_provider().install_default();
        Self(reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap())
    }
}

impl Browser for ScriptedBrowser {
    fn visit(&self, url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        Box::pin(async move {
            let page = self.0.get(url).send().await.map_err(|_| BrowserError::Cancelled)?;
            let location = page.headers().get("location").ok_or(BrowserError::Cancelled)?;
            Url::parse(location.to_str().unwrap()).map_err(|_| BrowserError::Cancelled)
        })
    }
}

impl Till {
    /// A till with a fresh vault, before anybody signed in.
    pub async fn new() -> Self {
        Self::with(MockServer::builder(), |_| {}).await
    }

    /// A till where ada has signed in.
    pub async fn signed_in() -> (Self, Session) {
        let till = Self::new().await;
        let session = till.sign_in("ada").await;
        (till, session)
    }

    pub async fn with(builder: MockServerBuilder, configure: impl FnOnce(&mut Profile)) -> Self {
        let server = builder.virtual_clock(EVENING_MS).generate_secret().start().await.unwrap();
        let mut profile = Profile {
            probe: Probe::WhoAmI(server.url().join("/api/me").unwrap().to_string()),
            protected_paths: vec!["/api/me".to_owned(), "/api/catalogue".to_owned()],
            ..Profile::default()
        };
        configure(&mut profile);
        let folder = tempfile::tempdir().unwrap();
        let clock = VirtualClock::new(Duration::from_secs(1000), Duration::from_millis(EVENING_MS));
        let activity = Activity::new();
        let mut host = native::host(folder.path()).unwrap();
        host.clock = Arc::new(clock.clone());
        host.entropy = Arc::new(SeededEntropy::new(7));
        let host = activity.track(host);
        let client = build(&server, &profile, &host).await;
        Self { server, clock, activity, _folder: folder, host, profile, client }
    }

    /// The app starts again over the same vault, as after a crash.
    pub async fn restart(&mut self) {
        self.client = build(&self.server, &self.profile, &self.host).await;
        self.settle().await;
    }

    pub fn control(&self) -> Control {
        self.server.control()
    }

    pub async fn sign_in(&self, person: &str) -> Session {
        self.control().script_sign_in(person);
        let session = self.client.sign_in(&ScriptedBrowser::new()).await.unwrap();
        self.settle().await;
        session
    }

    pub async fn settle(&self) {
        self.activity.quiescent().await;
    }

    /// Time passes, on the device and on the server alike, stopping wherever the session has something to do.
    pub async fn pass(&self, duration: Duration) {
        let until = self.clock.monotonic() + duration;
        loop {
            self.settle().await;
            let now = self.clock.monotonic();
            let next = self.clock.next_deadline().unwrap_or(until).min(until);
            if next > now {
                self.control().advance(next - now);
                self.clock.advance_to(next);
            }
            self.settle().await;
            if next >= until {
                return;
            }
        }
    }

    /// Lets time pass until a call of the app has its answer.
    pub async fn wait_for<T>(&self, call: impl Future<Output = T>) -> T {
        let mut call = Box::pin(call);
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                () = self.activity.quiescent() => {
                    // Quiet, and the call still waits: only time can help it.
                    if let Ok(answer) = tokio::time::timeout(Duration::from_millis(1), &mut call).await {
                        return answer;
                    }
                    let now = self.clock.monotonic();
                    if let Some(next) = self.clock.next_deadline().filter(|next| *next > now) {
                        self.control().advance(next - now);
                        self.clock.advance_to(next);
                    }
                }
            }
        }
    }

    pub fn request(&self, method: &str, path: &str) -> http::Request<Bytes> {
        let url = self.server.url().join(path).unwrap();
        http::Request::builder().method(method).uri(url.as_str()).body(Bytes::new()).unwrap()
    }

    /// The app asks who it is, as it does all evening.
    pub async fn call(&self, session: &Session) -> Result<http::Response<Bytes>, Error> {
        self.wait_for(session.send(self.request("GET", "/api/me"))).await
    }

    pub fn total(&self, endpoint: Endpoint) -> u64 {
        self.control().observations().requests.get(&endpoint).map_or(0, |counts| counts.total)
    }

    pub fn prompts(&self) -> u64 {
        self.control().observations().prompts.values().sum()
    }
}

async fn build(server: &MockServer, profile: &Profile, host: &Host) -> Client {
    Client::builder(server.issuer(), "till-app")
        .scopes(["openid", "offline_access", "pos"])
        .profile(profile.clone())
        .host(host.clone())
        .build()
        .await
        .unwrap()
}

pub fn is_signed_in(session: &Session) -> bool {
    matches!(session.state().state, State::SignedIn { .. })
}

pub fn codes(session: &Session) -> Vec<&'static str> {
    session.timeline().iter().map(|note| note.code.as_str()).collect()
}
