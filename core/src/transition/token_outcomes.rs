//! What a token request found: the second half of the evidence table of DESIGN.md section 4.

use core::time::Duration;

use super::Transition;
use crate::{
    Code, Connectivity, Effect, ForeignBy, HoldCause, NewGeneration, Permission, SignedOutReason, State, Target,
    TokenOutcome,
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
                TokenOutcome::Malformed | TokenOutcome::Foreign => true,
                _ => attempt.intent_was_open,
            };
        }
        match found {
            TokenOutcome::Refused { revoked } => self.refresh_refused(revoked),
            TokenOutcome::InvalidScope => self.scope_refused(),
            other => self.token_outcome(attempt, other),
        }
    }

    /// Asked once more without scopes (RFC 6749 section 6), in the same gathering; then it is the next rung's turn.
    fn scope_refused(&mut self) {
        self.note(Code::EvidenceInvalidScope);
        if core::mem::replace(&mut self.s.without_scope, true) {
            self.next_rung();
        } else if self.calls_count() && (self.budget_is_spent() || self.issuer.hour_is_full(self.now)) {
            self.trouble(HoldCause::ServerTrouble);
        } else {
            self.start_refresh();
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
    fn token_outcome(&mut self, attempt: Attempt, found: TokenOutcome) {
        use TokenOutcome as T;
        match found {
            T::Renewed(new) | T::Adopted(new) if self.is_newer(new) && new.lives_for.is_none() => {
                self.install(new);
                self.malformed(attempt);
            }
            T::Renewed(new) if self.is_newer(new) => self.renewed(new, Code::EvidenceRenewed),
            T::Adopted(new) if self.is_newer(new) => self.renewed(new, Code::EvidenceAdopted),
            T::Configuration => self.misconfigured(attempt),
            T::Unreasoned => self.unreasoned(attempt),
            T::Foreign => self.foreign(ForeignBy::TokenResponse),
            T::Transient { .. } if mutant!(TroubleAsksAPerson) => self.person(),
            T::StorageFull if mutant!(FullDiskAsksAPerson) => self.person(),
            T::Transient { retry_after, .. } => {
                self.note(Code::EvidenceTransient);
                self.server_failed(attempt, retry_after);
                self.trouble(HoldCause::ServerTrouble);
            }
            T::Malformed | T::Renewed(_) | T::Adopted(_) => self.malformed(attempt),
            T::Unreachable => {
                self.note(Code::EvidenceTransient);
                self.count_failure(attempt, None);
                self.trouble(HoldCause::NoNetwork);
            }
            T::LockBusy => {
                self.note(Code::EvidenceLockBusy);
                self.trouble(HoldCause::LockBusy);
            }
            T::StorageFull => {
                self.note(Code::EvidenceStorageFull);
                self.trouble(HoldCause::StorageFull);
            }
            T::Refused { .. } | T::InvalidScope => self.next_rung(),
        }
    }

    /// A renewal without an access token is none, either.
    fn malformed(&mut self, attempt: Attempt) {
        self.note(Code::EvidenceMalformed);
        self.server_failed(attempt, None);
        self.trouble(HoldCause::ServerTrouble);
    }

    pub(super) fn renewed(&mut self, new: NewGeneration, code: Code) {
        self.install(new);
        self.note(code);
        self.issuer.record_success();
        match self.s.memory.state {
            State::Quarantined { .. } => self.verify_new(new),
            State::SignedIn { .. } if self.s.memory.episode.is_none() => self.go_on_with_new(),
            _ => self.plan_confirm(),
        }
    }

    /// Terminal for this refresh token in this episode; the next rung is silent, or a person.
    fn refresh_refused(&mut self, revoked: bool) {
        self.note(Code::EvidenceInvalidGrant);
        if let Some(held) = self.s.memory.held.as_mut() {
            held.refresh = if revoked { RefreshStanding::Void } else { RefreshStanding::Refused };
        }
        if let Some(generation) = self.s.generation().filter(|_| mutant!(DestroysOnInvalidGrant)) {
            self.destroy(Target::Generation(generation), Permission::Superseded);
        }
        if mutant!(RefusalSignsOut) {
            return self.enter(State::SignedOut { reason: SignedOutReason::App });
        }
        self.episode().revoked |= revoked;
        self.next_rung();
    }

    fn reauthentication_refused(&mut self, revoked: bool) {
        self.note(Code::EvidenceReauthenticationRefused);
        let episode = self.episode();
        episode.revoked |= revoked;
        (episode.reauthenticated, episode.reauthentication_refused) = (true, true);
        if self.keeps_state() {
            return self.refused_again();
        }
        self.next_rung();
    }

    fn misconfigured(&mut self, attempt: Attempt) {
        self.note(Code::EvidenceConfiguration);
        self.effects.push(Effect::Alarm(Code::CauseConfiguration));
        self.server_failed(attempt, None);
        if self.renewal_may_wait() || self.keeps_state() {
            return self.trouble(HoldCause::Configuration);
        }
        self.renewal_is_episode();
        if core::mem::replace(&mut self.episode().rediscovered, true) {
            self.note(Code::VerdictConfiguration);
            return self.hold(HoldCause::Configuration);
        }
        self.note(Code::StepRediscover);
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
    fn unreasoned(&mut self, attempt: Attempt) {
        self.note(Code::EvidenceUnreasonedRefusal);
        let points_to_server = self.s.memory.episode.is_some_and(|episode| episode.points_to_server);
        let enough = self.s.memory.unreasoned.again(self.now) || mutant!(OneUnreasonedNoIsEnough);
        let counts_as_refusal = enough && !points_to_server;
        match attempt.kind {
            AttemptKind::Reauthenticate if counts_as_refusal => self.reauthentication_refused(false),
            _ if counts_as_refusal => self.refresh_refused(false),
            _ => {
                self.count_failure(attempt, None);
                self.trouble(HoldCause::ServerTrouble);
            }
        }
    }

    /// A sign of the server's trouble: no refusal without a reason counts beside it.
    fn server_failed(&mut self, attempt: Attempt, retry_after: Option<Duration>) {
        if let Some(episode) = self.s.memory.episode.as_mut() {
            episode.points_to_server = true;
        }
        self.s.memory.unreasoned = Default::default();
        self.count_failure(attempt, retry_after);
    }

    fn count_failure(&mut self, attempt: Attempt, retry_after: Option<Duration>) {
        if !attempt.counted && !attempt.by_person {
            self.issuer.record_call(self.now);
        }
        self.issuer.record_failure(self.now, retry_after);
    }

    pub(super) fn keeps_state(&self) -> bool {
        matches!(self.s.memory.state, State::SignInRequired { .. } | State::Quarantined { .. })
    }

    /// New credentials cannot be had now.
    fn trouble(&mut self, cause: HoldCause) {
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
                let mut at = self.next_attempt();
                if !offline {
                    at = at.max(self.now.plus(LEAST_GAP));
                }
                self.plan(at, Task::Renew);
            }
            _ => {
                self.renewal_is_episode();
                self.hold(cause);
            }
        }
    }
}
