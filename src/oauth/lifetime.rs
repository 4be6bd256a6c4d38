//! How long an access token may be handed out: `expires_in`,
//! [RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1).
//!
//! Real servers send 0, 1, a text, a fraction, an absolute time or nothing. None of it may cause a refresh in a tight
//! loop, or a token that is trusted for decades. A lifetime counts from the moment the answer arrived, on the
//! session's own time line, so that a device clock that is days off changes nothing.

use std::time::Duration;

use serde_json::Value;

use super::json::whole_number;

/// The shortest lifetime. A token that says less is handed out for this long unless it is rejected: long enough for
/// the calls that waited for it, short enough to be harmless, and it bounds refreshes to two a minute.
pub const LIFETIME_FLOOR: Duration = Duration::from_secs(30);

/// The longest lifetime. A token that says more is refreshed once a day all the same, so that a session notices within
/// a day that a server changed its mind.
pub const LIFETIME_CEILING: Duration = Duration::from_secs(24 * 60 * 60);

/// What is assumed when the server does not say: the customary hour. A rejection corrects it earlier.
pub const LIFETIME_ASSUMED: Duration = Duration::from_secs(60 * 60);

/// From here on a number of seconds is no lifetime but a time since 1970: it would be 31 years.
const LOOKS_ABSOLUTE: i64 = 1_000_000_000;

/// From here on it is a time since 1970 in milliseconds.
const LOOKS_ABSOLUTE_MILLIS: i64 = 1_000_000_000_000;

/// The lifetime of an access token, between [`LIFETIME_FLOOR`] and [`LIFETIME_CEILING`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// How long, from the arrival of the answer.
    pub duration: Duration,
    /// Where that comes from.
    pub origin: LifetimeOrigin,
}

/// Where a [`Lifetime`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifetimeOrigin {
    /// The server said so.
    Stated,
    /// The server gave the time of expiry instead; taken relative to its own `Date`.
    AbsoluteTime,
    /// The server said less than [`LIFETIME_FLOOR`].
    RaisedToFloor,
    /// The server said more than [`LIFETIME_CEILING`].
    LoweredToCeiling,
    /// The server said nothing that can be read: [`LIFETIME_ASSUMED`].
    Assumed,
}

impl Lifetime {
    /// Reads `expires_in`. `server_time_ms` is the answer's own `Date`, in milliseconds since 1970.
    #[must_use]
    pub fn read(expires_in: Option<&Value>, server_time_ms: Option<u64>) -> Self {
        let assumed = Self { duration: LIFETIME_ASSUMED, origin: LifetimeOrigin::Assumed };
        let Some(number) = expires_in.and_then(whole_number) else { return assumed };
        if number < LOOKS_ABSOLUTE {
            return Self::clamped(number, LifetimeOrigin::Stated);
        }
        let seconds = if number < LOOKS_ABSOLUTE_MILLIS { number } else { number / 1000 };
        match server_time_ms.and_then(|millis| i64::try_from(millis / 1000).ok()) {
            Some(now) => Self::clamped(seconds.saturating_sub(now), LifetimeOrigin::AbsoluteTime),
            None => assumed,
        }
    }

    fn clamped(seconds: i64, origin: LifetimeOrigin) -> Self {
        let duration = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        if duration < LIFETIME_FLOOR {
            Self { duration: LIFETIME_FLOOR, origin: LifetimeOrigin::RaisedToFloor }
        } else if duration > LIFETIME_CEILING {
            Self { duration: LIFETIME_CEILING, origin: LifetimeOrigin::LoweredToCeiling }
        } else {
            Self { duration, origin }
        }
    }
}

#[cfg(test)]
mod tests;
