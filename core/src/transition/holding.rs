//! Holding: new credentials would not help, or cannot be had now.

use super::Transition;
use crate::{
    Code, Effect, HoldCause, ProbePurpose, State, Timestamp,
    memory::{Standing, Task},
    pacing::{LEAST_GAP, Retests},
};

impl Transition<'_> {
    /// New credentials would not help, or cannot be had now.
    pub(super) fn hold(&mut self, cause: HoldCause) {
        let was_holding = matches!(self.s.memory.state, State::Holding { .. });
        let dwell = &mut self.s.memory.dwell;
        let dwell = if was_holding { dwell.prolong() } else { dwell.enter(self.now) };
        let next_attempt = self.issuer.next_attempt(self.now, &mut self.rng);
        let at = match cause {
            HoldCause::FreshTokensRejected | HoldCause::Flapping | HoldCause::Configuration => {
                self.now.plus(dwell).max(self.issuer.earliest(self.now))
            }
            // Nothing was sent, so nobody counted it: still not more often than the gap.
            HoldCause::LockBusy | HoldCause::StorageFull => next_attempt.max(self.now.plus(LEAST_GAP)),
            HoldCause::ServerTrouble | HoldCause::NoNetwork => next_attempt,
        };
        self.hold_until(cause, at);
    }

    pub(super) fn hold_until(&mut self, cause: HoldCause, at: Timestamp) {
        if matches!(self.s.memory.state, State::SignInRequired { .. } | State::Quarantined { .. }) {
            return self.plan_retest();
        }
        self.enter(State::Holding { cause, retry_at: at });
        self.plan(at, Task::Retry);
        if self.s.memory.retest_at.is_none() {
            self.s.memory.retests.get_or_insert(Retests::starting(self.now));
            self.plan_retest_while_holding();
        }
    }

    pub(super) fn plan_retest_while_holding(&mut self) {
        let can_retest = self.s.policy.can_probe && self.s.memory.held.is_some_and(|h| h.access_lives(self.now));
        let useful = can_retest || self.s.policy.has_status;
        let next = self.s.memory.retests.as_mut().map(|retests| retests.next(self.now, &mut self.rng));
        self.s.memory.retest_at = next.filter(|_| useful);
    }

    pub(super) fn retest_while_holding(&mut self) {
        self.plan_retest_while_holding();
        if self.s.policy.has_status {
            self.effects.push(Effect::ReadStatus);
        }
        if self.s.policy.can_probe && self.s.memory.held.is_some_and(|held| held.access_lives(self.now)) {
            self.note(Code::StepRetest);
            self.start_probe(ProbePurpose::Retest);
        }
    }

    /// The time to retry has come: a new gathering, from the refresh on (the kept token is re-tested on a schedule of its own).
    pub(super) fn gather_again(&mut self) {
        let flapping = matches!(self.s.memory.state, State::Holding { cause: HoldCause::Flapping, .. });
        self.begin_gathering();
        if flapping && self.s.policy.can_probe && self.s.memory.held.is_some_and(|h| h.access_lives(self.now)) {
            return self.start_probe(ProbePurpose::Retest);
        }
        let untested = self.s.memory.held.is_some_and(|held| {
            held.access.is_some_and(|access| access.standing == Standing::Untested && self.now < access.expires_at)
        });
        if untested {
            return self.confirm();
        }
        self.episode().probed = true;
        self.climb();
    }

    /// A person asked to try now: no spread, no gap.
    pub(super) fn gather_for_person(&mut self) {
        if self.s.attempt.is_none() {
            self.by_person = true;
            self.begin_gathering();
            self.episode().spread = true;
            self.climb();
        }
    }

    /// A kept token is accepted again. While flapping, only after the dwell.
    pub(super) fn good_again(&mut self) {
        if let State::Holding { cause: HoldCause::Flapping, retry_at } = self.s.memory.state {
            self.set_standing(Standing::Accepted);
            if self.now < retry_at {
                return;
            }
        }
        self.set_standing(Standing::Accepted);
        self.drop_superseded();
        self.end_episode(Code::VerdictServerTrouble);
    }

    pub(super) fn not_good_yet(&mut self) {
        match self.s.memory.state {
            State::Holding { cause: HoldCause::Flapping, retry_at } if self.now >= retry_at => {
                self.set_standing(Standing::Rejected);
                self.episode().probed = true;
                self.climb();
            }
            State::Holding { .. } => {}
            _ => self.plan_retest(),
        }
    }
}
