//! What a session remembers. All of it survives a restart, in a [`Snapshot`]; none of it is a secret.

use serde::{Deserialize, Serialize};

use crate::{
    Generation, IdentityProof, NewGeneration, State, Timestamp,
    pacing::{Dwell, LONGEST_LIFE, Recently, Retests, SignIns, Unreasoned},
    rng::Rng,
};

/// The version of [`Snapshot`] that this release writes.
pub const SNAPSHOT_VERSION: u16 = 1;

/// A session's memory, to be stored beside its credentials. Holds no secret.
///
/// On sign-out it is stored once more, with nothing of the account in it. In SignInRequired and in quarantine it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`SNAPSHOT_VERSION`] of the release that wrote it. Sign-out, SignInRequired and quarantine: written anew, with
    /// each record.
    pub version: u16,
    /// When it was taken. Sign-out, SignInRequired and quarantine: written anew, with each record.
    pub(crate) taken_at: Timestamp,
    /// Each field says what becomes of it on sign-out, in SignInRequired and in quarantine.
    pub(crate) memory: Memory,
}

impl Snapshot {
    /// The state that was stored.
    #[must_use]
    pub const fn state(&self) -> State {
        self.memory.state
    }
}

/// The part of a session that survives a restart. Its stored form is frozen in `tests/fixtures`.
///
/// Each field says what becomes of it on sign-out, in SignInRequired and in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Where the session stands. Sign-out: `SignedOut` with its reason. SignInRequired and quarantine: itself, with the
    /// time since when; a second foreign identity does not begin a quarantine anew.
    pub(crate) state: State,
    /// The newest generation. Sign-out: dropped. SignInRequired: kept for 30 days. Quarantine drops it only if the probe named somebody else, nobody had vouched for it, and an
    /// older one is there to go back to.
    pub(crate) held: Option<Held>,
    /// The last generation known to be good, until the newest was accepted. Sign-out: dropped. SignInRequired: kept, as long
    /// as `held`. Quarantine: kept, and takes the place of a newest one that is foreign.
    pub(crate) previous: Option<Previous>,
    /// From the first rejection to the next acceptance. Sign-out: dropped. SignInRequired: kept, and knows that it has
    /// prompted. Quarantine: kept.
    pub(crate) episode: Option<Episode>,
    /// What is done next. Sign-out: dropped. SignInRequired: becomes the next re-test. Quarantine: the next verification.
    pub(crate) plan: Option<Plan>,
    /// In Holding: when the kept access token is probed next, beside the plan. Sign-out, SignInRequired and quarantine: dropped.
    pub(crate) retest_at: Option<Timestamp>,
    /// How far the schedule of re-tests has come. Sign-out: dropped. SignInRequired: begun anew. Quarantine: dropped, it is
    /// hourly there.
    pub(crate) retests: Option<Retests>,
    /// When the refresh token, or rung 4, was tried last. Sign-out: dropped. SignInRequired and quarantine: kept, by itself the
    /// session tries again hourly at most.
    pub(crate) refreshed_at: Option<Timestamp>,
    /// When one connection certainly rejected what another accepted. Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) flaps: Recently,
    /// When the probe accepted what a call had been rejected with, and nobody knows on which connections. Sign-out: dropped.
    /// SignInRequired and quarantine: kept.
    pub(crate) overruled: Recently,
    /// How long Holding lasts at least. Sign-out: dropped. SignInRequired and quarantine: left, as Holding is.
    pub(crate) dwell: Dwell,
    /// Refusals without a reason. Sign-out: dropped. SignInRequired and quarantine: kept until newer credentials come.
    pub(crate) unreasoned: Unreasoned,
    /// How often own credentials were right in this quarantine. Sign-out: dropped. SignInRequired: without a meaning.
    /// Quarantine: begins at zero.
    pub(crate) verified: u8,
    /// A person's sign-ins, and how many were in vain. Sign-out: dropped. SignInRequired and quarantine: kept.
    #[serde(default, skip_serializing_if = "SignIns::is_default")]
    pub(crate) sign_ins: SignIns,
}

impl Memory {
    /// Nothing is known yet.
    pub(crate) fn starting() -> Self {
        Self {
            state: State::Starting,
            held: None,
            previous: None,
            episode: None,
            plan: None,
            retest_at: None,
            retests: None,
            refreshed_at: None,
            flaps: Recently::default(),
            overruled: Recently::default(),
            dwell: Dwell::default(),
            unreasoned: Unreasoned::default(),
            verified: 0,
            sign_ins: SignIns::default(),
        }
    }
}

