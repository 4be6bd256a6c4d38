//! What a token request found: the second half of the evidence table of DESIGN.md section 4.

use core::time::Duration;

use super::Transition;
use crate::{
    Code, Connectivity, Effect, ForeignBy, HoldCause, IdentityProof, NewGeneration, State, TokenOutcome,
    attempt::{Attempt, AttemptKind},
    memory::{RefreshStanding, Task},
    pacing::LEAST_GAP,
};

impl Transition<'_> {
    pub(super) fn refreshed(&mut self, attempt: Attempt, found: TokenOutcome) {
        if let Some(held) = self.s.memory.held.as_mut() {
            // An answer closes the intent, unless an earlier one was lost: then a "no" may only mean "already rotated".
            held.intent_open = match found {
                TokenOutcome::Transient { lost, .. } => lost || attempt.intent_was_open,
                TokenOutcome::Malformed => true,
                _ => attempt.intent_was_open,
            };
        }
        match found {
            TokenOutcome::Refused { revoked } => self.refresh_refused(revoked),
            TokenOutcome::InvalidScope if !self.s.without_scope => {
                self.note(Code::EvidenceInvalidScope);
                self.s.without_scope = true;
                self.start_refresh();
            }
            TokenOutcome::InvalidScope => {
                self.note(Code::EvidenceInvalidScope);
                self.next_rung();
            }
            other => self.token_outcome(attempt, other),
        }
    }

    pub(super) fn reauthenticated(&mut self, attempt: Attempt, found: TokenOutcome) {
        match found {
            TokenOutcome::Refused { revoked } => self.reauthentication_refused(revoked),
            TokenOutcome::InvalidScope => self.reauthentication_refused(false),
            other => self.token_outcome(attempt, other),
        }
    }

    /// What a refresh and a silent re-authentication have in common.
    pub(super) fn token_outcome(&mut self, attempt: Attempt, found: TokenOutcome) {
        match found {
            TokenOutcome::Renewed(new) => self.renewed(new, Code::EvidenceRenewed),
            TokenOutcome::Adopted(new) => self.renewed(new, Code::EvidenceAdopted),
            TokenOutcome::Configuration => self.misconfigured(attempt),
            TokenOutcome::Unreasoned => self.unreasoned(attempt),
            TokenOutcome::Foreign => {
                if !matches!(self.s.memory.state, State::Quarantined { .. }) {
                    self.quarantine(ForeignBy::TokenResponse);
                } else {
                    self.s.memory.verified = 0;
                    self.plan_verification();
                }
            }
            TokenOutcome::Transient { retry_after, .. } => {
                self.note(Code::EvidenceTransient);
                self.s.memory.unreasoned = Default::default();
                self.server_failed(attempt, retry_after);
                self.trouble(HoldCause::ServerTrouble);
            }
            TokenOutcome::Malformed => {
                self.note(Code::EvidenceMalformed);
                self.server_failed(attempt, None);
                self.trouble(HoldCause::ServerTrouble);
            }
            TokenOutcome::Unreachable => {
                self.note(Code::EvidenceTransient);
                self.server_failed(attempt, None);
                self.trouble(HoldCause::NoNetwork);
            }
            TokenOutcome::LockBusy => {
                self.note(Code::EvidenceLockBusy);
                self.trouble(HoldCause::LockBusy);
            }
            TokenOutcome::StorageFull => {
                self.note(Code::EvidenceStorageFull);
                self.trouble(HoldCause::StorageFull);
            }
            TokenOutcome::Refused { .. } | TokenOutcome::InvalidScope => self.next_rung(),
        }
    }

    pub(super) fn renewed(&mut self, new: NewGeneration, code: Code) {
        if self.s.generation().is_some_and(|held| new.generation <= held) {
            return self.trouble(HoldCause::ServerTrouble);
        }
        self.install(new);
        self.note(code);
        self.issuer.record_success();
        self.s.without_scope = false;
        let ordinary = self.s.memory.episode.is_none();
        match self.s.memory.state {
            State::Quarantined { .. } if new.identity == IdentityProof::Verified => self.verified_once(),
            State::Quarantined { .. } => self.plan_verification(),
            State::SignedIn { .. } if ordinary => {
                self.enter(State::SignedIn { connectivity: Connectivity::Online });
                self.plan_renewal();
            }
            _ => self.plan_confirm(),
        }
    }

    /// Terminal for this refresh token in this episode; the next rung is silent, or a person.
    pub(super) fn refresh_refused(&mut self, revoked: bool) {
        self.note(Code::EvidenceInvalidGrant);
        if let Some(held) = self.s.memory.held.as_mut() {
            held.refresh = if revoked { RefreshStanding::Void } else { RefreshStanding::Refused };
        }
        self.episode().revoked |= revoked;
        self.next_rung();
    }

    pub(super) fn reauthentication_refused(&mut self, revoked: bool) {
        self.note(Code::EvidenceReauthenticationRefused);
        let episode = self.episode();
        episode.revoked |= revoked;
        (episode.reauthenticated, episode.reauthentication_refused) = (true, true);
        self.next_rung();
    }

    pub(super) fn misconfigured(&mut self, attempt: Attempt) {
        self.note(Code::EvidenceConfiguration);
        self.effects.push(Effect::Alarm(Code::CauseConfiguration));
        self.server_failed(attempt, None);
        if self.renewal_may_wait() || self.keeps_state() {
            return self.trouble(HoldCause::Configuration);
        }
        if core::mem::replace(&mut self.episode().rediscovered, true) {
            self.note(Code::VerdictConfiguration);
            return self.hold(HoldCause::Configuration);
        }
        self.note(Code::StepRediscover);
        if matches!(self.s.memory.state, State::SignedIn { .. }) {
            self.enter(State::Recovering { since: self.now });
        }
        self.start_rediscovery();
    }

    pub(super) fn rediscovered(&mut self, changed: bool) {
        if changed && matches!(self.s.memory.state, State::Recovering { .. } | State::Holding { .. }) {
            self.begin_gathering();
            self.episode().probed = true;
            self.episode().spread = true;
            return self.climb();
        }
        self.note(Code::VerdictConfiguration);
        self.hold(HoldCause::Configuration);
    }

    /// "No", and not why. Six times over half an hour, with the server otherwise well, it is a refusal (DESIGN.md section 4).
    pub(super) fn unreasoned(&mut self, attempt: Attempt) {
        self.note(Code::EvidenceUnreasonedRefusal);
        let points_to_server = self.s.memory.episode.is_some_and(|episode| episode.points_to_server);
        let counts_as_refusal = self.s.memory.unreasoned.again(self.now) && !points_to_server;
        match attempt.kind {
            AttemptKind::Reauthenticate if counts_as_refusal => self.reauthentication_refused(false),
            _ if counts_as_refusal => self.refresh_refused(false),
            _ => {
                self.count_failure(attempt, None);
                self.trouble(HoldCause::ServerTrouble);
            }
        }
    }

    pub(super) fn server_failed(&mut self, attempt: Attempt, retry_after: Option<Duration>) {
        if let Some(episode) = self.s.memory.episode.as_mut() {
            episode.points_to_server = true;
        }
        self.count_failure(attempt, retry_after);
    }

    pub(super) fn count_failure(&mut self, attempt: Attempt, retry_after: Option<Duration>) {
        if !attempt.counted {
            self.issuer.record_call(self.now);
        }
        self.issuer.record_failure(self.now, retry_after);
    }

    pub(super) fn keeps_state(&self) -> bool {
        matches!(self.s.memory.state, State::SignInRequired { .. } | State::Quarantined { .. })
    }

    /// New credentials cannot be had now.
    pub(super) fn trouble(&mut self, cause: HoldCause) {
        if self.keeps_state() {
            return self.plan_retest();
        }
        let offline = matches!(cause, HoldCause::NoNetwork | HoldCause::ServerTrouble);
        match self.s.memory.state {
            State::SignedIn { .. } if self.renewal_may_wait() || offline => {
                // Without a rejection, being offline is never Holding.
                if cause == HoldCause::NoNetwork || !self.renewal_may_wait() {
                    self.enter(State::SignedIn { connectivity: Connectivity::Offline });
                }
                let mut at = self.issuer.next_attempt(self.now, &mut self.rng);
                if !offline {
                    at = at.max(self.now.plus(LEAST_GAP));
                }
                self.plan(at, Task::Renew);
            }
            State::SignedIn { .. } => {
                self.episode();
                self.hold(cause);
            }
            _ => self.hold(cause),
        }
    }
}
