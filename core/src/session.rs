//! One account's session: its parts, and the questions one can ask it. What it does is in `transition.rs`.

use core::time::Duration;

use crate::{
    Connectivity, Generation, HoldCause, IdentityProof, IssuerPacing, SNAPSHOT_VERSION, Snapshot, State, Timestamp,
    attempt::Attempt,
    memory::{Episode, Held, Memory, RefreshStanding, Standing},
    pacing::{HOURLY, KEEP_IN_SIGN_IN_REQUIRED, REQUESTS_PER_GATHERING, Taps},
};

/// What a deployment can do, from its profile. Given at start, never persisted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// There is a request that asks a server whether a token is good.
    pub can_probe: bool,
    /// The transport can open a connection of its own for a probe.
    pub fresh_connections: bool,
    /// Rung 4 exists: a device key is enrolled, or the app supplies a provider.
    pub can_reauthenticate: bool,
    /// The server publishes a status document.
    pub has_status: bool,
}

/// What `access_token()` is to answer now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The access token of this generation.
    Token(Generation),
    /// A token may come: wait, but not beyond `until` (if known) and never more than 15 s.
    Wait {
        /// When the next thing happens.
        until: Option<Timestamp>,
    },
    /// Not now. The session is fine.
    TryLater {
        /// Why; `None` while merely offline.
        cause: Option<HoldCause>,
        /// When it is worth trying again.
        retry_at: Timestamp,
    },
    /// Only a person can help.
    SignInRequired,
    /// The vault cannot be opened now.
    VaultLocked,
    /// A foreign identity turned up.
    IdentityMismatch,
}

/// One account's session: the state machine itself. See the diagram in `core/README.md`.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub(crate) policy: Policy,
    pub(crate) memory: Memory,
    pub(crate) attempt: Option<Attempt>,
    pub(crate) attempts: u32,
    /// How often in a row the vault could not be read.
    pub(crate) bad_reads: u8,
    /// How often in a row it was locked.
    pub(crate) locked_reads: u8,
    pub(crate) call_waiting: bool,
    /// The server refused the scopes; from then on it is asked without (RFC 6749 section 6).
    pub(crate) without_scope: bool,
    pub(crate) network: bool,
    pub(crate) hint: Option<Duration>,
    pub(crate) healthy_since: Option<Timestamp>,
    /// How often in this state a healthy status document brought a retry forward, and the state lasted all the same.
    pub(crate) untrue: u8,
    pub(crate) save_at: Option<Timestamp>,
    pub(crate) taps: Taps,
    pub(crate) latest: Timestamp,
}

