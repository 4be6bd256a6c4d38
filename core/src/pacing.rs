//! How often, how soon, how spread out: DESIGN.md section 6 as data.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, rng::Rng};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Least time between two presentations of a kept refresh token, and between two verifications in quarantine.
pub const HOURLY: Duration = HOUR;
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
/// Shortest life of an access token that is believed, so that no server makes a session renew in a tight loop.
pub const LEAST_LIFE: Duration = Duration::from_secs(30);
/// Longest life of an access token that is believed.
pub const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Most that a server's hint may spread first attempts over: what it asks for, stretched by a fifth.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600 * 6 / 5);
/// A person's sign-in whose tokens the servers void within this time was in vain.
pub const IN_VAIN_WITHIN: Duration = Duration::from_secs(600);
/// How many sign-ins in vain, one after the other and not an hour apart, make a session hold before it asks again.
pub const IN_VAIN_TO_HOLD: u8 = 2;
/// How many flaps within [`FLAP_MEMORY`] make a session hold.
pub const FLAPS_TO_HOLD: usize = 3;
/// How many unreasoned refusals, over at least [`UNREASONED_SPAN`], count as `invalid_grant`.
pub const UNREASONED_REFUSALS: u8 = 6;
/// See [`UNREASONED_REFUSALS`].
pub const UNREASONED_SPAN: Duration = Duration::from_secs(30 * 60);

/// How many of an hour's calls are kept for the whole hour; the others may follow each other quickly.
const CALLS_SPREAD_OVER_THE_HOUR: u32 = 8;
/// The random part of the wait after a first failure; four times as wide after each further one
/// (docs/adr/0010-each-failure-widens-the-spread.md).
const BACKOFF_BASE: Duration = Duration::from_secs(10);
const BACKOFF_CAP: Duration = Duration::from_secs(600);

/// What all accounts of one issuer on this device share, so that their load adds up to one device's (P7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerPacing {
    /// When the latest counted calls were made, oldest first. Sign-out, SignInRequired and quarantine: kept.
    calls: [Option<Timestamp>; CALLS_PER_HOUR],
    /// Sign-out, SignInRequired and quarantine: kept.
    failures: u8,
    /// Sign-out, SignInRequired and quarantine: kept.
    not_before: Timestamp,
}

impl IssuerPacing {
    /// When the next counted automatic call may be made, seen from `now`.
    #[must_use]
    pub fn earliest(&self, now: Timestamp) -> Timestamp {
        let [oldest, .., latest] = self.calls;
        let gap = latest.filter(|_| !mutant!(IgnoresTheGap)).map_or(now, |at| at.plus(LEAST_GAP));
        let hour = oldest.map_or(now, |at| at.plus(HOUR));
        now.max(self.not_before).max(gap).max(hour)
    }

    /// Whether the hour's budget of counted calls is spent.
    pub(crate) fn hour_is_full(&self, now: Timestamp) -> bool {
        self.calls[0].is_some_and(|oldest| oldest.plus(HOUR) > now)
    }

