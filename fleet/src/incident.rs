//! The incidents: what breaks, for how long, and what the server says about it.

use std::time::Duration;

use mainstay_core::pacing::LONGEST_RETRY_AFTER;

use crate::report::Kind;

const MINUTE: Duration = Duration::from_secs(60);

/// One incident, as data.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Its name on the command line and in file names.
    pub name: &'static str,
    /// A headline.
    pub title: &'static str,
    /// What happens, for somebody who has never read code.
    pub story: &'static str,
    pub(crate) tokens: Tokens,
    pub(crate) down: Option<Down>,
    pub(crate) flaps_for: Option<Duration>,
    pub(crate) hint: Hint,
    pub(crate) calls_wait: bool,
    /// All devices start within this time, after a night.
    pub(crate) morning: Option<Duration>,
    pub(crate) overload: Overload,
}

/// What becomes of issued tokens when the incident begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// They stay good.
    Good,
    /// Access tokens are void.
    AccessVoid,
    /// Access tokens and refresh tokens are void; device keys are not.
    AllVoid,
}

/// The token endpoint gives no tokens for a while.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Down {
    pub(crate) lasts: Duration,
    pub(crate) says: DownSays,
}

/// What a caller hears while the token endpoint is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DownSays {
    /// Nothing: no way to the server.
    Nothing,
    /// 503, and when to come again: each caller a time of its own, one after the other as the capacity allows.
    InTurn,
    /// 503 with `Retry-After: 0`.
    AtOnce,
    /// 503 with `Retry-After: 86400`.
    Tomorrow,
    /// 503 with the second in which the server is back, the same for all.
    AllAtOneSecond,
}

/// How devices learn over how long they shall spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    None,
    /// By a header of the answer that rejects the token.
    Header,
    /// By the status document.
    Document,
}

/// What a token endpoint does with more than it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overload {
    /// Two seconds' work may wait; the rest is turned away with 503 at no cost.
    Sheds,
    /// It takes in a minute's work: latency grows, callers give up after 30 seconds, and the work is done all the same.
    BrownsOut,
}

impl Incident {
    const fn new(name: &'static str, title: &'static str, story: &'static str) -> Self {
        Self {
            name,
            title,
            story,
            tokens: Tokens::Good,
            down: None,
            flaps_for: None,
            hint: Hint::None,
            calls_wait: false,
            morning: None,
            overload: Overload::Sheds,
        }
    }

    /// Token requests that a device cannot do without: a refresh; and the device key where that is refused.
    #[must_use]
    pub const fn least_requests(&self) -> u32 {
        match self.tokens {
            Tokens::AllVoid => 2,
            Tokens::Good | Tokens::AccessVoid => 1,
        }
    }

    /// How long after its beginning the server is whole again.
    pub(crate) fn lasts(&self) -> Duration {
        self.down.map_or(Duration::ZERO, |down| down.lasts).max(self.flaps_for.unwrap_or_default())
    }

    /// Which clients are worth comparing in it: where no token is rejected, there is no spread to take away.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let rejects = self.tokens != Tokens::Good || self.flaps_for.is_some();
        Kind::ALL.into_iter().filter(|kind| rejects || *kind != Kind::Unspread).collect()
    }

    /// Whether the server's hint reaches a device before its first attempt: then there are goals.
    #[must_use]
    pub fn has_goals(&self) -> bool {
        self.hint == Hint::Header && self.tokens != Tokens::Good
    }

    /// The longest pause that the server imposes after the incident's end.
    pub(crate) fn longest_pause(&self) -> Duration {
        match self.down {
            Some(Down { says: DownSays::Tomorrow, .. }) => LONGEST_RETRY_AFTER,
            _ => Duration::ZERO,
        }
    }

    /// Whether every device needs new tokens because of it.
    pub(crate) fn concerns_all(&self) -> bool {
        self.tokens != Tokens::Good || self.morning.is_some()
    }
}

/// Every incident, in the order of telling.
#[must_use]
pub fn all() -> Vec<Incident> {
    let down = |says| Some(Down { lasts: 5 * MINUTE, says });
    let keys = |name, title, story| Incident { tokens: Tokens::AccessVoid, ..Incident::new(name, title, story) };
    let told = |name, title, story| Incident { hint: Hint::Header, ..keys(name, title, story) };
    vec![
        told(
            "keys-changed",
            "Every access token is void, and the server says how long to spread",
            "The key that signs tokens changes. Refresh tokens survive. The answer that rejects a token carries \
             `mainstay-spread-seconds`.",
        ),
        Incident {
            tokens: Tokens::AllVoid,
            ..told(
                "sessions-lost",
                "Refresh tokens are void too, devices have keys, and the server says how long to spread",
                "The server loses its sessions. Devices are known by a key of their own; no person is needed.",
            )
        },
        Incident {
            hint: Hint::Document,
            ..keys(
                "keys-changed-document",
                "Every access token is void; the hint stands in the status document",
                "As the first one, but the server has only `spread_seconds` in its status document.",
            )
        },
        keys(
            "keys-changed-no-hint",
            "Every access token is void, and the server says nothing",
            "As the first one, without any hint. Nobody waits: the apps noticed in the background.",
        ),
        Incident {
            calls_wait: true,
            ..keys(
                "rush-hour",
                "Every access token is void at rush hour, and the server says nothing",
                "As before, and at every till a cashier waits for a call.",
            )
        },
        Incident {
            calls_wait: true,
            overload: Overload::BrownsOut,
            ..keys(
                "brown-out",
                "Every access token is void at rush hour; the server browns out",
                "As before, at a server that turns nobody away: under load it answers late, and too late is never.",
            )
        },
        Incident {
            down: Some(Down { lasts: 20 * MINUTE, says: DownSays::Nothing }),
            ..Incident::new(
                "outage",
                "Twenty minutes without a token endpoint, and its return",
                "Nobody can reach the authorization server for twenty minutes. Tokens expire one by one meanwhile.",
            )
        },
        Incident {
            flaps_for: Some(10 * MINUTE),
            ..Incident::new(
                "flapping",
                "One node in four rejects good tokens for ten minutes",
                "Behind one address, one node of four has another key. The same token is good or bad by chance.",
            )
        },
        Incident {
            down: down(DownSays::InTurn),
            ..keys(
                "retry-after-in-turn",
                "Tokens void, five minutes of 503, and a right Retry-After",
                "The server answers 503 and gives every caller a time of its own.",
            )
        },
        Incident {
            down: down(DownSays::AtOnce),
            ..keys(
                "retry-after-0",
                "Tokens void, five minutes of 503, and Retry-After: 0",
                "The server says: come again at once.",
            )
        },
        Incident {
            down: down(DownSays::Tomorrow),
            ..keys(
                "retry-after-huge",
                "Tokens void, five minutes of 503, and Retry-After: 86400",
                "The server says: come again tomorrow.",
            )
        },
        Incident {
            down: down(DownSays::AllAtOneSecond),
            ..keys(
                "retry-after-same",
                "Tokens void, five minutes of 503, and one Retry-After for all",
                "The server names the second in which it is back, and everybody hears the same second.",
            )
        },
        Incident {
            morning: Some(MINUTE),
            ..Incident::new(
                "morning",
                "All devices start at eight in the morning",
                "A time switch turns every till on within a minute, and every access token expired in the night.",
            )
        },
        Incident {
            morning: Some(MINUTE),
            hint: Hint::Document,
            ..Incident::new(
                "morning-document",
                "All devices start at eight; the hint stands in the status document",
                "As before; the server has `spread_seconds` in its status document.",
            )
        },
    ]
}
