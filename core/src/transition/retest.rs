//! While only a person can help, and in quarantine, kept credentials are asked about again.

use super::Transition;
use crate::{
    Code, ProbePurpose, State,
    memory::Task,
    pacing::{HOURLY, REQUESTS_PER_GATHERING, Retests},
};

impl Transition<'_> {
    /// When kept credentials are asked about next.
    pub(super) fn plan_retest(&mut self) {
        if let State::Quarantined { .. } = self.s.memory.state {
            return self.plan_verification();
        }
        if self.s.memory.held.is_none() || mutant!(WaitsForAPersonOnly) {
            return;
        }
        let mut retests = self.s.memory.retests.unwrap_or(Retests::starting(self.now));
        let mut at = retests.next(self.now, &mut self.rng);
        self.s.memory.retests = Some(retests);
        if !self.can_probe_kept() {
            let hourly = self.s.memory.refreshed_at.unwrap_or(self.now).plus(HOURLY);
            at = at.max(hourly.plus(self.rng.up_to(HOURLY / 10)));
        }
        self.plan(at, Task::Retest);
    }

    pub(super) fn retest_for_person(&mut self) {
        self.by_person = true;
        self.retest_kept();
    }

    /// Asks whether kept credentials are good (again): the access token by the probe; else the refresh token, then rung 4.
    pub(super) fn retest_kept(&mut self) {
        if self.s.attempt.is_some() {
            return;
        }
        let quarantined = matches!(self.s.memory.state, State::Quarantined { .. });
        let Some(held) = self.s.memory.held else {
            return if quarantined {
                self.cannot_verify()
            };
        };
        let probe = self.can_probe_kept();
        let refresh = self.s.may_present_again(held);
        if !probe && !refresh && !self.s.may_reauthenticate() {
            return if quarantined { self.cannot_verify() } else { self.retest_nothing() };
        }
        let may_ask_at = self.s.may_ask_again_at(self.now, self.issuer);
        if !probe && !self.by_person && may_ask_at > self.now {
            return self.plan(may_ask_at, Task::Retest);
        }
        if probe && quarantined {
            return self.verify_by_probe();
        }
        self.note(Code::StepRetest);
        if probe {
            self.start_probe(ProbePurpose::Retest);
        } else if refresh {
            self.start_refresh();
        } else {
            self.start_reauthentication();
        }
    }

    fn retest_nothing(&mut self) {
        self.s.memory.refreshed_at = Some(self.now);
        self.plan_retest();
    }

    /// The refresh token was refused again: rung 4 may have come into being since, or may be welcome again.
    pub(super) fn retest_by_reauthentication(&mut self) {
        let budget_left = self.spent < REQUESTS_PER_GATHERING && !self.issuer.hour_is_full(self.now);
        match self.s.may_reauthenticate() {
            true if budget_left || self.by_person => self.start_reauthentication(),
            true => self.plan_retest(),
            false => self.refused_again(),
        }
    }

    /// Nothing kept was of use this time. In SignInRequired it is asked about again; a quarantine that nothing can end
    /// but a person says so.
    pub(super) fn refused_again(&mut self) {
        let quarantined = matches!(self.s.memory.state, State::Quarantined { .. });
        if quarantined && !self.can_probe_kept() { self.cannot_verify() } else { self.plan_retest() }
    }
}
