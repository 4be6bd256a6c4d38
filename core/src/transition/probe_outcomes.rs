//! What a probe found.

use super::Transition;
use crate::{Code, HoldCause, ProbeOutcome, ProbePurpose, RejectionClass};

impl Transition<'_> {
    pub(super) fn probed(&mut self, purpose: ProbePurpose, found: ProbeOutcome) {
        use ProbePurpose as P;
        match found {
            ProbeOutcome::Foreign => self.foreign_probe(),
            ProbeOutcome::Accepted { on_fresh_connection } => {
                self.note(Code::EvidenceProbeAccepted);
                match purpose {
                    P::FreshConnection => self.accepted_elsewhere(on_fresh_connection),
                    P::Confirm => self.confirmed(),
                    P::Retest => self.good_again(),
                    P::Verify => self.verified_by_probe(),
                }
            }
            ProbeOutcome::Rejected(class) if blames_the_token(class) => {
                self.note(Code::EvidenceProbeRejected);
                if let Some(episode) = self.s.memory.episode.as_mut() {
                    episode.revoked |= class == RejectionClass::SessionRevoked;
                }
                match purpose {
                    P::FreshConnection => self.climb(),
                    P::Confirm => self.new_token_rejected(),
                    P::Retest => self.not_good_yet(true),
                    P::Verify => self.plan_verification(),
                }
            }
            ProbeOutcome::Rejected(_) | ProbeOutcome::Silent => {
                self.note(Code::EvidenceProbeSilent);
                match purpose {
                    P::FreshConnection => self.climb(),
                    P::Confirm => self.not_confirmed(),
                    P::Retest => self.not_good_yet(false),
                    P::Verify => self.plan_verification(),
                }
            }
        }
    }

    /// Rung 2 succeeded: one node says no, another says yes.
    fn accepted_elsewhere(&mut self, on_fresh_connection: bool) {
        self.proven();
        let certain = on_fresh_connection && self.s.memory.episode.is_some_and(|episode| episode.connection_known);
        let times = if certain { &mut self.s.memory.flaps } else { &mut self.s.memory.overruled };
        times.remember(self.now);
        if certain && self.s.memory.flaps.often(self.now) {
            self.note(Code::VerdictFlap);
            return self.hold(HoldCause::Flapping);
        }
        self.end_episode(Code::VerdictFlap);
    }
}

/// Whether this "no" is about the token at all. A 403, a step-up or a nonce is not, whoever asked.
const fn blames_the_token(class: RejectionClass) -> bool {
    use RejectionClass as R;
    match class {
        R::InvalidToken | R::Unauthorized | R::Legacy | R::SessionRevoked | R::InvalidDpopProof => true,
        R::UseDpopNonce | R::Forbidden | R::StepUp => false,
    }
}
