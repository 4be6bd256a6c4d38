//! Small values: how long, and when.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, de::Error as _};

/// A length of time as people write it: `"15m"`, `"1h 30m"`, `"250ms"`. At most 400 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Delay(pub Duration);

const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        length(deserializer, LONGEST, "400 days").map(Self)
    }
}

fn length<'de, D: Deserializer<'de>>(deserializer: D, longest: Duration, limit: &str) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let length = humantime::parse_duration(&text)
        .map_err(|error| D::Error::custom(format!("`{text}` is no length of time such as \"15m\": {error}")))?;
    if length > longest {
        return Err(D::Error::custom(format!("`{text}` is longer than {limit}")));
    }
    Ok(length)
}

/// By how much a clock is off, written as a [`Delay`]. At most 30 years: clocks have lost twelve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shift(pub Duration);

const FARTHEST: Duration = Duration::from_secs(30 * 366 * 24 * 60 * 60);

impl<'de> Deserialize<'de> for Shift {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        length(deserializer, FARTHEST, "30 years").map(Self)
    }
}

/// A date and time with its offset, RFC 3339, as TOML writes it without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartTime(pub SystemTime);

impl StartTime {
    /// Milliseconds since 1970-01-01T00:00:00Z; 0 for anything before.
    #[must_use]
    pub fn unix_millis(self) -> u64 {
        let since = self.0.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Default for StartTime {
    /// The morning of the incident that Mainstay exists for, 2025-02-17T09:00:00Z.
    fn default() -> Self {
        Self(SystemTime::UNIX_EPOCH + Duration::from_secs(1_739_782_800))
    }
}

impl<'de> Deserialize<'de> for StartTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = toml::value::Datetime::deserialize(deserializer)?.to_string();
        humantime::parse_rfc3339(&text)
            .map(Self)
            .map_err(|_| D::Error::custom(format!("`{text}` is no time such as 2025-02-17T09:00:00Z")))
    }
}
