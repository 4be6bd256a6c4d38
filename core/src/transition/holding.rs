//! Holding: new credentials would not help, or cannot be had now.

use super::Transition;
use crate::{
    Code, Effect, HoldCause, ProbePurpose, SignInReason, State, Timestamp,
    memory::{Standing, Task},
    pacing::{LEAST_GAP, Retests},
};

impl Transition<'_> {
    // ---- going in ----------------------------------------------------------------------------------------------

    pub(super) fn hold(&mut self, cause: HoldCause) {
        if self.keeps_state() {
            return self.plan_retest();
        }
        let pause = if self.is_holding() { self.s.memory.dwell.prolong() } else { self.s.memory.dwell.enter(self.now) };
        let at = match cause {
            HoldCause::FreshTokensRejected | HoldCause::Flapping | HoldCause::Configuration => {
                self.now.plus(pause).max(self.issuer.earliest(self.now))
            }
            // Nothing was sent, so nobody counted it: still not more often than the gap.
            HoldCause::LockBusy | HoldCause::StorageFull => self.next_attempt().max(self.now.plus(LEAST_GAP)),
            HoldCause::ServerTrouble | HoldCause::NoNetwork => self.next_attempt(),
        };
        self.keep_holding(cause, at);
    }

    /// New credentials are only allowed then.
    pub(super) fn hold_until(&mut self, cause: HoldCause, at: Timestamp) {
        if self.keeps_state() {
            return self.plan_retest();
        }
        if !self.is_holding() {
            self.s.memory.dwell.enter(self.now);
        }
        self.keep_holding(cause, at);
    }

    fn keep_holding(&mut self, cause: HoldCause, at: Timestamp) {
        self.enter(State::Holding { cause, retry_at: at });
        if mutant!(PromptsWhileHolding) {
            self.effects.push(Effect::Prompt { reason: SignInReason::RefreshRefused });
        }
        if mutant!(HoldsForGood) {
            return;
        }
        self.plan(at, Task::Retry);
        if self.s.memory.retest_at.is_none() {
            self.s.memory.retests.get_or_insert(Retests::starting(self.now));
            self.plan_retest_while_holding();
        }
    }

    fn is_holding(&self) -> bool {
        matches!(self.s.memory.state, State::Holding { .. })
    }

    /// Brings the retry forward, never back.
    pub(super) fn retry_no_later_than(&mut self, at: Timestamp) {
        if let State::Holding { cause, retry_at } = self.s.memory.state {
            self.keep_holding(cause, at.min(retry_at));
        }
    }

    pub(super) fn next_attempt(&mut self) -> Timestamp {
        self.issuer.next_attempt(self.now, &mut self.rng)
    }

    // ---- trying again ------------------------------------------------------------------------------------------

    /// The time to retry has come: a new gathering, from the refresh on, for the kept token is re-tested on a schedule
    /// of its own.
    pub(super) fn gather_again(&mut self) {
        self.begin_gathering();
        if !self.asks_before_renewing() {
            self.refresh_again();
        }
    }

    /// A person asked to try now: no spread, no gap.
    pub(super) fn gather_for_person(&mut self) {
        if self.s.attempt.is_none() {
            self.by_person = true;
            self.begin_gathering();
            self.episode().spread = true;
            if !self.asks_before_renewing() {
                self.climb();
            }
        }
    }

    /// A token that nobody rejected is asked about before a new one is asked for.
    fn asks_before_renewing(&mut self) -> bool {
        let access = self.s.memory.held.filter(|held| held.access_lives(self.now)).and_then(|held| held.access);
        match access.map(|access| access.standing) {
            Some(Standing::Accepted) if self.s.policy.can_probe => self.start_probe(ProbePurpose::Retest),
            Some(Standing::Untested) => self.confirm(),
            _ => return false,
        }
        true
    }

    fn refresh_again(&mut self) {
        self.begin_gathering();
        self.episode().probed = true;
        self.climb();
    }

    // ---- the kept token, on a schedule of its own ----------------------------------------------------------------

    /// Whether the kept access token can be asked about.
    pub(super) fn can_probe_kept(&self) -> bool {
        self.s.policy.can_probe && self.s.memory.held.is_some_and(|held| held.access_lives(self.now))
    }

    fn plan_retest_while_holding(&mut self) {
        let useful = self.can_probe_kept() || self.s.policy.has_status;
        let next = self.s.memory.retests.as_mut().map(|retests| retests.next(self.now, &mut self.rng));
        self.s.memory.retest_at = next.filter(|_| useful);
    }

    pub(super) fn retest_while_holding(&mut self) {
        self.plan_retest_while_holding();
        if self.s.policy.has_status {
            self.effects.push(Effect::ReadStatus);
        }
        if self.can_probe_kept() {
            self.note(Code::StepRetest);
            self.start_probe(ProbePurpose::Retest);
        }
    }

    /// A kept token is accepted again. Holding lasts its dwell all the same, so that nodes that disagree are not believed
    /// at every turn. Whatever is rejected after that is rejected anew, with a random wait of its own.
    pub(super) fn good_again(&mut self) {
        self.proven();
        let dwell = self.s.memory.dwell.until.filter(|until| self.now < *until);
        match (self.s.memory.state, dwell) {
            (State::Holding { cause, .. }, Some(until)) => {
                self.episode().spread = false;
                self.keep_holding(cause, until);
            }
            _ => self.end_episode(Code::VerdictServerTrouble),
        }
    }

    pub(super) fn not_good_yet(&mut self, rejected: bool) {
        if self.keeps_state() {
            return self.plan_retest();
        }
        // Without a plan, this was the retry itself: it goes on to what would be new.
        let retries = self.s.memory.plan.is_none();
        let flapping = matches!(self.s.memory.state, State::Holding { cause: HoldCause::Flapping, .. });
        if rejected && (retries || !flapping) {
            self.set_standing(Standing::Rejected);
        }
        if retries {
            self.refresh_again();
        }
    }
}
