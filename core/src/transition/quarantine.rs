//! A foreign identity turned up.

use super::{Transition, retest::HOURLY};
use crate::{
    Code, ForeignBy, IdentityProof, Permission, State, Target,
    memory::{Held, RefreshStanding, Standing, Task},
};

/// How often own credentials must be right to end a quarantine.
const RIGHT_TO_END_QUARANTINE: u8 = 2;

impl Transition<'_> {
    pub(super) fn quarantine(&mut self, by: ForeignBy) {
        self.note(by.code());
        self.note(Code::VerdictForeign);
        self.withdraw_prompt();
        // Somebody else's credentials may sit in the newest place, if nothing named their owner when they came.
        if let Some(held) = self.s.memory.held.filter(|held| held.identity == IdentityProof::Unverified) {
            self.destroy(Target::Generation(held.generation), Permission::Foreign);
            self.s.memory.held = self.s.memory.previous.take().map(|previous| Held {
                generation: previous.generation,
                access: previous.access,
                refresh: RefreshStanding::Void,
                intent_open: false,
                identity: IdentityProof::Verified,
                saved: true,
            });
        }
        self.s.attempt = None;
        (self.s.memory.retest_at, self.s.memory.verified) = (None, 0);
        self.enter(State::Quarantined { incident: by, since: self.now });
        self.plan_verification();
    }

    pub(super) fn foreign_probe(&mut self) {
        if matches!(self.s.memory.state, State::Quarantined { .. }) {
            self.s.memory.verified = 0;
            self.plan_verification();
        } else {
            self.quarantine(ForeignBy::Probe);
        }
    }

    pub(super) fn plan_verification(&mut self) {
        let at = self.now.plus(HOURLY).plus(self.rng.up_to(HOURLY / 10));
        self.plan(at, Task::Retest);
    }

    pub(super) fn verified_once(&mut self) {
        self.s.memory.verified = self.s.memory.verified.saturating_add(1);
        if self.s.memory.verified < RIGHT_TO_END_QUARANTINE {
            return self.plan_verification();
        }
        self.s.memory.verified = 0;
        self.set_standing(Standing::Accepted);
        self.end_episode(Code::VerdictRecovered);
    }
}