    /// Until when the server asked to be left alone (`Retry-After`), if that is later than `now`.
    #[must_use]
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        (self.not_before > now).then_some(self.not_before)
    }

    /// Whether the latest calls failed.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// A clock that went back, or a damaged file, holds nobody for ever: no call lies in the future, and no pause is
    /// longer than a server may ask for.
    pub(crate) fn mend(&mut self, now: Timestamp) {
        self.not_before = self.not_before.min(now.plus(LONGEST_RETRY_AFTER));
        for call in self.calls.iter_mut().flatten() {
            *call = (*call).min(now);
        }
    }

    pub(crate) fn record_call(&mut self, now: Timestamp) {
        self.calls.rotate_left(1);
        self.calls[CALLS_PER_HOUR - 1] = Some(now);
    }

    pub(crate) fn record_failure(&mut self, now: Timestamp, retry_after: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        if let Some(pause) = retry_after.filter(|_| !mutant!(IgnoresRetryAfter)) {
            self.not_before = self.not_before.max(now.plus(pause.min(LONGEST_RETRY_AFTER)));
        }
    }

    pub(crate) fn record_success(&mut self) {
        self.failures = 0;
    }

    /// Full jitter over an exponential backoff, never before [`earliest`](Self::earliest). A server that fails has more
    /// callers than it can serve, and nobody told us how many: each failure spreads them four times as far. Callers
    /// that it sent away until one same second spread over as long again.
    ///
    /// After the first few, what is left of the hour's calls is spread over what is left of the hour: a budget that is
    /// spent in its first quarter would leave nobody to notice the server's repair in the other three.
    pub(crate) fn next_attempt(&self, now: Timestamp, rng: &mut Rng) -> Timestamp {
        let quadruplings = u32::from(self.failures.saturating_sub(1)).min(4);
        let width = (BACKOFF_BASE * 4_u32.pow(quadruplings)).max(self.not_before.since(now)).min(BACKOFF_CAP);
        let soon = self.earliest(now).plus(rng.up_to(width));
        let fair = self.fair_attempt(now).unwrap_or(soon);
        soon.max(fair.plus(rng.up_to(fair.since(now) / 10)))
    }

    /// When the next call is due if the rest of the hour's calls are spread over the rest of the hour.
    fn fair_attempt(&self, now: Timestamp) -> Option<Timestamp> {
        let lately = || self.calls.into_iter().flatten().filter(|at| at.plus(HOUR) > now);
        let left = u32::try_from(CALLS_PER_HOUR.saturating_sub(lately().count())).unwrap_or_default();
        let (oldest, latest) = (lately().next()?, lately().next_back()?);
        let quick = left >= CALLS_SPREAD_OVER_THE_HOUR;
        (!quick).then(|| latest.plus(oldest.plus(HOUR).since(latest) / left.saturating_add(1)))
    }
}

/// When kept credentials are re-tested: after 30 s, 1, 2, 4 min, then every 5 min for an hour, then hourly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retests {
    /// Sign-out and quarantine: dropped. SignInRequired: begun anew.
    pub(crate) since: Timestamp,
    /// Sign-out and quarantine: dropped. SignInRequired: begun anew.
    done: u8,
}

impl Retests {
    pub(crate) const fn starting(now: Timestamp) -> Self {
        Self { since: now, done: 0 }
    }

    /// A tenth of jitter keeps devices that were hit together from asking together, and makes no pause longer: selling
    /// resumes within 5 minutes of the server's repair.
    pub(crate) fn next(&mut self, now: Timestamp, rng: &mut Rng) -> Timestamp {
        let pause = match self.done {
            _ if mutant!(RetestsWithoutPause) => SECOND,
            0 => 30 * SECOND,
            1 => MINUTE,
            2 => 2 * MINUTE,
            3 => 4 * MINUTE,
            _ if now.since(self.since) < HOUR => 5 * MINUTE,
            _ => HOUR,
        };
        self.done = self.done.saturating_add(1);
        now.plus(pause.saturating_sub(rng.up_to(pause / 10)))
    }
}

/// How long a session stays holding at least: 60 s, doubled by each re-entry within 10 minutes, at most 30 minutes. And
/// how long it waits before it asks for new credentials that would not have helped before: as long, doubled each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dwell {
    /// Sign-out: dropped. SignInRequired and quarantine: as when Holding is left.
    pub(crate) until: Option<Timestamp>,
    /// Sign-out: dropped. SignInRequired and quarantine: as when Holding is left.
    pub(crate) left_at: Option<Timestamp>,
    /// Sign-out: dropped. SignInRequired and quarantine: as when Holding is left.
    entries: u8,
    /// Sign-out: dropped. SignInRequired and quarantine: as when Holding is left.
    retries: u8,
}

