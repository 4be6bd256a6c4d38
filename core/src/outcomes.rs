//! What an attempt's outcome means: the evidence table of DESIGN.md section 4.

use core::time::Duration;

use crate::{
    Code, Connectivity, Effect, ForeignBy, HoldCause, IdentityProof, NewGeneration, Outcome, ProbeOutcome,
    ProbePurpose, RejectionClass, State, TokenOutcome,
    session::{Attempt, AttemptKind, RefreshStanding, Standing, Task},
    transition::Transition,
};

/// How often own credentials must be right to end a quarantine.
const RIGHT_TO_END_QUARANTINE: u8 = 2;
/// Pause before a new token is asked about again after the probe stayed silent.
const CONFIRM_AGAIN: Duration = Duration::from_secs(30);

impl Transition<'_> {
    pub(crate) fn attempt_ended(&mut self, number: u32, outcome: Outcome) {
        let Some(attempt) = self.s.attempt.filter(|attempt| attempt.number == number) else {
            return self.late(outcome);
        };
        self.s.attempt = None;
        match (attempt.kind, outcome) {
            (AttemptKind::Probe(purpose), Outcome::Probe(found)) => self.probed(purpose, found),
            (AttemptKind::Refresh, Outcome::Refresh(found)) => self.refreshed(attempt, found),
            (AttemptKind::Reauthenticate, Outcome::Reauthentication(found)) => self.reauthenticated(attempt, found),
            (AttemptKind::Rediscover, Outcome::Rediscovered { changed }) => self.rediscovered(changed),
            _ => self.attempt_overdue(attempt),
        }
    }

    /// An attempt that nobody waits for any more has ended. Newer credentials are never thrown away.
    fn late(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Refresh(found) | Outcome::Reauthentication(found) => match found {
                TokenOutcome::Renewed(new) | TokenOutcome::Adopted(new) => self.adopt_late(new),
                TokenOutcome::Foreign if !matches!(self.s.memory.state, State::Quarantined { .. }) => {
                    self.quarantine(ForeignBy::TokenResponse);
                }
                _ => {}
            },
            Outcome::Probe(_) | Outcome::Rediscovered { .. } => {}
        }
    }

    fn adopt_late(&mut self, new: NewGeneration) {
        if self.s.generation().is_none_or(|held| new.generation > held) {
            self.s.attempt = None;
            self.renewed(new, Code::EvidenceRenewed);
        }
    }

    /// No outcome came in time: as if the answer had been lost.
    pub(crate) fn attempt_overdue(&mut self, attempt: Attempt) {
        self.s.attempt = None;
        let lost = TokenOutcome::Transient { retry_after: None, lost: true };
        match attempt.kind {
            AttemptKind::OpenVault => self.open_vault(),
            AttemptKind::Probe(purpose) => self.probed(purpose, ProbeOutcome::Silent),
            AttemptKind::Refresh => self.refreshed(attempt, lost),
            AttemptKind::Reauthenticate => self.reauthenticated(attempt, lost),
            AttemptKind::Rediscover => self.rediscovered(false),
        }
    }

    // ---- probes ------------------------------------------------------------------------------------------------

    fn probed(&mut self, purpose: ProbePurpose, found: ProbeOutcome) {
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

    fn foreign_probe(&mut self) {
        if matches!(self.s.memory.state, State::Quarantined { .. }) {
            self.s.memory.verified = 0;
            self.plan_verification();
        } else {
            self.quarantine(ForeignBy::Probe);
        }
    }

    /// Rung 2 succeeded: one node says no, another says yes.
    fn accepted_elsewhere(&mut self, on_fresh_connection: bool) {
        self.set_standing(Standing::Accepted);
        let certain = on_fresh_connection && self.s.memory.episode.is_some_and(|episode| episode.connection_known);
        if certain && self.flap() {
            self.note(Code::VerdictFlap);
            return self.hold(HoldCause::Flapping);
        }
        self.drop_superseded();
        self.end_episode(Code::VerdictFlap);
    }

    fn confirmed(&mut self) {
        self.set_standing(Standing::Accepted);
        if let Some(held) = self.s.memory.held.as_mut().filter(|held| held.identity == IdentityProof::Unverified) {
            held.identity = IdentityProof::Verified;
        }
        self.drop_superseded();
        self.end_episode(Code::VerdictTokenStale);
    }

    fn new_token_rejected(&mut self) {
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
    fn not_confirmed(&mut self) {
        let Some(held) = self.s.memory.held else { return };
        let rejected = held.access.is_some_and(|access| access.standing == Standing::Rejected);
        if held.identity != IdentityProof::Unverified && !rejected {
            return self.unconfirmed();
        }
        let at = self.now.plus(CONFIRM_AGAIN).plus(self.rng.up_to(CONFIRM_AGAIN));
        match self.s.memory.state {
            State::SignedIn { .. } => self.plan(at, Task::Confirm),
            _ => self.hold_until(HoldCause::ServerTrouble, at),
        }
    }

    /// A kept token is accepted again. While flapping, only after the dwell.
    fn good_again(&mut self) {
        if let State::Holding { cause: HoldCause::Flapping, retry_at } = self.s.memory.state {
            self.set_standing(Standing::Accepted);
            if self.now < retry_at {
                return;
            }
        }
        self.set_standing(Standing::Accepted);
        self.drop_superseded();
        self.end_episode(Code::VerdictServerTrouble);
    }

    fn not_good_yet(&mut self) {
        match self.s.memory.state {
            State::Holding { cause: HoldCause::Flapping, retry_at } if self.now >= retry_at => {
                self.set_standing(Standing::Rejected);
                self.episode().probed = true;
                self.climb();
            }
            State::Holding { .. } => {}
            _ => self.plan_retest(),
        }
    }

    fn verified_once(&mut self) {
        self.s.memory.verified = self.s.memory.verified.saturating_add(1);
        if self.s.memory.verified < RIGHT_TO_END_QUARANTINE {
            return self.plan_verification();
        }
        self.s.memory.verified = 0;
        self.set_standing(Standing::Accepted);
        self.end_episode(Code::VerdictRecovered);
    }

    // ---- token requests ----------------------------------------------------------------------------------------

    fn refreshed(&mut self, attempt: Attempt, found: TokenOutcome) {
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

    fn reauthenticated(&mut self, attempt: Attempt, found: TokenOutcome) {
        match found {
            TokenOutcome::Refused { revoked } => self.reauthentication_refused(revoked),
            TokenOutcome::InvalidScope => self.reauthentication_refused(false),
            other => self.token_outcome(attempt, other),
        }
    }

    /// What a refresh and a silent re-authentication have in common.
    fn token_outcome(&mut self, attempt: Attempt, found: TokenOutcome) {
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

    fn renewed(&mut self, new: NewGeneration, code: Code) {
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
    fn refresh_refused(&mut self, revoked: bool) {
        self.note(Code::EvidenceInvalidGrant);
        if let Some(held) = self.s.memory.held.as_mut() {
            held.refresh = if revoked { RefreshStanding::Void } else { RefreshStanding::Refused };
        }
        self.episode().revoked |= revoked;
        self.next_rung();
    }

    fn reauthentication_refused(&mut self, revoked: bool) {
        self.note(Code::EvidenceReauthenticationRefused);
        let episode = self.episode();
        episode.revoked |= revoked;
        (episode.reauthenticated, episode.reauthentication_refused) = (true, true);
        self.next_rung();
    }

    /// Goes on without the rung that has just ended. A renewal that failed becomes an episode here.
    fn next_rung(&mut self) {
        match self.s.memory.state {
            State::SignInRequired { .. } | State::Quarantined { .. } => return self.plan_retest(),
            State::SignedIn { .. } => {
                let usable = self.s.memory.held.is_some_and(|held| held.usable_access(self.now));
                // The renewal was this episode's first request, and its time was drawn at random.
                let episode = self.episode();
                (episode.probed, episode.refreshed, episode.spread) = (true, true, true);
                episode.as_requests = episode.as_requests.max(1);
                if !usable {
                    self.enter(State::Recovering { since: self.now });
                }
            }
            _ => {}
        }
        self.climb();
    }

    fn misconfigured(&mut self, attempt: Attempt) {
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

    fn rediscovered(&mut self, changed: bool) {
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

    fn server_failed(&mut self, attempt: Attempt, retry_after: Option<Duration>) {
        if let Some(episode) = self.s.memory.episode.as_mut() {
            episode.points_to_server = true;
        }
        self.count_failure(attempt, retry_after);
    }

    fn count_failure(&mut self, attempt: Attempt, retry_after: Option<Duration>) {
        if !attempt.counted {
            self.issuer.record_call(self.now);
        }
        self.issuer.record_failure(self.now, retry_after);
    }

    /// The access token is good, so a renewal that failed is nobody's business yet.
    fn renewal_may_wait(&self) -> bool {
        matches!(self.s.memory.state, State::SignedIn { .. })
            && self.s.memory.held.is_some_and(|held| held.usable_access(self.now))
    }

    fn keeps_state(&self) -> bool {
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
                let mut at = self.issuer.next_attempt(self.now, &mut self.rng);
                if !offline {
                    at = at.max(self.now.plus(crate::pacing::LEAST_GAP));
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
