//! How often, how soon, how spread out: DESIGN.md section 6 as data.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, rng::Rng};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Age below which a rejected token counts as fresh: signing in again would give the same.
pub const FRESH_TOKEN_AGE: Duration = Duration::from_secs(120);
/// Least time between automatic calls to the authorization server after a first failure or inside an episode.
pub const LEAST_GAP: Duration = Duration::from_secs(20);
/// Most automatic calls to the authorization server in an hour after a first failure or inside an episode.
pub const CALLS_PER_HOUR: usize = 12;
/// Spread of the first automatic attempt when nobody waits and the server gave no hint.
pub const SPREAD_IN_BACKGROUND: Duration = Duration::from_secs(300);
/// Spread of the first automatic attempt when a call waits and the server gave no hint.
pub const SPREAD_WHEN_WAITING: Duration = Duration::from_secs(10);
/// Longest spread that a server may ask for.
pub const LONGEST_SPREAD: Duration = Duration::from_secs(24 * 3600);
/// Longest `Retry-After` that is obeyed.
pub const LONGEST_RETRY_AFTER: Duration = HOUR;
/// How long credentials are kept in SignInRequired.
pub const KEEP_IN_SIGN_IN_REQUIRED: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many requests to the authorization server, and to resource servers, one gathering of evidence may cost.
pub const REQUESTS_PER_GATHERING: u8 = 2;
/// How long a new token may wait for a replayed call to prove it before a probe is sent.
pub const CONFIRM_GRACE: Duration = Duration::from_secs(2);
/// How long a flap is remembered; as many as [`FLAPS_TO_HOLD`] within it mean that nodes disagree.
pub const FLAP_MEMORY: Duration = Duration::from_secs(600);
/// How many flaps within [`FLAP_MEMORY`] make a session hold.
pub const FLAPS_TO_HOLD: usize = 3;
/// How many unreasoned refusals, over at least [`UNREASONED_SPAN`], count as `invalid_grant`.
pub const UNREASONED_REFUSALS: u8 = 6;
/// See [`UNREASONED_REFUSALS`].
pub const UNREASONED_SPAN: Duration = Duration::from_secs(30 * 60);

const BACKOFF_BASE: Duration = Duration::from_secs(2);
const BACKOFF_CAP: Duration = Duration::from_secs(300);

/// What all accounts of one issuer on this device share, so that their load adds up to one device's (P7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerPacing {
    /// When the latest counted calls were made, oldest first after rotation.
    calls: [Timestamp; CALLS_PER_HOUR],
    made: u32,
    failures: u8,
    not_before: Timestamp,
}

impl IssuerPacing {
    /// When the next counted automatic call may be made, seen from `now`.
    #[must_use]
    pub fn earliest(&self, now: Timestamp) -> Timestamp {
        let mut at = now.max(self.not_before.min(now.plus(LONGEST_RETRY_AFTER)));
        let made = usize::try_from(self.made).unwrap_or(usize::MAX);
        if made > 0 {
            let latest = self.calls[(made - 1) % CALLS_PER_HOUR].min(now);
            at = at.max(latest.plus(LEAST_GAP));
        }
        if made >= CALLS_PER_HOUR {
            let oldest = self.calls[made % CALLS_PER_HOUR].min(now);
            at = at.max(oldest.plus(HOUR));
        }
        at
    }

    /// Whether the hour's budget of counted calls is spent.
    pub(crate) fn hour_is_full(&self, now: Timestamp) -> bool {
        let made = usize::try_from(self.made).unwrap_or(usize::MAX);
        made >= CALLS_PER_HOUR && self.calls[made % CALLS_PER_HOUR].min(now).plus(HOUR) > now
    }

