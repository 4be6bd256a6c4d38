//! Ordinary renewal: no rejection, no episode.

use super::Transition;
use crate::{
    Code, IdentityProof, State,
    memory::{RefreshStanding, Task},
    pacing::FRESH_TOKEN_AGE,
};

impl Transition<'_> {
    pub(super) fn plan_renewal(&mut self) {
        let Some(held) = self.s.memory.held else { return };
        if held.identity == IdentityProof::Unverified {
            return self.plan(self.now, Task::Confirm);
        }
        let living = held.access.filter(|_| held.usable_access(self.now));
        let at = living.map_or(self.now, |a| if self.s.can_renew() { a.renew_at } else { a.expires_at });
        self.plan(at, Task::Renew);
    }

    /// A call found no usable token: a renewal that was planned for later is done now, unless the server is failing.
    pub(super) fn renew_for_caller(&mut self) {
        let usable = self.s.memory.held.is_some_and(|held| held.usable_access(self.now));
        let planned = self.s.memory.plan.is_some_and(|plan| plan.task == Task::Renew);
        if planned && !usable && !self.issuer.is_failing() {
            self.renew();
        }
    }

    /// A call needs more life than the token has left. A new one would live no longer if this one has only just come.
    pub(super) fn renew_early(&mut self) {
        let access = self.s.memory.held.and_then(|held| held.access);
        if access.is_some_and(|access| self.now.since(access.received_at) >= FRESH_TOKEN_AGE) {
            self.renew();
        }
    }

    /// A person asked to try now: pauses are for machines.
    pub(super) fn renew_for_person(&mut self) {
        self.by_person = true;
        self.renew();
    }

    /// A token nears or has passed its deadline. Its own deadline needs no spread.
    pub(super) fn renew(&mut self) {
        if self.s.attempt.is_some() {
            return;
        }
        let Some(held) = self.s.memory.held else { return };
        if held.identity == IdentityProof::Unverified && held.access_lives(self.now) {
            return self.confirm();
        }
        if !self.s.can_renew() {
            return self.person();
        }
        let living = held.access.filter(|_| held.usable_access(self.now));
        if let Some(access) = living.filter(|_| !self.s.network && !self.by_person) {
            return self.plan(access.expires_at, Task::Renew);
        }
        let counted = self.s.renewal_counts(self.issuer);
        let paused = self.issuer.paused_until(self.now).unwrap_or(self.now);
        let earliest = if counted { self.issuer.earliest(self.now) } else { paused };
        if earliest > self.now && !self.by_person {
            return self.plan(earliest, Task::Renew);
        }
        self.in_peace = !counted;
        self.note(Code::StepRenewal);
        if held.refresh == RefreshStanding::Usable {
            self.start_refresh();
        } else {
            self.start_reauthentication();
        }
    }

    /// The access token is good, so a renewal that failed is nobody's business yet.
    pub(super) fn renewal_may_wait(&self) -> bool {
        matches!(self.s.memory.state, State::SignedIn { .. })
            && self.s.memory.held.is_some_and(|held| held.usable_access(self.now))
    }
}
