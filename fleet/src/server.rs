//! The server: what it believes about tokens, how much it can do, and how it answers when it cannot.

use std::time::Duration;

use mainstay_core::Timestamp;

use crate::{
    client::TOKEN_LIFE,
    dice::Dice,
    incident::{DownSays, Hint, Incident, Overload, Tokens},
    simulation::BEGINS,
};

/// There and back.
pub(crate) const ROUND_TRIP: Duration = Duration::from_millis(40);
/// How long the SDK waits for an answer, by its profile's default.
const PATIENCE: Duration = Duration::from_secs(30);
/// Nodes behind the one address, of which one is wrong while they flap.
const NODES: u64 = 4;

/// What the server knows about a device's newest tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Issued {
    after_incident: bool,
    session_after_incident: bool,
    expires_at: Timestamp,
}

impl Issued {
    /// Long before the incident. The device knows better than the server when its token expires.
    pub(crate) const fn before_everything() -> Self {
        let expires_at = Timestamp::from_millis(u64::MAX);
        Self { after_incident: false, session_after_incident: false, expires_at }
    }
}

/// What a device shows to be given tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    RefreshToken,
    DeviceKey,
    Person,
}

/// What the token endpoint says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenReply {
    Granted(Issued),
    Refused,
    /// 503.
    Busy {
        retry_after: Option<Duration>,
    },
    /// No answer in time, or the work was done for nobody.
    Late,
    /// No way to the server.
    Unreachable,
}

/// What the API says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiReply {
    Accepted,
    Rejected,
}

#[derive(Debug)]
pub(crate) struct Server<'a> {
    incident: &'a Incident,
    devices: u32,
    capacity: u32,
    /// When the token endpoint will have done what it has taken in, in microseconds.
    busy_until: u64,
    /// How many callers were given a time of their own.
    told: u32,
}

impl<'a> Server<'a> {
    /// `capacity` is in token requests per second.
    pub(crate) const fn new(incident: &'a Incident, devices: u32, capacity: u32) -> Self {
        Self { incident, devices, capacity, busy_until: 0, told: 0 }
    }

    /// What the operators put into `spread_seconds`: the time that the token endpoint needs for everybody.
    pub(crate) fn spread(&self) -> Duration {
        let requests = self.devices.saturating_mul(self.incident.least_requests());
        Duration::from_secs(u64::from(requests.div_ceil(self.capacity)))
    }

    /// The hint in the answer that rejects a token.
    pub(crate) fn header(&self) -> Option<Duration> {
        (self.incident.hint == Hint::Header).then(|| self.spread())
    }

    /// The hint in the status document.
    pub(crate) fn document(&self) -> Option<Duration> {
        (self.incident.hint == Hint::Document).then(|| self.spread())
    }

    pub(crate) fn is_well(&self, now: Timestamp) -> bool {
        now < BEGINS || now >= BEGINS.plus(self.incident.lasts())
    }

    /// Whether an access token is good at a node that is right.
    pub(crate) fn is_good(&self, issued: Issued, now: Timestamp) -> bool {
        let void = self.incident.tokens != Tokens::Good && now >= BEGINS && !issued.after_incident;
        !void && now < issued.expires_at
    }

    /// A call or a probe, at a node by chance.
    pub(crate) fn call(&self, issued: Issued, now: Timestamp, dice: &mut Dice) -> ApiReply {
        let flaps = self.incident.flaps_for.is_some_and(|_| !self.is_well(now));
        let wrong_node = flaps && dice.one_in(NODES);
        if self.is_good(issued, now) && !wrong_node { ApiReply::Accepted } else { ApiReply::Rejected }
    }

    /// A token request, and how long its answer takes.
    pub(crate) fn token(&mut self, issued: Issued, grant: Grant, now: Timestamp) -> (Duration, TokenReply) {
        if let Some(down) = self.incident.down.filter(|_| !self.is_well(now)) {
            let back_in = BEGINS.plus(down.lasts).since(now);
            let retry_after = match down.says {
                DownSays::Nothing => return (ROUND_TRIP, TokenReply::Unreachable),
                DownSays::AtOnce => Duration::ZERO,
                DownSays::Tomorrow => Duration::from_secs(86_400),
                DownSays::AllAtOneSecond => back_in,
                DownSays::InTurn => {
                    self.told = self.told.saturating_add(1);
                    back_in + Duration::from_secs(u64::from(self.told.div_ceil(self.capacity)))
                }
            };
            return (ROUND_TRIP, TokenReply::Busy { retry_after: Some(retry_after) });
        }
        let now_us = now.as_millis().saturating_mul(1000);
        let begins = self.busy_until.max(now_us);
        let deepest = match self.incident.overload {
            Overload::Sheds => Duration::from_secs(2),
            Overload::BrownsOut => Duration::from_secs(60),
        };
        if Duration::from_micros(begins - now_us) > deepest {
            return (ROUND_TRIP, TokenReply::Busy { retry_after: None });
        }
        self.busy_until = begins + 1_000_000 / u64::from(self.capacity);
        let takes = Duration::from_micros(self.busy_until - now_us) + ROUND_TRIP;
        if takes > PATIENCE {
            return (PATIENCE, TokenReply::Late);
        }
        (takes, self.decided(issued, grant, now))
    }

    fn decided(&self, issued: Issued, grant: Grant, now: Timestamp) -> TokenReply {
        let lost = self.incident.tokens == Tokens::AllVoid && now >= BEGINS;
        if grant == Grant::RefreshToken && lost && !issued.session_after_incident {
            return TokenReply::Refused;
        }
        let after = now >= BEGINS;
        let expires_at = now.plus(TOKEN_LIFE);
        TokenReply::Granted(Issued { after_incident: after, session_after_incident: after, expires_at })
    }
}
