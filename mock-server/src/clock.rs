//! The server's own clock: the machine's with an offset, or one that stands still until it is told to move.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The last moment that an HTTP date can spell: the end of the year 9999, in milliseconds since 1970.
pub(crate) const LATEST_MS: u64 = 253_402_300_799_999;

/// What the server's clock says, and how it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReading {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub now_ms: u64,
    /// Whether time stands still until it is advanced.
    #[serde(rename = "virtual")]
    pub is_virtual: bool,
    /// How far the clock is ahead of the machine's, in milliseconds; 0 for a virtual clock.
    pub offset_ms: i64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ServerClock {
    Real { offset_ms: i64 },
    Virtual { now_ms: u64 },
}

impl ServerClock {
    pub(crate) fn now_ms(self) -> u64 {
        match self {
            Self::Real { offset_ms } => machine_ms().saturating_add_signed(offset_ms).min(LATEST_MS),
            Self::Virtual { now_ms } => now_ms,
        }
    }

    pub(crate) fn now_s(self) -> u64 {
        self.now_ms() / 1000
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        let by = u64::try_from(by.as_millis()).unwrap_or(LATEST_MS).min(LATEST_MS);
        match self {
            Self::Real { offset_ms } => *offset_ms = offset_ms.saturating_add_unsigned(by),
            Self::Virtual { now_ms } => *now_ms = now_ms.saturating_add(by).min(LATEST_MS),
        }
    }

    pub(crate) fn is_virtual(self) -> bool {
        matches!(self, Self::Virtual { .. })
    }

    pub(crate) fn reading(self) -> ClockReading {
        let offset_ms = match self {
            Self::Real { offset_ms } => offset_ms,
            Self::Virtual { .. } => 0,
        };
        ClockReading { now_ms: self.now_ms(), is_virtual: self.is_virtual(), offset_ms }
    }

    /// The value of a `Date` header (RFC 9110 section 6.6.1).
    pub(crate) fn http_date(self) -> String {
        http_date(self.now_ms())
    }
}

/// A date as HTTP writes it (RFC 9110 section 5.6.7), from milliseconds since 1970.
pub(crate) fn http_date(at_ms: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(at_ms.min(LATEST_MS)))
}

fn machine_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(LATEST_MS)
}
