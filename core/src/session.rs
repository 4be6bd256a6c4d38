//! A session's memory, and the questions one can ask it.

use alloc::vec::Vec;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Connectivity, Effect, Event, Generation, HoldCause, IdentityProof, IssuerPacing, NewGeneration, ProbePurpose,
    State, Timestamp,
    pacing::{Dwell, FLAPS_TO_HOLD, KEEP_IN_SIGN_IN_REQUIRED, Retests, Taps, Unreasoned},
    rng::Rng,
    transition::Transition,
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

/// What is known about an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    Untested,
    Accepted,
    Rejected,
}

/// An access token, by its times. On sign-out: dropped. On SignInRequired: kept, re-tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) received_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) renew_at: Timestamp,
    pub(crate) standing: Standing,
}

/// What is known about a refresh token. On sign-out: dropped. On SignInRequired: kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefreshStanding {
    /// The server gave none.
    Absent,
    Usable,
    /// Refused; may be re-tested hourly.
    Refused,
    /// Explicitly revoked, or its successor was issued: never presented again.
    Void,
}

/// The newest generation. On sign-out: dropped. On SignInRequired and quarantine: kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) generation: Generation,
    pub(crate) access: Option<Access>,
    pub(crate) refresh: RefreshStanding,
    /// The refresh token was sent and no definite answer came: the server may have rotated it.
    pub(crate) intent_open: bool,
    pub(crate) identity: IdentityProof,
    pub(crate) saved: bool,
}

impl Held {
    pub(crate) fn usable_access(&self, now: Timestamp) -> bool {
        self.identity != IdentityProof::Unverified
            && self.access.is_some_and(|a| a.standing != Standing::Rejected && now < a.expires_at)
    }

    pub(crate) fn access_lives(&self, now: Timestamp) -> bool {
        self.access.is_some_and(|access| now < access.expires_at)
    }
}

/// The generation before, kept until its successor was accepted. Same fate as [`Held`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Previous {
    pub(crate) generation: Generation,
    pub(crate) access: Option<Access>,
}

/// From a first rejection to the next acceptance. On sign-out: dropped. On SignInRequired and quarantine: kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Episode {
    pub(crate) since: Timestamp,
    pub(crate) probed: bool,
    pub(crate) refreshed: bool,
    pub(crate) reauthenticated: bool,
    pub(crate) rediscovered: bool,
    /// The first automatic attempt has had its random wait.
    pub(crate) spread: bool,
    pub(crate) prompted: bool,
    pub(crate) fresh_rejected: bool,
    pub(crate) revoked: bool,
    /// Rung 4 was refused; not tried again in this episode.
    pub(crate) reauthentication_refused: bool,
    pub(crate) points_to_server: bool,
    pub(crate) connection_known: bool,
    pub(crate) as_requests: u8,
    pub(crate) rs_requests: u8,
}

impl Episode {
    pub(crate) const fn starting(since: Timestamp) -> Self {
        Self {
            since,
            probed: false,
            refreshed: false,
            reauthenticated: false,
            rediscovered: false,
            spread: false,
            prompted: false,
            fresh_rejected: false,
            revoked: false,
            reauthentication_refused: false,
            points_to_server: false,
            connection_known: false,
            as_requests: 0,
            rs_requests: 0,
        }
    }
}

/// What is done next by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    OpenVault,
    /// Renew an expiring token (SignedIn).
    Renew,
    /// Go on up the ladder, after a wait.
    Climb,
    /// Ask whether the new token is accepted.
    Confirm,
    /// Begin a new gathering (Holding).
    Retry,
    /// Re-test kept credentials (SignInRequired) or verify them (Quarantined).
    Retest,
}

/// A [`Task`] and its time. On sign-out: dropped. Otherwise kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) at: Timestamp,
    pub(crate) task: Task,
}

/// What is being done right now. Never persisted: a restart makes it again from the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) kind: AttemptKind,
    pub(crate) deadline: Timestamp,
    /// Whether it stands in the issuer's count of calls already.
    pub(crate) counted: bool,
    /// Whether an earlier presentation of the same refresh token was left without an answer.
    pub(crate) intent_was_open: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptKind {
    OpenVault,
    Probe(ProbePurpose),
    Refresh,
    Reauthenticate,
    Rediscover,
}

