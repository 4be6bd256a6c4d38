//! While only a person can help, and in quarantine, kept credentials are asked about again.

use core::time::Duration;

use super::Transition;
use crate::{
    Code, ProbePurpose, State,
    memory::{RefreshStanding, Task},
    pacing::Retests,
};

/// Least time between two presentations of a kept refresh token, and between two verifications in quarantine.
pub(super) const HOURLY: Duration = Duration::from_secs(3600);

impl Transition<'_> {
    /// When kept credentials are asked about next, in SignInRequired and in quarantine.
    pub(super) fn plan_retest(&mut self) {
        if let State::Quarantined { .. } = self.s.memory.state {
            return self.plan_verification();
        }
        let Some(held) = self.s.memory.held else { return };
        let mut retests = self.s.memory.retests.unwrap_or(Retests::starting(self.now));
        let mut at = retests.next(self.now, &mut self.rng);
        self.s.memory.retests = Some(retests);
        if !(held.access_lives(self.now) && self.s.policy.can_probe) {
            let hourly = self.s.memory.refreshed_at.unwrap_or(self.now).plus(HOURLY);
            at = at.max(hourly.plus(self.rng.up_to(HOURLY / 10)));
        }
        self.plan(at, Task::Retest);
    }

    /// Asks whether kept credentials are good (again): the access token by the probe, then the refresh token, then rung 4.
    pub(super) fn retest_kept(&mut self) {
        if self.s.attempt.is_some() {
            return;
        }
        let Some(held) = self.s.memory.held else { return };
        let quarantined = matches!(self.s.memory.state, State::Quarantined { .. });
        self.note(if quarantined { Code::StepVerify } else { Code::StepRetest });
        if held.access_lives(self.now) && self.s.policy.can_probe {
            return self.start_probe(if quarantined { ProbePurpose::Verify } else { ProbePurpose::Retest });
        }
        let may_present = matches!(held.refresh, RefreshStanding::Usable | RefreshStanding::Refused);
        let revoked = self.s.memory.episode.is_some_and(|episode| episode.revoked);
        if self.issuer.earliest(self.now) > self.now {
            return self.plan_retest();
        }
        if may_present && !held.intent_open && !revoked {
            self.start_refresh();
        } else if self.may_reauthenticate() {
            self.start_reauthentication();
        } else {
            self.s.memory.refreshed_at = Some(self.now);
            self.plan_retest();
        }
    }
}
