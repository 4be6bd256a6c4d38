//! The session's own time line: forward only, suspend included, carried across restarts (DESIGN.md section 6).

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use mainstay_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::host::{Clock, Monotonic};

/// A device clock further off than this is worth a warning, and nothing else.
const SKEW_WORTH_A_WARNING_MS: i64 = 5 * 60 * 1000;

/// Where a time line stood, to be stored with a session. Holds no credential; on sign-out: removed with the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClockRecord {
    /// The boot that `monotonic_ms` belongs to. Sign-out, SignInRequired and quarantine: written anew, with each
    /// record.
    boot_id: Option<String>,
    /// Sign-out, SignInRequired and quarantine: written anew, with each record.
    monotonic_ms: u64,
    /// The device's wall clock, as it was. Sign-out, SignInRequired and quarantine: written anew, with each record.
    wall_ms: u64,
    /// How far servers were ahead of it. Sign-out, SignInRequired and quarantine: written anew, with each record.
    server_ahead_ms: i64,
    /// Sign-out, SignInRequired and quarantine: written anew, with each record.
    line_ms: u64,
}

impl ClockRecord {
    /// Where the line stood, in milliseconds.
    pub(super) const fn line_ms(&self) -> u64 {
        self.line_ms
    }
}

/// A time line, and how far it is from the machine's clocks.
pub(super) struct TimeLine {
    clock: Arc<dyn Clock>,
    /// What is added to monotonic time, in milliseconds.
    shift_ms: u64,
    /// How far servers are ahead of the device's wall clock, in milliseconds.
    server_ahead_ms: AtomicI64,
    /// Whether the time since the last run is certain.
    gap_is_certain: bool,
}

impl TimeLine {
    /// Goes on from where the last run stood. Within one boot the monotonic clock tells how long ago that was; across
    /// boots only the wall clock can, and a wall clock that went back tells nothing. It is compared with itself: one that
    /// is a day off is a day off at both ends.
    pub(super) fn resume(clock: Arc<dyn Clock>, last: Option<&ClockRecord>) -> Self {
        let monotonic_ms = millis(clock.monotonic());
        let wall_ms = millis(clock.wall());
        let boot_id = clock.boot_id().map(|boot| boot.0);
        let (line_ms, gap_is_certain) = match last {
            None => (wall_ms.max(monotonic_ms), true),
            Some(last) if last.boot_id.is_some() && last.boot_id == boot_id && last.monotonic_ms <= monotonic_ms => {
                (last.line_ms.saturating_add(monotonic_ms - last.monotonic_ms), true)
            }
            Some(last) => (last.line_ms.saturating_add(wall_ms.saturating_sub(last.wall_ms)), false),
        };
        // A line can start anywhere, but not so late that a corrupted record would stop time.
        let shift_ms = line_ms.min(u64::MAX / 2).saturating_sub(monotonic_ms);
        let server_ahead_ms = AtomicI64::new(last.map_or(0, |last| last.server_ahead_ms));
        Self { clock, shift_ms, server_ahead_ms, gap_is_certain }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millis(millis(self.clock.monotonic()).saturating_add(self.shift_ms))
    }

    /// The same moment on the machine's monotonic clock.
    pub(super) fn to_monotonic(&self, at: Timestamp) -> Monotonic {
        Duration::from_millis(at.as_millis().saturating_sub(self.shift_ms))
    }

    pub(super) const fn gap_is_certain(&self) -> bool {
        self.gap_is_certain
    }

    /// Wall time of the device, in milliseconds since 1970, uncorrected.
    pub(super) fn wall_ms(&self) -> u64 {
        millis(self.clock.wall())
    }

    /// What the device's wall clock shows, or showed, at a point of the line, in milliseconds since 1970.
    pub(super) fn wall_ms_at(&self, at: Timestamp) -> u64 {
        let now = self.now();
        self.wall_ms().saturating_add(millis(at.since(now))).saturating_sub(millis(now.since(at)))
    }

    /// How far servers are ahead of the device, in milliseconds.
    pub(super) fn server_ahead_ms(&self) -> i64 {
        self.server_ahead_ms.load(Ordering::Relaxed)
    }

    /// Learns from the `Date` of an answer that has just arrived. A wrong device clock is a warning, never an obstacle.
    pub(super) fn learn(&self, server_time_ms: Option<u64>) {
        let Some(server) = server_time_ms.and_then(|ms| i64::try_from(ms).ok()) else { return };
        let ahead = server.saturating_sub(i64::try_from(self.wall_ms()).unwrap_or(i64::MAX));
        let before = self.server_ahead_ms.swap(ahead, Ordering::Relaxed);
        if ahead.abs() > SKEW_WORTH_A_WARNING_MS && before.abs() <= SKEW_WORTH_A_WARNING_MS {
            tracing::warn!(name: "clock.skewed", server_ahead_ms = ahead);
        }
    }

    pub(super) fn record(&self) -> ClockRecord {
        ClockRecord {
            boot_id: self.clock.boot_id().map(|boot| boot.0),
            monotonic_ms: millis(self.clock.monotonic()),
            wall_ms: self.wall_ms(),
            server_ahead_ms: self.server_ahead_ms(),
            line_ms: self.now().as_millis(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
