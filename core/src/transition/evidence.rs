//! What servers, hosts and neighbours say outside of an attempt.

use core::time::Duration;

use super::Transition;
use crate::{
    Code, Connectivity, Effect, Generation, HoldCause, Rejection, RejectionClass, Signal, State,
    memory::{Standing, Task},
    pacing::{FRESH_TOKEN_AGE, LONGEST_SPREAD, SPREAD_WHEN_WAITING},
};

/// A healthy status document counts when it is healthy again after this time; twice as long after each time that this was
/// not true.
const HEALTHY_TWICE: Duration = Duration::from_secs(30);

impl Transition<'_> {
    pub(super) fn rejected(&mut self, state: State, rejection: Rejection) {
        use RejectionClass as R;
        let evidence = match rejection.class {
            R::Forbidden => return self.note(Code::EvidenceForbidden),
            R::UseDpopNonce => return self.note(Code::EvidenceDpopNonce),
            R::StepUp => return self.notice(Code::EvidenceStepUp),
            _ if !rejection.own_audience => return self.notice(Code::EvidenceOtherAudience),
            R::InvalidToken => Code::EvidenceInvalidToken,
            R::Unauthorized => Code::EvidenceUnauthorized,
            R::Legacy => Code::EvidenceLegacyRejection,
            R::SessionRevoked => Code::EvidenceSessionRevoked,
            R::InvalidDpopProof => Code::EvidenceDpopProof,
        };
        let Some(held) = self.s.memory.held else { return };
        if !held.has_token_of(rejection.generation) {
            return self.rejected_older(rejection.generation);
        }
        let Some(access) = held.access.filter(|access| access.standing != Standing::Rejected) else { return };
        // What was accepted once was a good token: then something changed since, and a new one may help.
        let is_fresh = access.standing == Standing::Untested && self.now.since(access.received_at) < FRESH_TOKEN_AGE;
        let flapping = matches!(state, State::Holding { cause: HoldCause::Flapping, .. });
        if flapping || matches!(state, State::Quarantined { .. }) {
            return;
        }
        self.note(evidence);
        self.set_standing(Standing::Rejected);
        if let State::SignedIn { .. } = state {
            self.begin_gathering();
            self.enter(State::Recovering { since: self.now });
        }
        let episode = self.episode();
        episode.connection_known = rejection.connection_known;
        episode.revoked |= rejection.class == R::SessionRevoked;
        episode.fresh_rejected |= is_fresh;
        if is_fresh {
            self.note(Code::EvidenceFreshRejected);
        }
        match state {
            State::SignedIn { .. } => self.climb(),
            // A replayed call found that the new token is rejected too: the confirming probe has the last word. Whatever
            // else is planned keeps its time.
            State::Recovering { .. } if self.s.attempt.is_none() && self.is_planned(&[Task::Confirm]) => self.confirm(),
            _ => {}
        }
    }

    fn rejected_older(&mut self, generation: Generation) {
        self.note(Code::EvidenceStaleToken);
        self.note(Code::RungAlreadyNewer);
        let previous = self.s.memory.previous.as_mut().filter(|previous| previous.generation == generation);
        if let Some(access) = previous.and_then(|previous| previous.access.as_mut()) {
            access.standing = Standing::Rejected;
        }
    }

    /// A protected path accepted the token. A rejected token is cleared by the probe only: this answer may be older than
    /// the "no". And only a first acceptance says anything new: it does not undo what the authorization server refused.
    pub(super) fn accepted(&mut self, state: State, generation: Generation) {
        let held = self.s.memory.held.filter(|held| held.has_token_of(generation));
        let Some(access) = held.and_then(|held| held.access) else { return };
        let hold = matches!(state, State::Holding { .. } | State::Quarantined { .. });
        if access.standing == Standing::Rejected || hold || held.is_some_and(|h| !h.usable_access(self.now)) {
            return;
        }
        if access.standing == Standing::Untested {
            self.note(Code::EvidenceAccepted);
            self.proven();
            if self.s.memory.episode.is_some() {
                return self.end_episode(self.what_was_wrong());
            }
        }
        if let State::SignedIn { connectivity: Connectivity::Offline } = state {
            self.enter(State::SignedIn { connectivity: Connectivity::Online });
        }
    }

    /// What is known of the newest access token, which the previous generation may hold as well.
    pub(super) fn set_standing(&mut self, standing: Standing) {
        let held = self.s.memory.held.as_mut().and_then(|held| held.access.as_mut());
        let Some(newest) = held else { return };
        newest.standing = standing;
        let first = newest.first;
        let previous = self.s.memory.previous.as_mut().and_then(|previous| previous.access.as_mut());
        if let Some(same) = previous.filter(|access| access.first == first) {
            same.standing = standing;
        }
    }

    pub(super) fn notice(&mut self, code: Code) {
        self.note(code);
        self.effects.push(Effect::Notice(code));
    }

    pub(super) fn signal(&mut self, signal: Signal) {
        let code = match signal {
            Signal::NeighbourRejected => Code::EvidenceNeighbourRejected,
            Signal::NeighbourAccepted => Code::EvidenceNeighbourAccepted,
            Signal::KeyVanished => Code::EvidenceKeyVanished,
        };
        if self.s.memory.episode.is_some() {
            self.note(code);
            self.episode().points_to_server = signal != Signal::NeighbourAccepted;
        }
    }

    pub(super) fn network_changed(&mut self, online: bool) {
        let came_back = online && !self.s.network;
        self.s.network = online;
        let idle = self.s.attempt.is_none();
        match self.s.memory.state {
            State::SignedIn { .. } if !online => {
                self.enter(State::SignedIn { connectivity: Connectivity::Offline });
            }
            State::SignedIn { .. } if came_back => {
                self.enter(State::SignedIn { connectivity: Connectivity::Online });
                if idle && self.s.memory.plan.is_some_and(|plan| plan.task == Task::Renew) {
                    self.plan_renewal();
                }
            }
            State::Holding { cause: HoldCause::NoNetwork, .. } if came_back && idle => {
                let soon = self.issuer.earliest(self.now).plus(self.rng.up_to(SPREAD_WHEN_WAITING));
                self.retry_no_later_than(soon);
            }
            _ => {}
        }
    }

    pub(super) fn status_read(&mut self, healthy: Option<bool>, spread: Option<Duration>) {
        // The document says how things are; a header only adds to it.
        if healthy.is_some() || spread.is_some() {
            self.s.hint = spread.map(|spread| spread.min(LONGEST_SPREAD) * 6 / 5);
        }
        let State::Holding { cause, .. } = self.s.memory.state else { return };
        // Where people signed in for nothing, it called that healthy.
        if cause == HoldCause::FreshTokensRejected && self.s.memory.sign_ins.is_loop(self.now) {
            return;
        }
        let long_enough = HEALTHY_TWICE * (1 << u32::from(self.s.untrue.min(7)));
        match (healthy, self.s.healthy_since) {
            (Some(true), Some(since)) if self.now.since(since) >= long_enough => {
                self.s.healthy_since = None;
                self.s.untrue = self.s.untrue.saturating_add(1);
                self.note(Code::EvidenceRecovered);
                let at = self.issuer.earliest(self.now).plus(self.draw_spread());
                self.retry_no_later_than(at);
            }
            (Some(true), None) => {
                self.s.healthy_since = Some(self.now);
                let again = self.now.plus(long_enough);
                self.s.memory.retest_at = Some(self.s.memory.retest_at.map_or(again, |at| at.min(again)));
            }
            (Some(false), _) => self.s.healthy_since = None,
            _ => {}
        }
    }
}
