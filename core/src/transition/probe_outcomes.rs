//! What a probe found.

use super::Transition;
use crate::{
    Code, HoldCause, ProbeOutcome, ProbePurpose, RejectionClass,
    memory::Standing,
    pacing::{FLAP_MEMORY, FLAPS_TO_HOLD},
};

impl Transition<'_> {
    pub(super) fn probed(&mut self, purpose: ProbePurpose, found: ProbeOutcome) {
        match found {
            ProbeOutcome::Accepted { .. } => self.note(Code::EvidenceProbeAccepted),
            ProbeOutcome::Rejected(class) => {
                self.note(Code::EvidenceProbeRejected);
                if self.s.memory.episode.is_some() {
                    self.episode().revoked |= class == RejectionClass::SessionRevoked;
                }
            }
            ProbeOutcome::Silent => self.note(Code::EvidenceProbeSilent),
            ProbeOutcome::Foreign => return self.foreign_probe(),
        }
        let rejected = matches!(found, ProbeOutcome::Rejected(_));
        match (purpose, found) {
            (ProbePurpose::FreshConnection, ProbeOutcome::Accepted { on_fresh_connection }) => {
                self.accepted_elsewhere(on_fresh_connection);
            }
            (ProbePurpose::FreshConnection, _) => self.climb(),
            (ProbePurpose::Confirm, ProbeOutcome::Accepted { .. }) => self.confirmed(),
            (ProbePurpose::Confirm, _) if rejected => self.new_token_rejected(),
            (ProbePurpose::Confirm, _) => self.not_confirmed(),
            (ProbePurpose::Retest, ProbeOutcome::Accepted { .. }) => self.good_again(),
            (ProbePurpose::Retest, _) => self.not_good_yet(),
            (ProbePurpose::Verify, ProbeOutcome::Accepted { .. }) => self.verified_once(),
            (ProbePurpose::Verify, _) => self.plan_verification(),
        }
    }

    /// Rung 2 succeeded: one node says no, another says yes.
    pub(super) fn accepted_elsewhere(&mut self, on_fresh_connection: bool) {
        self.set_standing(Standing::Accepted);
        let certain = on_fresh_connection && self.s.memory.episode.is_some_and(|episode| episode.connection_known);
        if certain && self.flap() {
            self.note(Code::VerdictFlap);
            return self.hold(HoldCause::Flapping);
        }
        self.drop_superseded();
        self.end_episode(Code::VerdictFlap);
    }

    /// Remembers that a token was rejected here and accepted there; true if nodes plainly disagree.
    pub(super) fn flap(&mut self) -> bool {
        let flaps = &mut self.s.memory.flaps;
        flaps.rotate_left(1);
        flaps[FLAPS_TO_HOLD - 1] = Some(self.now);
        let now = self.now;
        self.s.memory.flaps.iter().all(|flap| flap.is_some_and(|at| now.since(at) <= FLAP_MEMORY))
    }
}
