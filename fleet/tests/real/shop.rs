//! A few hundred real clients, a real server, and one clock for all of them.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use mainstay::{
    Client, Error, Probe, Profile, Session, State,
    host::{
        Clock as _, Host, Transport,
        memory::{MemoryFiles, MemoryLock, MemorySecretStore},
    },
    native,
    test_support::{Activity, Narrow, ScriptedBrowser, SeededEntropy, VirtualClock},
};
use mainstay_mock_server::{Endpoint, Fault, FaultKind, MockServer};

/// A Friday evening.
const EVENING_MS: u64 = 1_795_197_600_000;
/// Time moves in steps no longer than this, so that what waits at the server is done when its turn comes.
const STEP: Duration = Duration::from_millis(250);

/// What the real server saw, from the incident's first second on.
#[derive(Debug)]
pub struct Seen {
    /// Refreshes in each second.
    pub load: Vec<u32>,
    /// Sessions that were signed in at the end of each second.
    pub well: Vec<u32>,
    /// Sign-in prompts since the incident began.
    pub prompts: u64,
}

pub struct Shop {
    server: MockServer,
    clock: VirtualClock,
    activity: Activity,
    tills: Vec<(Client, Session)>,
}

impl Shop {
    /// All of them signed in a while ago.
    pub async fn signed_in(tills: u64) -> Self {
        let server = MockServer::builder().virtual_clock(EVENING_MS).generate_secret().start().await.unwrap();
        let clock = VirtualClock::new(Duration::from_secs(1000), Duration::from_millis(EVENING_MS));
        let activity = Activity::new();
        let network: Arc<dyn Transport> = Arc::new(native::Reqwest::new(tokio::runtime::Handle::current()).unwrap());
        let way: Arc<dyn Transport> = Arc::new(Narrow::new(network, 400));
        let mut shop = Self { server, clock, activity, tills: Vec::new() };
        let clients = join_all((0..tills).map(|till| shop.client(&way, till))).await;
        shop.server.control().script_sign_in("ada");
        let browser = ScriptedBrowser(shop.activity.track(shop.host(&way, 0)).transport);
        let sessions = shop.wait_for(join_all(clients.iter().map(|client| client.sign_in(&browser)))).await;
        shop.tills = clients.into_iter().zip(sessions.into_iter().map(Result::unwrap)).collect();
        // Old enough that a rejection is no rejection of a fresh token.
        shop.pass(Duration::from_secs(180), &mut |_| {}).await;
        assert_eq!(shop.refreshes(), 0);
        shop
    }

    fn host(&self, way: &Arc<dyn Transport>, till: u64) -> Host {
        let folder = std::env::temp_dir();
        Host {
            transport: Arc::clone(way),
            secrets: Arc::new(MemorySecretStore::new()),
            files: Arc::new(MemoryFiles::new()),
            lock: Arc::new(MemoryLock::new()),
            entropy: Arc::new(SeededEntropy::new(till + 1000)),
            clock: Arc::new(self.clock.clone()),
            ..native::host(folder).unwrap()
        }
    }

    async fn client(&self, way: &Arc<dyn Transport>, till: u64) -> Client {
        let me = self.server.url().join("/api/me").unwrap().to_string();
        let profile =
            Profile { probe: Probe::WhoAmI(me), protected_paths: vec!["/api/me".to_owned()], ..Profile::default() };
        let host = self.activity.track(self.host(way, till));
        let client = Client::builder(self.server.issuer(), "till-app").scopes(["openid", "offline_access", "pos"]);
        client.profile(profile).host(host).build().await.unwrap()
    }

    fn refreshes(&self) -> u64 {
        self.server.control().observations().requests_to(Endpoint::Refresh)
    }

    fn well(&self) -> u32 {
        let well = |(_, session): &&(Client, Session)| matches!(session.state().state, State::SignedIn { .. });
        u32::try_from(self.tills.iter().filter(well).count()).unwrap()
    }

    // ---- the incident --------------------------------------------------------------------------------------------