impl Session {
    /// Where the session stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.memory.state
    }

    /// The newest generation, if there are credentials.
    #[must_use]
    pub fn generation(&self) -> Option<Generation> {
        self.memory.held.map(|held| held.generation)
    }

    /// The generation before the newest, while it is still kept.
    #[must_use]
    pub fn previous_generation(&self) -> Option<Generation> {
        self.memory.previous.map(|previous| previous.generation)
    }

    /// Whether the newest credentials live in memory only because they could not be stored yet.
    #[must_use]
    pub fn is_unsaved(&self) -> bool {
        self.memory.held.is_some_and(|held| !held.saved)
    }

    /// Whether an episode is open.
    #[must_use]
    pub const fn in_episode(&self) -> bool {
        self.memory.episode.is_some()
    }

    /// When [`Event::Tick`](crate::Event::Tick) is due next; `None` if only something from outside can change anything.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let memory = &self.memory;
        let plan = if self.attempt.is_none() { memory.plan.map(|plan| plan.at) } else { None };
        let retest = if self.attempt.is_none() { memory.retest_at } else { None };
        let deadline = self.attempt.map(|attempt| attempt.deadline);
        let limit = match memory.state {
            State::SignInRequired { since, .. } if memory.held.is_some() => Some(since.plus(KEEP_IN_SIGN_IN_REQUIRED)),
            _ => None,
        };
        [plan, retest, deadline, self.save_at, limit].into_iter().flatten().min()
    }

    /// What `access_token()` is to answer at `now`.
    #[must_use]
    pub fn answer(&self, now: Timestamp) -> Answer {
        let token = self.token_to_hand_out(now);
        let until = self.wake_at();
        match (self.memory.state, token) {
            (State::Starting, _) => Answer::Wait { until: None },
            (State::Locked { .. }, _) => Answer::VaultLocked,
            (State::SignedOut { .. } | State::SignInRequired { .. }, _) => Answer::SignInRequired,
            (State::Quarantined { .. }, _) => Answer::IdentityMismatch,
            (State::Holding { cause: HoldCause::Flapping, .. }, Some(generation)) => Answer::Token(generation),
            (State::Holding { cause, retry_at }, _) => Answer::TryLater { cause: Some(cause), retry_at },
            (State::SignedIn { .. } | State::Recovering { .. }, Some(generation)) => Answer::Token(generation),
            (State::SignedIn { connectivity: Connectivity::Offline }, None) if self.attempt.is_none() => {
                Answer::TryLater { cause: None, retry_at: until.unwrap_or(now) }
            }
            (State::SignedIn { .. } | State::Recovering { .. }, None) => Answer::Wait { until },
        }
    }

    /// The generation whose access token may be handed out: never a rejected one, never an unverified one.
    fn token_to_hand_out(&self, now: Timestamp) -> Option<Generation> {
        let held = self.memory.held?;
        let anything = mutant!(HandsOutRejected) && held.access_lives(now);
        if held.usable_access(now) || anything {
            return Some(held.generation);
        }
        let previous = self.memory.previous.filter(|_| held.identity == IdentityProof::Unverified)?;
        previous.usable_access(now).then_some(previous.generation)
    }

    /// Rung 2. A probe that has overruled the server's calls again and again no longer settles anything.
    pub(crate) fn can_probe_again(&self, held: Held, now: Timestamp) -> bool {
        let able = self.policy.can_probe && self.policy.fresh_connections;
        able && held.access_lives(now) && !self.memory.overruled.often(now)
    }

    /// Rung 4 exists, the account's subject was proven, and nobody revoked the session.
    pub(crate) fn may_reauthenticate(&self) -> bool {
        let revoked = self.memory.episode.is_some_and(|episode| episode.revoked);
        let pinned = self.memory.held.is_some_and(|held| held.identity != IdentityProof::Unpinned);
        self.policy.can_reauthenticate && pinned && !revoked
    }

    /// A refusal may have been the server's mistake. A revocation is none; and what was refused after an answer had been
    /// lost may have been rotated, and is never shown again.
    pub(crate) fn may_present_again(&self, held: Held) -> bool {
        let revoked = self.memory.episode.is_some_and(|episode| episode.revoked);
        match held.refresh {
            RefreshStanding::Usable => !revoked,
            RefreshStanding::Refused => !revoked && !held.intent_open,
            RefreshStanding::Absent | RefreshStanding::Void | RefreshStanding::Withheld => false,
        }
    }

    /// When kept credentials may be presented again, seen from `now`: by the issuer's pacing, and once an hour. Not for a
    /// person, whose taps have limits of their own.
    pub(crate) fn may_ask_again_at(&self, now: Timestamp, issuer: &IssuerPacing) -> Timestamp {
        let hourly = self.memory.refreshed_at.map_or(now, |at| at.plus(HOURLY));
        issuer.earliest(now).max(hourly)
    }

    /// Whether the probe is asked about a new token. While holding or waiting for a person, each renewal is a gathering of its
    /// own, and those are counted.
    pub(crate) fn may_probe_new(&self, held: Held) -> bool {
        let gathering = matches!(self.memory.state, State::Recovering { .. } | State::SignedIn { .. });
        let spent = |episode: Episode| gathering && episode.rs_requests >= REQUESTS_PER_GATHERING;
        let budget = !self.memory.episode.is_some_and(spent);
        self.policy.can_probe && (budget || held.identity == IdentityProof::Unverified)
    }

    /// Whether a renewal is a retry, and counts: after a failure, and in an episode.
    ///
    /// An episode may stay open because nobody can be asked about the new token. While that one is used and nobody rejects
    /// it, its renewal at its own time is no retry: short-lived tokens would spend the hour's budget in minutes. What bounds
    /// it is what bounds every renewal, the least life of a token ([`LEAST_LIFE`](crate::pacing::LEAST_LIFE)).
    pub(crate) fn renewal_counts(&self, issuer: &IssuerPacing) -> bool {
        let unharmed = |held: Held| {
            held.refresh == RefreshStanding::Usable
                && held.access.is_some_and(|access| access.standing != Standing::Rejected)
        };
        let in_peace = self.memory.episode.is_none() || self.memory.held.is_some_and(unharmed);
        issuer.is_failing() || !in_peace
    }

    /// Whether an expiring token can be renewed without a person.
    pub(crate) fn can_renew(&self) -> bool {
        let usable = self.memory.held.is_some_and(|held| held.refresh == RefreshStanding::Usable);
        let refused = self.memory.episode.is_some_and(|episode| episode.reauthentication_refused);
        usable || (self.may_reauthenticate() && !refused)
    }

    /// A person's tap, on "try now" or "sign in": `Err` says when the next one counts, at most 60 s from now (P13).
    ///
    /// # Errors
    /// The time from which on a tap is taken again.
    pub fn tap(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        self.taps.tap(now.max(self.latest))
    }

    /// The session's memory, to be stored sealed beside its credentials.
    #[must_use]
    pub const fn snapshot(&self) -> Snapshot {
        Snapshot { version: SNAPSHOT_VERSION, taken_at: self.latest, memory: self.memory }
    }

    /// Tells the session that rung 4 exists now, or no longer: a device key was enrolled, or destroyed.
    pub const fn set_can_reauthenticate(&mut self, can: bool) {
        self.policy.can_reauthenticate = can;
    }

    /// Tells the session whether there is a probe and a status document, once the server's metadata are known.
    pub const fn set_server_abilities(&mut self, can_probe: bool, has_status: bool) {
        self.policy.can_probe = can_probe;
        self.policy.has_status = has_status;
    }
}
