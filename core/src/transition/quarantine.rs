//! A foreign identity turned up.

use super::Transition;
use crate::{
    Code, ForeignBy, IdentityProof, NewGeneration, Permission, ProbePurpose, State, Target,
    memory::{Held, Previous, RefreshStanding, Task},
    pacing::HOURLY,
};

/// How often own credentials must be right to end a quarantine.
const RIGHT_TO_END_QUARANTINE: u8 = 2;

impl Transition<'_> {
    /// Nothing is handed out until the pinned identity is proven again. What was proven to be ours is kept.
    pub(super) fn quarantine(&mut self, by: ForeignBy) {
        self.note(by.code());
        self.note(Code::VerdictForeign);
        self.withdraw_prompt();
        self.s.attempt = None;
        self.s.memory.verified = 0;
        self.enter(State::Quarantined { incident: by, since: self.now });
        self.plan_verification();
    }

    /// The probe named somebody else. If nobody had vouched for the token, it is theirs; unless it is the last one in the vault. A crash
    /// can have lost the proof that those are ours, and a server that mixes people up is no proof that they are not.
    pub(super) fn foreign_probe(&mut self) {
        let unproven = |held: &Held| held.identity == IdentityProof::Unverified || mutant!(DisownsWhatWasProven);
        if let Some(held) = self.s.memory.held.filter(unproven) {
            match self.s.memory.previous.filter(|own| own.saved) {
                Some(own) => self.disown(held, own),
                None if mutant!(DisownsTheLast) => {
                    self.destroy(Target::Generation(held.generation), Permission::Foreign);
                    self.s.memory.held = None;
                }
                None => self.withhold(held),
            }
        }
        self.foreign(ForeignBy::Probe);
    }

    pub(super) fn foreign(&mut self, by: ForeignBy) {
        if let State::Quarantined { .. } = self.s.memory.state {
            self.s.memory.verified = 0;
            self.plan_verification();
        } else {
            self.quarantine(by);
        }
    }

    /// Destroys the newest generation, which is somebody else's, and goes back to the last one known to be ours. Its
    /// refresh token was spent.
    fn disown(&mut self, foreign: Held, own: Previous) {
        self.destroy(Target::Generation(foreign.generation), Permission::Foreign);
        self.s.save_at = None;
        self.s.memory.previous = None;
        self.s.memory.held = Some(Held {
            generation: own.generation,
            access: own.access,
            refresh: RefreshStanding::Void,
            intent_open: false,
            identity: own.identity,
            saved: true,
        });
    }

    /// Keeps the last credentials, although they may be somebody else's: only the probe is asked about them.
    fn withhold(&mut self, doubtful: Held) {
        let refresh = match doubtful.refresh {
            RefreshStanding::Usable | RefreshStanding::Refused => RefreshStanding::Withheld,
            standing => standing,
        };
        self.s.memory.held = Some(Held { refresh, ..doubtful });
    }

    // ---- the way out -------------------------------------------------------------------------------------------

    pub(super) fn plan_verification(&mut self) {
        if mutant!(QuarantinedForGood) {
            return;
        }
        let at = self.now.plus(HOURLY).plus(self.rng.up_to(HOURLY / 10));
        self.plan(at, Task::Retest);
    }

    /// A person who signs in as the pinned subject ends it at once; one whose token says nothing is asked about first.
    pub(super) fn signed_in_while_quarantined(&mut self, new: NewGeneration) {
        if new.identity != IdentityProof::Unverified {
            return self.go_on_with_new();
        }
        self.s.memory.verified = RIGHT_TO_END_QUARANTINE - 1;
        self.verify_new(new);
    }

    /// New credentials arrived: their proof counts, and where they bring none the probe is asked.
    pub(super) fn verify_new(&mut self, new: NewGeneration) {
        match new.identity {
            IdentityProof::Verified => self.verified_once(),
            _ if self.s.policy.can_probe => self.verify_by_probe(),
            IdentityProof::Inherited | IdentityProof::Unpinned => self.verified_once(),
            IdentityProof::Unverified => self.plan_verification(),
        }
    }

    pub(super) fn verify_by_probe(&mut self) {
        self.note(Code::StepVerify);
        self.start_probe(ProbePurpose::Verify);
    }

    /// The probe knows the token and names nobody else.
    pub(super) fn verified_by_probe(&mut self) {
        self.proven();
        self.verified_once();
    }

    fn verified_once(&mut self) {
        self.s.memory.verified = self.s.memory.verified.saturating_add(1);
        if self.s.memory.verified < RIGHT_TO_END_QUARANTINE {
            return self.plan_verification();
        }
        self.s.memory.verified = 0;
        if self.s.memory.held.is_some_and(|held| held.known_good(self.now)) {
            self.end_episode(Code::VerdictRecovered);
        } else {
            self.go_on_with_new();
        }
    }

    /// Nothing is left by which the pinned identity could be proven: only a person can.
    pub(super) fn cannot_verify(&mut self) {
        let reason = self.why_a_person();
        self.note(Code::RungPerson);
        self.sign_in_required(reason);
    }
}