/// The part of a session that survives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub(crate) state: State,
    pub(crate) held: Option<Held>,
    pub(crate) previous: Option<Previous>,
    pub(crate) episode: Option<Episode>,
    pub(crate) plan: Option<Plan>,
    /// In Holding: when the kept access token is probed next, beside the plan.
    pub(crate) retest_at: Option<Timestamp>,
    pub(crate) retests: Option<Retests>,
    /// When the refresh token was presented last; in SignInRequired at most hourly.
    pub(crate) refreshed_at: Option<Timestamp>,
    pub(crate) flaps: [Option<Timestamp>; FLAPS_TO_HOLD],
    pub(crate) dwell: Dwell,
    pub(crate) unreasoned: Unreasoned,
    /// How often own credentials were right in this quarantine.
    pub(crate) verified: u8,
}

/// The version of [`Snapshot`] that this release writes.
pub const SNAPSHOT_VERSION: u16 = 1;

/// A session's memory, to be stored beside its credentials. Holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`SNAPSHOT_VERSION`] of the release that wrote it.
    pub version: u16,
    /// When it was taken.
    pub(crate) taken_at: Timestamp,
    pub(crate) memory: Memory,
}

/// One account's session: the state machine itself. See the diagram in `core/README.md`.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub(crate) policy: Policy,
    pub(crate) memory: Memory,
    pub(crate) attempt: Option<Attempt>,
    pub(crate) attempts: u32,
    pub(crate) open_tries: u8,
    pub(crate) call_waiting: bool,
    /// The server refused the scopes; ask without (RFC 6749 section 6).
    pub(crate) without_scope: bool,
    pub(crate) network: bool,
    pub(crate) hint: Option<Duration>,
    pub(crate) healthy_since: Option<Timestamp>,
    pub(crate) save_at: Option<Timestamp>,
    pub(crate) taps: Taps,
    pub(crate) latest: Timestamp,
}

impl Session {
    /// A session whose vault is about to be read: perform the effects, and go on with [`step`](Self::step).
    #[must_use]
    pub fn start(policy: Policy, now: Timestamp) -> (Self, Vec<Effect>) {
        let memory = Memory {
            state: State::Starting,
            held: None,
            previous: None,
            episode: None,
            plan: None,
            retest_at: None,
            retests: None,
            refreshed_at: None,
            flaps: [None; FLAPS_TO_HOLD],
            dwell: Dwell::default(),
            unreasoned: Unreasoned::default(),
            verified: 0,
        };
        let mut session = Self {
            policy,
            memory,
            attempt: None,
            attempts: 0,
            open_tries: 0,
            call_waiting: false,
            without_scope: false,
            network: true,
            hint: None,
            healthy_since: None,
            save_at: None,
            taps: Taps::default(),
            latest: now,
        };
        let mut issuer = IssuerPacing::default();
        let mut transition = Transition::new(&mut session, &mut issuer, now, Rng::new(0));
        transition.open_vault();
        let effects = transition.effects;
        (session, effects)
    }

    /// `(state, event, now, entropy) -> (state, effects)`: the whole of Mainstay's decisions.
    ///
    /// `issuer` is what all accounts of this issuer share. `entropy` is one random number, for jitter. A `now` earlier than
    /// one already seen counts as that one.
    pub fn step(&mut self, issuer: &mut IssuerPacing, event: Event, now: Timestamp, entropy: u64) -> Vec<Effect> {
        let now = now.max(self.latest);
        self.latest = now;
        let before = self.memory;
        let mut transition = Transition::new(self, issuer, now, Rng::new(entropy));
        transition.on(event);
        let mut effects = transition.effects;
        let opened = !matches!(self.memory.state, State::Starting | State::Locked { .. });
        if opened && self.memory != before {
            effects.insert(0, Effect::Persist);
        }
        effects
    }

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

    /// When [`Event::Tick`] is due next; `None` if only something from outside can change anything.
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
        if held.usable_access(now) {
            return Some(held.generation);
        }
        let previous = self.memory.previous.filter(|_| held.identity == IdentityProof::Unverified)?;
        let access = previous.access.filter(|a| a.standing != Standing::Rejected && now < a.expires_at)?;
        (access.standing != Standing::Rejected).then_some(previous.generation)
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

impl Held {
    pub(crate) fn from_new(new: NewGeneration, now: Timestamp, rng: &mut Rng) -> Self {
        let access = new.lives_for.map(|life| Access {
            received_at: now,
            expires_at: now.plus(life),
            renew_at: now.plus(rng.between(life * 7 / 10, life * 9 / 10)),
            standing: Standing::Untested,
        });
        Self {
            generation: new.generation,
            access,
            refresh: if new.has_refresh_token { RefreshStanding::Usable } else { RefreshStanding::Absent },
            intent_open: false,
            identity: new.identity,
            saved: new.saved,
        }
    }
}
