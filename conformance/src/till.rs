//! A till: a real client over real HTTP, with a vault in a folder of its own and a clock of its own.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use mainstay::{
    Client, Profile, Secret, Session, State,
    driver::ClientBuilder,
    host::{Clock as _, Host, Transport},
    native,
    oauth::ClientAuth,
    test_support::{Activity, SeededEntropy, VirtualClock},
};
use tempfile::TempDir;

use crate::{Error, person::Person, server::Server, wire::Wire};

/// The longest step in which a till's time moves.
const STEP: Duration = Duration::from_secs(5);

/// A device with one app.
pub struct Till {
    /// The app's client.
    pub client: Client,
    /// What it asked of the server.
    pub wire: Wire,
    /// Who stands in front of it.
    pub ada: Person,
    clock: VirtualClock,
    activity: Activity,
    userinfo: String,
    _folder: TempDir,
}

impl Till {
    /// A new device for this server's people.
    ///
    /// # Errors
    /// [`Error::Till`].
    pub async fn new(server: &Server) -> Result<Self, Error> {
        Self::with(server, &server.issuer(), |builder| builder).await
    }

    /// A new device whose app is built in another way, for a server known under this name.
    ///
    /// # Errors
    /// [`Error::Till`].
    pub async fn with(
        server: &Server,
        issuer: &str,
        change: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Self, Error> {
        let trouble = |error: &dyn std::fmt::Display| Error::Till(error.to_string());
        let folder = tempfile::tempdir().map_err(|error| trouble(&error))?;
        let machine = native::host(folder.path()).map_err(|error| trouble(&error))?;
        let clock = VirtualClock::new(machine.clock.monotonic(), machine.clock.wall());
        let activity = Activity::new();
        // Time stands still while the browser loads a page.
        let elsewhere = native::host(folder.path()).map_err(|error| trouble(&error))?;
        let browser = activity.track(elsewhere).transport;
        let wire = Wire::over(machine.transport);
        let transport: Arc<dyn Transport> = Arc::new(wire.clone());
        let host = activity.track(Host {
            transport,
            clock: Arc::new(clock.clone()),
            entropy: Arc::new(SeededEntropy::new(7)),
            ..machine
        });
        let mut builder = Client::builder(issuer, "pos")
            .redirect_uri("http://127.0.0.1/callback")
            .scopes(["openid", "offline_access", "profile"])
            .profile(Profile::default())
            .host(host);
        if let Some(secret) = server.kind().client_secret() {
            builder = builder.client_auth(ClientAuth::Basic(Secret::from_text(secret)));
        }
        let client = change(builder).build().await.map_err(|error| trouble(&error))?;
        let ada = Person::new(browser, "ada");
        let userinfo = server.at(server.kind().userinfo());
        Ok(Self { client, wire, ada, clock, activity, userinfo, _folder: folder })
    }

    /// Ada signs in by the server's own forms, long enough ago that a rejection is none of a fresh token.
    ///
    /// # Errors
    /// What `sign_in` says.
    pub async fn signed_in(&self) -> Result<Session, mainstay::Error> {
        let session = self.wait_for(self.client.sign_in(&self.ada)).await?;
        self.pass(Duration::from_secs(180)).await;
        Ok(session)
    }

    /// Lets the till's time pass, and everything happen that happens meanwhile.
    pub async fn pass(&self, duration: Duration) {
        let until = self.clock.monotonic() + duration;
        self.activity.run_until(&self.clock, until).await;
    }

    /// Lets time pass until the session's state is as `wanted`, `patience` at most. Whether it came to that.
    pub async fn until(&self, session: &Session, patience: Duration, wanted: impl Fn(State) -> bool) -> bool {
        let last = self.clock.monotonic() + patience;
        while !wanted(session.state().state) {
            if self.clock.monotonic() >= last {
                return false;
            }
            self.pass(STEP).await;
        }
        true
    }

    /// What a call brings; time passes while it waits.
    pub async fn wait_for<T: Send>(&self, call: impl Future<Output = T> + Send) -> T {
        let mut call = pin!(self.activity.follow(call));
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                () = self.activity.quiescent() => {
                    let next = self.clock.next_deadline().unwrap_or_else(|| self.clock.monotonic() + STEP);
                    self.clock.advance_to(next.min(self.clock.monotonic() + STEP));
                }
            }
        }
    }

    /// The app asks the server who its cashier is: a call that needs a token.
    ///
    /// # Errors
    /// What `send` says.
    pub async fn asks_who(&self, session: &Session) -> Result<http::Response<Bytes>, mainstay::Error> {
        let request = http::Request::get(&self.userinfo).body(Bytes::new());
        let request = request.map_err(|_| mainstay::Error::Internal("the address of userinfo"))?;
        self.wait_for(session.send(request)).await
    }
}