impl Dwell {
    pub(crate) fn enter(&mut self, now: Timestamp) -> Duration {
        let again = self.left_at.is_some_and(|left| now.since(left) < 10 * MINUTE);
        self.entries = if again { self.entries.saturating_add(1) } else { 0 };
        self.retries = self.entries;
        let pause = Self::doubled(self.entries);
        self.until = Some(now.plus(pause));
        pause
    }

    /// A retry that failed while holding makes the next wait longer; how long a session stays at least, it does not.
    pub(crate) fn prolong(&mut self) -> Duration {
        self.retries = self.retries.saturating_add(1);
        Self::doubled(self.retries)
    }

    pub(crate) fn leave(&mut self, now: Timestamp) {
        (self.until, self.left_at) = (None, Some(now));
    }

    fn doubled(times: u8) -> Duration {
        (MINUTE * (1 << u32::from(times.min(5)))).min(30 * MINUTE)
    }
}

/// A person's sign-ins, and how many of the latest were in vain. People who sign in again and again for nothing are in a
/// login loop, which only whoever does not ask them can break.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignIns {
    /// The latest, until it is known whether it was in vain. Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) latest: Option<Timestamp>,
    /// When one was void last. Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) void_at: Option<Timestamp>,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    in_vain: u8,
}

impl SignIns {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn signed_in(&mut self, now: Timestamp) {
        self.latest = Some(now);
    }

    /// What they signed in for is void. How long not to ask them again, if this is a loop: 4 minutes, twice as long each
    /// time, at most 30.
    pub(crate) fn was_void(&mut self, now: Timestamp) -> Option<Duration> {
        let latest = self.latest.take()?;
        let earlier = if self.is_recent(now) { self.in_vain } else { 0 };
        self.in_vain = if now.since(latest) < IN_VAIN_WITHIN { earlier.saturating_add(1) } else { 0 };
        self.void_at = Some(now);
        self.is_loop(now).then(|| Dwell::doubled(self.in_vain))
    }

    pub(crate) fn is_loop(&self, now: Timestamp) -> bool {
        self.in_vain >= IN_VAIN_TO_HOLD && self.is_recent(now)
    }

    /// Nobody who is asked every other hour is in a loop.
    fn is_recent(&self, now: Timestamp) -> bool {
        self.void_at.is_some_and(|at| now.since(at) < HOUR)
    }
}

/// Limits a person's own taps: 1 in 5 s, 3 in 10 min, and never a countdown of more than 60 s (P13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taps([Option<Timestamp>; 3]);

impl Taps {
    pub(crate) fn tap(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        let [oldest, _, latest] = self.0;
        let longest = if mutant!(LongCountdown) { 10 * MINUTE } else { MINUTE };
        let after_latest = latest.map(|at| at.plus(5 * SECOND));
        let after_oldest = oldest.map(|at| at.plus(10 * MINUTE).min(latest.unwrap_or(at).plus(longest)));
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
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    count: u8,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) first: Option<Timestamp>,
}

impl Unreasoned {
    /// Counts one more; true if it is time to take them for an `invalid_grant`.
    pub(crate) fn again(&mut self, now: Timestamp) -> bool {
        self.count = self.count.saturating_add(1);
        let first = *self.first.get_or_insert(now);
        self.count >= UNREASONED_REFUSALS && now.since(first) >= UNREASONED_SPAN
    }
}

/// The last few times that something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Recently(pub(crate) [Option<Timestamp>; FLAPS_TO_HOLD]);

impl Recently {
    pub(crate) fn remember(&mut self, now: Timestamp) {
        self.0.rotate_left(1);
        self.0[FLAPS_TO_HOLD - 1] = Some(now);
    }

    /// Whether it happened [`FLAPS_TO_HOLD`] times within [`FLAP_MEMORY`].
    pub(crate) fn often(&self, now: Timestamp) -> bool {
        self.0[0].is_some_and(|oldest| now.since(oldest) <= FLAP_MEMORY)
    }
}
