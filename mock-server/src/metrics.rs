//! What monitoring sees: counts that only grow, in the format of Prometheus.

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::{
    Endpoint,
    call::{Call, Reply},
    page,
    pos::Reason,
    state::App,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByGrant {
    grant: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: String,
}

/// The counts.
pub(crate) struct Metrics {
    registry: Registry,
    issued: Family<ByGrant, Counter>,
    refreshed: Counter,
    refused: Family<ByReason, Counter>,
    accepted: Counter,
    rejected: Family<ByReason, Counter>,
    sessions: Gauge,
    store_up: Gauge,
}

/// What the token endpoint says about a refresh token that it does not take.
const REFUSALS: [&str; 2] = ["invalid_grant", "temporarily_unavailable"];

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("mainstay");
        let (issued, refreshed, accepted) = (Family::default(), Counter::default(), Counter::default());
        let (refused, rejected) = (Family::<ByReason, Counter>::default(), Family::<ByReason, Counter>::default());
        let (sessions, store_up) = (Gauge::default(), Gauge::default());
        registry.register("tokens_issued", "Sign-ins that were given tokens, by grant", issued.clone());
        registry.register("tokens_refreshed", "Refreshes that were given tokens", refreshed.clone());
        registry.register("refreshes_refused", "Refreshes that were not given tokens, by error", refused.clone());
        registry.register("tokens_accepted", "Requests whose access token was good", accepted.clone());
        registry.register("tokens_rejected", "Requests whose access token was not good, by reason", rejected.clone());
        registry.register("sessions", "Sessions that are neither revoked nor lost", sessions.clone());
        registry.register("session_store_up", "Whether the session store answers", store_up.clone());
        // A count that appears only with its first event hides that event from `increase()`.
        for reason in Reason::ALL {
            drop(rejected.get_or_create(&ByReason { reason: reason.name().to_owned() }));
        }
        for reason in REFUSALS {
            drop(refused.get_or_create(&ByReason { reason: reason.to_owned() }));
        }
        Self { registry, issued, refreshed, refused, accepted, rejected, sessions, store_up }
    }
}

impl Metrics {
    pub(crate) fn accepted(&self) {
        self.accepted.inc();
    }

    pub(crate) fn rejected(&self, reason: &str) {
        self.rejected.get_or_create(&ByReason { reason: reason.to_owned() }).inc();
    }

    /// The token endpoint gave tokens.
    pub(crate) fn gave(&self, grant: Endpoint) {
        match grant {
            Endpoint::Refresh => drop(self.refreshed.inc()),
            other => drop(self.issued.get_or_create(&ByGrant { grant: other.name() }).inc()),
        }
    }

    /// The token endpoint did not take a refresh token.
    pub(crate) fn refused(&self, status: u16) {
        let [invalid, unavailable] = REFUSALS;
        let reason = if status >= 500 { unavailable } else { invalid };
        self.refused.get_or_create(&ByReason { reason: reason.to_owned() }).inc();
    }
}

/// `GET /metrics`, in the text format of OpenMetrics.
pub(crate) fn metrics(app: &App, _call: &Call) -> Reply {
    let text = app.read(|world| {
        let sessions = world.sessions.live();
        world.metrics.store_up.set(i64::from(sessions.is_ok()));
        if let Ok(sessions) = sessions {
            world.metrics.sessions.set(i64::try_from(sessions).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &world.metrics.registry);
        text
    });
    Ok(page::text("application/openmetrics-text; version=1.0.0; charset=utf-8", text))
}
