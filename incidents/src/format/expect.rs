//! What must be true.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::Delay;
use crate::protocol::StateName;

/// What must be true at one moment. Everything is optional; what is not named is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// When; absent or `"end"`: at the end.
    pub at: Moment,
    /// The session's state, or one of several.
    pub state: Option<OneOrMore<StateName>>,
    /// The code of the state's reason or cause, or one of several.
    pub reason: Option<OneOrMore<String>>,
    /// States that were never entered up to now.
    pub never: Vec<StateName>,
    /// States that were entered at least once up to now.
    pub visited: Vec<StateName>,
    /// How many sign-in prompts people saw.
    pub prompts: Option<Bounds>,
    /// How many requests each endpoint got, by the mock server's name for it. `any` counts all of them.
    pub requests: BTreeMap<String, Bounds>,
    /// How many sets of credentials were stored.
    pub generations: Option<Bounds>,
    /// How many credentials were thrown away that nothing had replaced.
    pub credentials_destroyed: Option<Bounds>,
    /// Whether the app's data is byte for byte what it was, its own new sales apart.
    pub app_data_identical: Option<bool>,
    /// Whether anybody was told to clear the app's data.
    pub asks_to_clear_app_data: Option<bool>,
    /// How many bytes of another person's name were shown.
    pub foreign_bytes: Option<Bounds>,
    /// Whether a new process finds the session as the old one left it. Looked at in the end only.
    pub session_survives_restart: Option<bool>,
    /// For how many seconds of virtual time the till could not sell online.
    pub seconds_not_selling: Option<Bounds>,
    /// For how many of those it could not even sell offline.
    pub seconds_lost: Option<Bounds>,
    /// How often the app was killed.
    pub kills: Option<Bounds>,
    /// How often the server took a refresh token for stolen, because it was presented again.
    pub reuse_detections: Option<Bounds>,
    /// Whether each sale that was taken reached the server exactly once.
    pub sales_delivered_once: Option<bool>,
    /// The line in the file, counted from 1.
    #[serde(skip)]
    pub line: usize,
}

/// A moment of the incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// This long after the start, when everything that happens then has settled.
    At(Delay),
    /// When the incident has lasted as long as it lasts.
    #[default]
    End,
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "end" {
            return Ok(Self::End);
        }
        Delay::deserialize(serde::de::value::StringDeserializer::new(text)).map(Self::At)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(delay) => write!(f, "{}", humantime::format_duration(delay.0)),
            Self::End => f.write_str("the end"),
        }
    }
}

/// A number with a lower and an upper limit, both included. A plain number is exactly that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The least that is right.
    pub min: u64,
    /// The most that is right.
    pub max: u64,
}

impl Bounds {
    /// Whether `seen` is within.
    #[must_use]
    pub fn hold(self, seen: u64) -> bool {
        (self.min..=self.max).contains(&seen)
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, max) if min == max => write!(f, "{min}"),
            (0, max) => write!(f, "at most {max}"),
            (min, u64::MAX) => write!(f, "at least {min}"),
            (min, max) => write!(f, "{min} to {max}"),
        }
    }
}

impl<'de> Deserialize<'de> for Bounds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoundsVisitor)
    }
}

struct BoundsVisitor;

impl<'de> serde::de::Visitor<'de> for BoundsVisitor {
    type Value = Bounds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or { min = .., max = .. }")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Bounds, E> {
        Ok(Bounds { min: number, max: number })
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Bounds, E> {
        let number = u64::try_from(number).map_err(|_| E::custom("a count cannot be negative"))?;
        self.visit_u64(number)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Bounds, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            min: Option<u64>,
            max: Option<u64>,
        }
        let table = Table::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        let bounds = Bounds { min: table.min.unwrap_or(0), max: table.max.unwrap_or(u64::MAX) };
        if bounds.min > bounds.max {
            return Err(A::Error::custom("min is greater than max"));
        }
        Ok(bounds)
    }
}

/// One value, or a list of values any of which is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMore<T>(pub Vec<T>);

impl<T: PartialEq> OneOrMore<T> {
    /// Whether `seen` is one of them.
    #[must_use]
    pub fn has(&self, seen: &T) -> bool {
        self.0.contains(seen)
    }
}

impl<T: fmt::Display> fmt::Display for OneOrMore<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(T::to_string).collect();
        f.write_str(&words.join(" or "))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = OneOrMore<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word or a list of words")
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Self::Value, E> {
                T::deserialize(serde::de::value::StrDeserializer::new(word)).map(|one| OneOrMore(vec![one]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(sequence)).map(OneOrMore)
            }
        }
        deserializer.deserialize_any(Visitor(std::marker::PhantomData))
    }
}