    /// The signing secret changes, and the token endpoint can do `capacity` requests a second: two seconds' work may wait.
    /// Every till learns of it in the same moment, with a hint of `spread`; without one, because a call waits.
    pub async fn mass_invalidation(&self, capacity: u32, spread: Option<Duration>, lasts: Duration) -> Seen {
        let control = self.server.control();
        let kind = FaultKind::BrownOut { capacity, patience_ms: 2000, status: 503 };
        control.set_fault(Fault::new(kind).at(Endpoint::Refresh)).unwrap();
        control.change_secret(false);
        let (began, prompts) = (control.clock().now_ms, control.observations().prompts_in_all());
        let mut well = Vec::new();
        let mut at_each_second = |now_well: u32| well.push(now_well);
        match spread {
            Some(spread) => {
                self.reject_all(spread).await;
                self.pass(lasts, &mut at_each_second).await;
            }
            None => {
                let calls = join_all(self.tills.iter().map(|(_, session)| session.send(self.call())));
                let mut calls = pin!(self.activity.follow(calls));
                // The calls end by themselves: answered, or told to come again later.
                let passing = self.pass(lasts, &mut at_each_second);
                let ((), answers) = tokio::join!(passing, &mut calls);
                let failed = |answer: &Result<_, Error>| !matches!(answer, Ok(_) | Err(Error::TryLater { .. }));
                assert_eq!(answers.iter().filter(|answer| failed(answer)).count(), 0);
            }
        }
        let seconds = usize::try_from(lasts.as_secs()).unwrap();
        let mut load = vec![0; seconds + 1];
        for request in control.requests().iter().filter(|request| request.endpoint == Endpoint::Refresh) {
            let second = usize::try_from((request.at_ms - began) / 1000).unwrap();
            if let Some(load) = load.get_mut(second) {
                *load += 1;
            }
        }
        Seen { load, well, prompts: control.observations().prompts_in_all() - prompts }
    }

    fn call(&self) -> http::Request<Bytes> {
        http::Request::get(self.server.url().join("/api/me").unwrap().as_str()).body(Bytes::new()).unwrap()
    }

    async fn reject_all(&self, spread: Duration) {
        let answer = http::Response::builder()
            .status(401)
            .header("www-authenticate", r#"Bearer error="invalid_token""#)
            .header("mainstay-spread-seconds", spread.as_secs().to_string())
            .body(Bytes::new())
            .unwrap();
        let url = self.server.url().join("/api/sales").unwrap();
        for (_, session) in &self.tills {
            let token = session.access_token().await.unwrap();
            session.report_rejection(&token, &url, &answer);
        }
    }

    // ---- time ----------------------------------------------------------------------------------------------------

    /// Until nothing is under way but what waits for the server's clock.
    async fn settle(&self) {
        loop {
            let sleeping = self.server.control().observations().sleeping;
            let known = usize::try_from(sleeping).unwrap();
            let under_way = self.activity.in_flight_http();
            if known <= under_way && self.activity.is_quiescent_but_for(known) {
                return;
            }
            let control = self.server.control();
            tokio::select! {
                () = self.activity.quiescent_but_for(known), if known <= under_way => {}
                () = control.wait_until(|seen| seen.sleeping != sleeping) => {}
            }
        }
    }

    /// Time passes on all devices and on the server alike. `each_second` hears how many are signed in.
    async fn pass(&self, duration: Duration, each_second: &mut (dyn FnMut(u32) + Send)) {
        let began = self.clock.monotonic();
        let until = began + duration;
        let mut seconds = 0;
        self.settle().await;
        while self.clock.monotonic() < until {
            let now = self.clock.monotonic();
            let next = self.clock.next_deadline().unwrap_or(until).max(now).min(until).min(now + STEP);
            self.advance(next - now);
            self.settle().await;
            while (next - began).as_secs() > seconds {
                seconds += 1;
                each_second(self.well());
            }
        }
    }

    fn advance(&self, by: Duration) {
        self.server.control().advance(by);
        self.clock.advance(by);
    }

    async fn wait_for<T: Send>(&self, call: impl Future<Output = T> + Send) -> T {
        let mut call = pin!(self.activity.follow(call));
        loop {
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                () = self.settle() => self.advance(STEP),
            }
        }
    }
}