/// The newest generation. On sign-out: dropped. On SignInRequired and quarantine: kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) generation: Generation,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) access: Option<Access>,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) refresh: RefreshStanding,
    /// The refresh token was sent and no definite answer came: the server may have rotated it. Sign-out: dropped.
    /// SignInRequired and quarantine: kept.
    pub(crate) intent_open: bool,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) identity: IdentityProof,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) saved: bool,
}

impl Held {
    pub(crate) fn usable_access(&self, now: Timestamp) -> bool {
        let verified = self.identity != IdentityProof::Unverified || mutant!(HandsOutUnverified);
        verified && self.access.is_some_and(|access| access.usable(now))
    }

    /// Whether a word about this generation's access token is a word about the one that is held.
    pub(crate) fn has_token_of(&self, generation: Generation) -> bool {
        let first = self.access.map_or(self.generation, |access| access.first);
        (first..=self.generation).contains(&generation)
    }

    /// A usable access token that a server has accepted before.
    pub(crate) fn known_good(&self, now: Timestamp) -> bool {
        self.usable_access(now) && self.access.is_some_and(|access| access.standing == Standing::Accepted)
    }

    /// An access token that nobody rejected, although it may be nobody's to use yet.
    pub(crate) fn may_be_good(&self, now: Timestamp) -> bool {
        self.access.is_some_and(|access| access.usable(now))
    }

    pub(crate) fn access_lives(&self, now: Timestamp) -> bool {
        self.access.is_some_and(|access| now < access.expires_at)
    }

    /// What nobody had vouched for is whole from now on, if this is a proof.
    pub(crate) fn prove(&mut self, proof: IdentityProof) {
        if self.identity == IdentityProof::Unverified && proof != IdentityProof::Unverified {
            self.identity = proof;
            if self.refresh == RefreshStanding::Withheld {
                self.refresh = RefreshStanding::Usable;
            }
        }
    }

    pub(crate) fn from_new(new: NewGeneration, now: Timestamp, rng: &mut Rng) -> Self {
        let access = new.lives_for.map(|life| life.min(LONGEST_LIFE)).map(|life| Access {
            first: new.generation,
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

/// An access token, by its times. On sign-out: dropped. On SignInRequired: kept, re-tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    /// The generation that it came with. Generations since then only added tokens for other audiences. Sign-out:
    /// dropped. SignInRequired and quarantine: kept.
    pub(crate) first: Generation,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) received_at: Timestamp,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) expires_at: Timestamp,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) renew_at: Timestamp,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) standing: Standing,
}

impl Access {
    fn usable(&self, now: Timestamp) -> bool {
        self.standing != Standing::Rejected && now < self.expires_at
    }
}

/// What is known about an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    Untested,
    Accepted,
    Rejected,
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
    /// The probe named somebody else, and nobody had vouched for these credentials: neither presented nor revoked, for it may
    /// be somebody's, until the probe names us.
    Withheld,
}

/// The last generation known to be good, kept until a newer one was accepted. Same fate as [`Held`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Previous {
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) generation: Generation,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) access: Option<Access>,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) identity: IdentityProof,
    /// Whether it is in the vault. One that lives in memory only is none to go back to. Sign-out: dropped.
    /// SignInRequired and quarantine: kept.
    pub(crate) saved: bool,
}

impl Previous {
    /// Whether its access token may be handed out while nobody has vouched for the newest one yet.
    pub(crate) fn usable_access(&self, now: Timestamp) -> bool {
        self.identity != IdentityProof::Unverified && self.access.is_some_and(|access| access.usable(now))
    }
}

/// From a first rejection to the next acceptance. On sign-out: dropped. On SignInRequired and quarantine: kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Episode {
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) since: Timestamp,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) probed: bool,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) refreshed: bool,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) reauthenticated: bool,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) rediscovered: bool,
    /// The first automatic attempt has had its random wait. Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) spread: bool,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) prompted: bool,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) fresh_rejected: bool,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) revoked: bool,
    /// Rung 4 was refused; not tried again in this episode. Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) reauthentication_refused: bool,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) points_to_server: bool,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) connection_known: bool,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
    pub(crate) as_requests: u8,
    /// Sign-out: dropped. SignInRequired and quarantine: kept.
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

/// A [`Task`] and its time. On sign-out: dropped. Otherwise kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Sign-out: dropped. SignInRequired and quarantine: that of the next re-test.
    pub(crate) at: Timestamp,
    /// Sign-out: dropped. SignInRequired and quarantine: that of the next re-test.
    pub(crate) task: Task,
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
