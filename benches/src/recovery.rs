//! What a recovery adds in requests, when a server changed its secret and the refresh token survives. In virtual time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join;
use mainstay::{
    State,
    host::Clock,
    test_support::{SeededEntropy, VirtualClock},
};
use mainstay_mock_server::{Endpoint, MockServer};

use crate::{Outcome, Till};

/// 20 November 2026, 18:00 UTC: a busy evening.
const EVENING_MS: u64 = 1_795_197_600_000;

/// The app's own request.
const CALL: Endpoint = Endpoint::Catalogue;

/// What one call cost, whose token the server no longer knew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Requests by endpoint, all of them.
    pub requests: BTreeMap<Endpoint, u64>,
    /// Sign-in prompts.
    pub prompts: u64,
}

impl Recovery {
    /// How often the app's request was sent: once, and once more as a replay.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.count(CALL)
    }

    /// Requests with a credential that only the recovery needed.
    #[must_use]
    pub fn added(&self) -> u64 {
        self.requests.values().sum::<u64>() - self.calls() - self.key_sets()
    }

    /// How often the server's public keys were read: once a minute at most, for all accounts of a device, and only where a
    /// token names the key that signed it.
    #[must_use]
    pub fn key_sets(&self) -> u64 {
        self.count(Endpoint::Jwks)
    }

    fn count(&self, endpoint: Endpoint) -> u64 {
        self.requests.get(&endpoint).copied().unwrap_or_default()
    }
}

/// Changes the server's secret while the till is in use, lets the app make one call, and counts what a minute brings.
///
/// # Errors
/// If the call fails, or the session is not well afterwards.
pub async fn recover() -> Outcome<Recovery> {
    let clock = VirtualClock::new(Duration::from_secs(1000), Duration::from_millis(EVENING_MS));
    let till = Till::signed_in(MockServer::builder().virtual_clock(EVENING_MS), |host| {
        host.clock = Arc::new(clock.clone());
        host.entropy = Arc::new(SeededEntropy::new(7));
    });
    let till = till.await?;
    // The sign-in's token is old enough by now not to be taken for one that the server never accepted.
    call(&till, &clock, Duration::from_secs(180)).await?;

    let control = till.server.control();
    control.reset_observations();
    control.change_secret(false);
    call(&till, &clock, Duration::from_secs(60)).await?;

    if !matches!(till.session.state().state, State::SignedIn { .. }) {
        return Err(format!("the session is not well: {:?}", till.session.state()).into());
    }
    let seen = control.observations();
    let requests = seen.requests.iter().map(|(endpoint, requests)| (*endpoint, requests.total)).collect();
    Ok(Recovery { requests, prompts: seen.prompts_in_all() })
}

/// One call of the app, and everything else that happens meanwhile.
async fn call(till: &Till, clock: &VirtualClock, meanwhile: Duration) -> Outcome<()> {
    let url = till.server.url().join("/api/catalogue")?;
    let request = http::Request::get(url.as_str()).body(Bytes::new())?;
    let until = clock.monotonic().saturating_add(meanwhile);
    let call = till.activity.follow(till.session.send(request));
    let (answer, ()) = join(call, till.activity.run_until(clock, until)).await;
    till.server.control().advance(meanwhile);
    match answer?.status() {
        status if status.is_success() => Ok(()),
        status => Err(format!("the app's call was answered {status}").into()),
    }
}
