//! A session driven by hand: tell it things, let time pass, answer what it asks.

use alloc::{boxed::Box, vec::Vec};
use core::time::Duration;

use crate::*;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// A deployment that can do everything but publish its status.
pub(super) const EVERYTHING: Policy =
    Policy { can_probe: true, fresh_connections: true, can_reauthenticate: true, has_status: false };
/// The same without rung 4.
pub(super) const NO_DEVICE_KEY: Policy = Policy { can_reauthenticate: false, ..EVERYTHING };
/// A server that can only be asked for tokens.
pub(super) const NO_PROBE: Policy = Policy { can_probe: false, ..NO_DEVICE_KEY };

#[derive(Clone)]
pub(super) struct Till {
    pub(super) session: Session,
    pub(super) issuer: IssuerPacing,
    pub(super) now: Timestamp,
    entropy: u64,
}

pub(super) fn generation(number: u64) -> Generation {
    Generation::new(number).unwrap()
}

/// Credentials as a server usually issues them: an hour, a refresh token, an ID token.
pub(super) fn credentials(number: u64) -> NewGeneration {
    NewGeneration {
        generation: generation(number),
        lives_for: Some(HOUR),
        has_refresh_token: true,
        saved: true,
        identity: IdentityProof::Verified,
    }
}

pub(super) fn rejection(number: u64, class: RejectionClass) -> Event {
    let generation = generation(number);
    Event::Rejected(Rejection { generation, own_audience: true, class, connection_known: true })
}

pub(super) const ACCEPTED: Outcome = Outcome::Probe(ProbeOutcome::Accepted { on_fresh_connection: true });
pub(super) const REJECTED: Outcome = Outcome::Probe(ProbeOutcome::Rejected(RejectionClass::InvalidToken));
pub(super) const SILENT: Outcome = Outcome::Probe(ProbeOutcome::Silent);
pub(super) const REFUSED: Outcome = Outcome::Refresh(TokenOutcome::Refused { revoked: false });
pub(super) const DOWN: Outcome = Outcome::Refresh(TokenOutcome::Transient { retry_after: None, lost: false });

pub(super) fn renewed(number: u64) -> Outcome {
    Outcome::Refresh(TokenOutcome::Renewed(credentials(number)))
}

impl Till {
    /// The vault is about to be read.
    pub(super) fn starting(policy: Policy) -> Self {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let (session, _) = Session::start(policy, now);
        Self { session, issuer: IssuerPacing::default(), now, entropy: 0x5EED }
    }

    /// Signed in long ago with generation 1, which was accepted and has most of its hour left.
    pub(super) fn signed_in(policy: Policy) -> Self {
        Self::signed_in_with(policy, credentials(1))
    }

    pub(super) fn signed_in_with(policy: Policy, credentials: NewGeneration) -> Self {
        let mut till = Self::starting(policy);
        till.tell(Event::VaultOpened(Opened::Value(Box::new(restored(None, credentials)))));
        till.pass(3 * MINUTE);
        till.tell(Event::Accepted { generation: credentials.generation });
        till
    }

    /// Other dice from now on.
    pub(super) fn stir(&mut self, seed: u64) {
        self.entropy ^= seed << 32;
    }

    pub(super) fn tell(&mut self, event: Event) -> Vec<Effect> {
        self.entropy = self.entropy.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.session.step(&mut self.issuer, event, self.now, self.entropy)
    }

    /// Ends the running attempt.
    pub(super) fn ends(&mut self, outcome: Outcome) -> Vec<Effect> {
        let attempt = self.session.attempt.expect("something is being asked").number;
        self.tell(Event::AttemptEnded { attempt, outcome })
    }

    /// The resource server rejects the newest access token.
    pub(super) fn rejects(&mut self, class: RejectionClass) -> Vec<Effect> {
        let number = self.session.generation().unwrap().number();
        self.tell(rejection(number, class))
    }

