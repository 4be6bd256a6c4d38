//! A new token is proven before it ends an episode, and before an unverified one is handed out.

use super::Transition;
use crate::{
    Code, Connectivity, HoldCause, IdentityProof, ProbePurpose, State,
    memory::{Standing, Task},
    pacing::{CONFIRM_GRACE, Retests},
};

impl Transition<'_> {
    /// A replayed call may prove the new token for free; soon after, the probe does. Nobody waits for an unverified one.
    pub(super) fn plan_confirm(&mut self) {
        let unverified = self.s.memory.held.is_some_and(|held| held.identity == IdentityProof::Unverified);
        let replays = matches!(self.s.memory.state, State::Recovering { .. } | State::SignedIn { .. });
        if unverified || !replays {
            self.confirm();
        } else {
            self.plan(self.now.plus(CONFIRM_GRACE), Task::Confirm);
        }
    }

    pub(super) fn confirm(&mut self) {
        if self.s.attempt.is_some() {
            return;
        }
        let Some(held) = self.s.memory.held else { return };
        if !held.access_lives(self.now) {
            return self.died_unproven();
        }
        let unverified = held.identity == IdentityProof::Unverified;
        let rejected = held.access.is_some_and(|access| access.standing == Standing::Rejected);
        if self.s.may_probe_new(held) {
            self.note(Code::StepConfirm);
            self.start_probe(ProbePurpose::Confirm);
        } else if rejected {
            self.note(Code::VerdictFreshRejected);
            self.hold(HoldCause::FreshTokensRejected);
        } else if unverified {
            self.hold(HoldCause::Configuration);
        } else {
            self.unconfirmed();
        }
    }

    /// It died before anybody could ask. A refresh token that came with it is worth a try; nothing else is lost.
    fn died_unproven(&mut self) {
        if self.s.memory.episode.is_none() {
            return self.renew();
        }
        self.begin_gathering();
        self.episode().probed = true;
        self.climb();
    }

    pub(super) fn confirmed(&mut self) {
        self.proven();
        self.end_episode(self.what_was_wrong());
    }

    /// What the episode comes to, now that new credentials were accepted: by the rung that brought them.
    pub(super) fn what_was_wrong(&self) -> Code {
        match self.s.memory.episode {
            Some(episode) if episode.revoked => Code::VerdictAccountEnded,
            Some(episode) if episode.reauthenticated || episode.prompted => Code::VerdictSessionLost,
            _ => Code::VerdictTokenStale,
        }
    }

    /// A server accepted the newest token, under the pinned identity if it named one.
    pub(super) fn proven(&mut self) {
        self.set_standing(Standing::Accepted);
        if let Some(held) = self.s.memory.held.as_mut() {
            held.prove(IdentityProof::Verified);
        }
        self.drop_superseded();
    }

    pub(super) fn new_token_rejected(&mut self) {
        self.set_standing(Standing::Rejected);
        if let Some(held) = self.s.memory.held.as_mut().filter(|held| held.identity == IdentityProof::Unverified) {
            // Nobody will ever vouch for this one; it is never handed out again, and its refresh token stays.
            held.access = None;
        }
        self.note(Code::EvidenceFreshRejected);
        self.note(Code::VerdictFreshRejected);
        self.episode().fresh_rejected = true;
        self.hold(HoldCause::FreshTokensRejected);
    }

    /// The server said nothing about the new token. An unverified one waits on; a verified one is used.
    pub(super) fn not_confirmed(&mut self) {
        let Some(held) = self.s.memory.held else { return };
        let rejected = held.access.is_some_and(|access| access.standing == Standing::Rejected);
        if held.identity != IdentityProof::Unverified && !rejected {
            return self.unconfirmed();
        }
        let mut retests = self.s.memory.retests.unwrap_or(Retests::starting(self.now));
        let at = retests.next(self.now, &mut self.rng);
        self.s.memory.retests = Some(retests);
        match self.s.memory.state {
            State::SignedIn { .. } => self.plan(at, Task::Confirm),
            _ => self.hold_until(HoldCause::ServerTrouble, at),
        }
    }

    /// Nobody said no to the new token, and nobody can be asked: it is used, the episode stays open until it is accepted.
    fn unconfirmed(&mut self) {
        self.withdraw_prompt();
        self.enter(State::SignedIn { connectivity: Connectivity::Online });
        self.plan_renewal();
    }
}
