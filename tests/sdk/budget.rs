//! F6: the app's own calls fill the transport, and a refresh goes out all the same.

use std::sync::{Arc, OnceLock};

use http::{StatusCode, header};
use mainstay::{
    Error, Session,
    host::{BoxFuture, ConnectionWish, Host, Inbound, Lane, Outbound, Transport, TransportError},
};
use mainstay_mock_server::Endpoint;
use tokio::sync::{Semaphore, watch};

use crate::{
    call::Call,
    till::{A_WHILE, Setup, Till, network},
};

/// At most five requests to a host at a time, as HTTP clients on phones have it.
#[derive(Clone)]
struct FivePerHost {
    inner: Arc<dyn Transport>,
    apps: Arc<Semaphore>,
    own: Arc<Semaphore>,
    /// How many of the SDK's requests wait for a slot.
    queued: Arc<watch::Sender<usize>>,
}

impl FivePerHost {
    fn over(inner: Arc<dyn Transport>) -> Self {
        let slots = || Arc::new(Semaphore::new(5));
        Self { inner, apps: slots(), own: slots(), queued: Arc::default() }
    }

    /// What a transport is that knows no difference.
    fn in_one_lane(inner: Arc<dyn Transport>) -> Self {
        let limited = Self::over(inner);
        Self { own: Arc::clone(&limited.apps), ..limited }
    }
}

impl Transport for FivePerHost {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        let slots = if outbound.lane == Lane::App { &self.apps } else { &self.own };
        Box::pin(async move {
            self.queued.send_modify(|queued| *queued += 1);
            let _slot = slots.acquire().await.unwrap();
            self.queued.send_modify(|queued| *queued -= 1);
            self.inner.send(outbound).await
        })
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.inner.can_open_fresh_connections()
    }
}

/// An app whose interceptor keeps its slot from the first try to the replay.
struct App {
    till: Till,
    session: Session,
    limit: FivePerHost,
}

impl App {
    async fn over(limit: fn(Arc<dyn Transport>) -> FivePerHost) -> Self {
        let made: Arc<OnceLock<FivePerHost>> = Arc::default();
        let keep = Arc::clone(&made);
        let setup = Setup::new().network(move |inner| keep.get_or_init(|| limit(inner)).clone());
        let (till, session) = setup.signed_in().await;
        till.pass(A_WHILE).await;
        let limit = made.get().unwrap().clone();
        Self { till, session, limit }
    }

    /// Five calls, each in its slot, find a void token together.
    async fn five_calls_are_rejected(&self) -> Vec<Call<Result<StatusCode, Error>>> {
        self.till.control().change_secret(false);
        self.till.control().hold(Endpoint::Me);
        let mut calls = Vec::new();
        for _ in 0..5 {
            let slot = Arc::clone(&self.limit.apps).acquire_owned().await.unwrap();
            let call = AppCall { session: self.session.clone(), me: self.till.request("GET", "/api/me") };
            let network =
                self.till.activity.track(Host { transport: network(), ..self.till.machine.clone() }).transport;
            calls.push(Call::start(&self.till.activity, async move {
                let _slot = slot;
                call.intercepted(&*network).await
            }));
        }
        self.till.control().wait_for_held(5).await;
        self.till.control().clear_faults();
        calls
    }
}

struct AppCall {
    session: Session,
    me: http::Request<bytes::Bytes>,
}

impl AppCall {
    async fn intercepted(&self, network: &dyn Transport) -> Result<StatusCode, Error> {
        let token = self.session.access_token().await?;
        let rejected = self.get(network, token.expose()).await;
        assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
        let url = self.me.uri().to_string().parse().unwrap();
        self.session.report_rejection(&token, &url, &rejected);
        let token = self.session.access_token().await?;
        Ok(self.get(network, token.expose()).await.status())
    }

    /// Within the slot that the call has already.
    async fn get(&self, network: &dyn Transport, token: &str) -> http::Response<bytes::Bytes> {
        let mut request = self.me.clone();
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        let outbound = Outbound { request, connection: ConnectionWish::Any, lane: Lane::App, body_limit: 10_000 };
        network.send(outbound).await.unwrap().response
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_parked_calls_cannot_starve_the_refresh_that_they_wait_for() {
    let app = App::over(FivePerHost::over).await;
    for call in app.five_calls_are_rejected().await {
        assert_eq!(app.till.wait_for(call).await, Ok(StatusCode::OK));
    }
    assert_eq!(app.till.total(Endpoint::Refresh), 1);
}

/// The negative control: in one lane with the calls that wait for it, recovery waits for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transport_with_one_lane_starves_it() {
    let app = App::over(FivePerHost::in_one_lane).await;
    let calls = app.five_calls_are_rejected().await;
    // The probe, and the reading of the server's keys.
    app.limit.queued.subscribe().wait_for(|queued| *queued == 2).await.unwrap();
    assert_eq!((app.till.total(Endpoint::Me), app.till.total(Endpoint::Refresh)), (5, 0), "not even the probe");

    for call in calls {
        call.abort().await;
    }
    app.till.pass(std::time::Duration::from_secs(20)).await;
    assert_eq!(app.till.total(Endpoint::Refresh), 1, "when they give up, it goes");
}