    /// Jumps to the next time something is due, and ticks.
    pub(super) fn wake(&mut self) -> Vec<Effect> {
        self.now = self.now.max(self.session.wake_at().expect("something is due some day"));
        self.tell(Event::Tick)
    }

    /// Lets time pass, with a tick whenever one is due.
    pub(super) fn pass(&mut self, duration: Duration) -> Vec<Effect> {
        let end = self.now.plus(duration);
        let mut effects = Vec::new();
        for _ in 0..100_000 {
            match self.session.wake_at().filter(|at| *at <= end) {
                Some(_) => effects.extend(self.wake()),
                None => {
                    self.now = end;
                    return effects;
                }
            }
        }
        panic!("a session that ticks for ever in {:?}", self.session.state());
    }

    /// Wakes until a request leaves, and returns it.
    pub(super) fn next_request(&mut self) -> Effect {
        for _ in 0..100 {
            if let Some(request) = requests(&self.wake()).first() {
                return *request;
            }
        }
        panic!("nothing is ever asked in {:?}", self.session.state());
    }

    /// The process dies and starts again after `gap`, with what the vault kept.
    pub(super) fn restart(&mut self, gap: Duration) -> Vec<Effect> {
        let snapshot = self.session.snapshot();
        let restored = restored_from(&self.session, Some(snapshot));
        self.restart_with(self.now.plus(gap), Opened::Value(Box::new(restored)))
    }

    pub(super) fn restart_with(&mut self, now: Timestamp, opened: Opened) -> Vec<Effect> {
        self.now = now;
        (self.session, _) = Session::start(self.session.policy, now);
        self.tell(Event::VaultOpened(opened))
    }

    pub(super) fn state(&self) -> &'static str {
        self.session.state().name()
    }

    pub(super) fn holds(&self) -> Option<HoldCause> {
        match self.session.state() {
            State::Holding { cause, .. } => Some(cause),
            _ => None,
        }
    }

    pub(super) fn hands_out(&self) -> Option<Generation> {
        match self.session.answer(self.now) {
            Answer::Token(generation) => Some(generation),
            _ => None,
        }
    }
}

pub(super) fn restored(snapshot: Option<Snapshot>, credentials: NewGeneration) -> Restored {
    Restored { snapshot, credentials, previous: None, intent: None, gap_is_certain: true }
}

/// What a faithful vault gives back.
pub(super) fn restored_from(session: &Session, snapshot: Option<Snapshot>) -> Restored {
    let held = session.memory.held.expect("there are credentials");
    let credentials = NewGeneration { saved: true, identity: held.identity, ..credentials(held.generation.number()) };
    let previous = session.previous_generation();
    let intent = held.intent_open.then_some(held.generation);
    Restored { snapshot, credentials, previous, intent, gap_is_certain: true }
}

pub(super) fn requests(effects: &[Effect]) -> Vec<Effect> {
    let is_request = |effect: &&Effect| {
        use Effect as E;
        matches!(effect, E::Probe { .. } | E::Refresh { .. } | E::Reauthenticate { .. } | E::Rediscover { .. })
    };
    effects.iter().filter(is_request).copied().collect()
}

pub(super) fn prompts(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Prompt { .. })).count()
}

pub(super) fn destroyed(effects: &[Effect]) -> Vec<(Target, Permission)> {
    let destroyed = |effect: &Effect| match *effect {
        Effect::Destroy { target, allowed_by } => Some((target, allowed_by)),
        _ => None,
    };
    effects.iter().filter_map(destroyed).collect()
}

pub(super) fn is_refresh(effect: Effect) -> bool {
    matches!(effect, Effect::Refresh { .. })
}

pub(super) fn is_reauthentication(effect: Effect) -> bool {
    matches!(effect, Effect::Reauthenticate { .. })
}

pub(super) fn is_probe(effect: Effect, wanted: ProbePurpose) -> bool {
    matches!(effect, Effect::Probe { purpose, .. } if purpose == wanted)
}