    /// Until when the server asked to be left alone (`Retry-After`), if that is later than `now`.
    #[must_use]
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.not_before.min(now.plus(LONGEST_RETRY_AFTER));
        (until > now).then_some(until)
    }

    /// Whether the latest calls failed.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.failures > 0
    }

    pub(crate) fn record_call(&mut self, now: Timestamp) {
        let made = usize::try_from(self.made).unwrap_or(usize::MAX);
        self.calls[made % CALLS_PER_HOUR] = now;
        // Kept small without losing the position in the ring or the fact that it is full.
        let cap = 2 * u32::try_from(CALLS_PER_HOUR).unwrap_or(u32::MAX);
        self.made = if self.made + 1 >= cap { cap / 2 } else { self.made + 1 };
    }

    pub(crate) fn record_failure(&mut self, now: Timestamp, retry_after: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        if let Some(pause) = retry_after {
            self.not_before = self.not_before.max(now.plus(pause.min(LONGEST_RETRY_AFTER)));
        }
    }

    pub(crate) fn record_success(&mut self) {
        self.failures = 0;
    }

    /// Full jitter over an exponential backoff, never before [`earliest`](Self::earliest).
    pub(crate) fn next_attempt(&self, now: Timestamp, rng: &mut Rng) -> Timestamp {
        let exponent = u32::from(self.failures.saturating_sub(1)).min(8);
        let width = BACKOFF_BASE.saturating_mul(1 << exponent).min(BACKOFF_CAP);
        self.earliest(now).plus(rng.up_to(width))
    }
}

/// When kept credentials are re-tested: after 30 s, 1, 2, 4 min, then every 5 min for an hour, then hourly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retests {
    since: Timestamp,
    done: u8,
}

impl Retests {
    pub(crate) const fn starting(now: Timestamp) -> Self {
        Self { since: now, done: 0 }
    }

    /// A tenth of jitter keeps devices that were hit together from asking together.
    pub(crate) fn next(&mut self, now: Timestamp, rng: &mut Rng) -> Timestamp {
        let pause = match self.done {
            0 => 30 * SECOND,
            1 => MINUTE,
            2 => 2 * MINUTE,
            3 => 4 * MINUTE,
            _ if now.since(self.since) < HOUR => 5 * MINUTE,
            _ => HOUR,
        };
        self.done = self.done.saturating_add(1);
        now.plus(pause).plus(rng.up_to(pause / 10))
    }
}

/// How long a session stays holding before it asks for new credentials: 60 s, doubled by each re-entry within 10 minutes, at most 30 minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dwell {
    doublings: u8,
    left_at: Option<Timestamp>,
}

impl Dwell {
    pub(crate) fn enter(&mut self, now: Timestamp) -> Duration {
        let again = self.left_at.is_some_and(|left| now.since(left) < 10 * MINUTE);
        self.doublings = if again { (self.doublings + 1).min(5) } else { 0 };
        self.length()
    }

    /// A retry that failed while holding makes the next wait longer, too.
    pub(crate) fn prolong(&mut self) -> Duration {
        self.doublings = (self.doublings + 1).min(5);
        self.length()
    }

    pub(crate) fn leave(&mut self, now: Timestamp) {
        self.left_at = Some(now);
    }

    fn length(self) -> Duration {
        (MINUTE * (1 << u32::from(self.doublings))).min(30 * MINUTE)
    }
}

/// Limits a person's own taps: 1 in 5 s, 3 in 10 min, and never a countdown of more than 60 s (P13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taps([Option<Timestamp>; 3]);

impl Taps {
    pub(crate) fn tap(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        let [oldest, _, latest] = self.0;
        let after_latest = latest.map(|at| at.plus(5 * SECOND));
        let after_oldest = oldest.map(|at| at.plus(10 * MINUTE).min(latest.unwrap_or(at).plus(MINUTE)));
        let allowed = after_latest.max(after_oldest).unwrap_or(now);
        if allowed > now {
            return Err(allowed);
        }
        self.0 = [self.0[1], self.0[2], Some(now)];
        Ok(())
    }
}

/// Refusals without a reason, counted across gatherings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Unreasoned {
    count: u8,
    first: Option<Timestamp>,
}

impl Unreasoned {
    /// Counts one more; true if it is time to take them for an `invalid_grant`.
    pub(crate) fn again(&mut self, now: Timestamp) -> bool {
        self.count = self.count.saturating_add(1);
        let first = *self.first.get_or_insert(now);
        self.count >= UNREASONED_REFUSALS && now.since(first) >= UNREASONED_SPAN
    }
}
