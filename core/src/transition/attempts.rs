//! Attempts: how each begins, and what becomes of one that ends late or never.

use core::time::Duration;

use super::Transition;
use crate::{
    Code, Effect, ForeignBy, NewGeneration, Outcome, ProbeOutcome, ProbePurpose, TokenOutcome,
    attempt::{Attempt, AttemptKind},
    pacing::REQUESTS_PER_GATHERING,
};

impl Transition<'_> {
    pub(super) fn begin(&mut self, kind: AttemptKind, seconds: u64, counted: bool) -> u32 {
        self.s.attempts = self.s.attempts.wrapping_add(1);
        let number = self.s.attempts;
        let patience = if mutant!(AttemptsNeverEnd) { 1_000_000 } else { seconds };
        let deadline = self.now.plus(Duration::from_secs(patience));
        let intent_was_open = self.s.memory.held.is_some_and(|held| held.intent_open);
        let (by_person, requests) = (self.by_person, self.spent.saturating_add(1));
        self.s.attempt = Some(Attempt { number, kind, deadline, counted, by_person, requests, intent_was_open });
        number
    }

    pub(super) fn start_probe(&mut self, purpose: ProbePurpose) {
        let Some(generation) = self.s.generation() else { return };
        if let Some(episode) = self.s.memory.episode.as_mut() {
            episode.rs_requests = episode.rs_requests.saturating_add(1);
        }
        let attempt = self.begin(AttemptKind::Probe(purpose), 30, false);
        self.effects.push(Effect::Probe { attempt, generation, purpose });
    }

    pub(super) fn start_refresh(&mut self) {
        let Some(generation) = self.s.generation() else { return };
        let counted = self.count_call();
        let attempt = self.begin(AttemptKind::Refresh, 90, counted);
        self.s.memory.refreshed_at = Some(self.now);
        if let Some(held) = self.s.memory.held.as_mut() {
            held.intent_open = true;
        }
        self.effects.push(Effect::Refresh { attempt, generation, with_scope: !self.s.without_scope });
    }

    pub(super) fn start_reauthentication(&mut self) {
        let counted = self.count_call();
        let attempt = self.begin(AttemptKind::Reauthenticate, 90, counted);
        self.s.memory.refreshed_at = Some(self.now);
        self.effects.push(Effect::Reauthenticate { attempt });
    }

    pub(super) fn start_rediscovery(&mut self) {
        let attempt = self.begin(AttemptKind::Rediscover, 30, false);
        self.effects.push(Effect::Rediscover { attempt });
    }

    /// Whether calls to the authorization server count now: automatic ones do after a failure, and inside an episode.
    pub(super) fn calls_count(&self) -> bool {
        !self.by_person && !self.in_peace && (self.s.memory.episode.is_some() || self.issuer.is_failing())
    }

    pub(super) fn budget_is_spent(&self) -> bool {
        self.s.memory.episode.is_some_and(|episode| episode.as_requests >= REQUESTS_PER_GATHERING)
    }

    fn count_call(&mut self) -> bool {
        let counted = self.calls_count() && !mutant!(BudgetNotCounted);
        if let Some(episode) = self.s.memory.episode.as_mut() {
            episode.as_requests = episode.as_requests.saturating_add(1);
        }
        if counted {
            self.issuer.record_call(self.now);
        }
        counted
    }

    pub(super) fn attempt_ended(&mut self, number: u32, outcome: Outcome) {
        let Some(attempt) = self.s.attempt.filter(|attempt| attempt.number == number) else {
            return self.late(outcome);
        };
        self.s.attempt = None;
        (self.by_person, self.spent) = (attempt.by_person, attempt.requests);
        match (attempt.kind, outcome) {
            (AttemptKind::Probe(purpose), Outcome::Probe(found)) => self.probed(purpose, found),
            (AttemptKind::Refresh, Outcome::Refresh(found)) => self.refreshed(attempt, found),
            (AttemptKind::Reauthenticate, Outcome::Reauthentication(found)) => self.reauthenticated(attempt, found),
            (AttemptKind::Rediscover, Outcome::Rediscovered { changed }) => self.rediscovered(changed),
            _ => self.attempt_overdue(attempt),
        }
    }

    /// No outcome came in time: as if the answer had been lost.
    pub(super) fn attempt_overdue(&mut self, attempt: Attempt) {
        self.s.attempt = None;
        (self.by_person, self.spent) = (attempt.by_person, attempt.requests);
        let lost = TokenOutcome::Transient { retry_after: None, lost: true };
        match attempt.kind {
            AttemptKind::OpenVault => self.open_vault(),
            AttemptKind::Probe(purpose) => self.probed(purpose, ProbeOutcome::Silent),
            AttemptKind::Refresh => self.refreshed(attempt, lost),
            AttemptKind::Reauthenticate => self.reauthenticated(attempt, lost),
            AttemptKind::Rediscover => self.rediscovered(false),
        }
    }

    /// An attempt that nobody waits for any more has ended. Newer credentials are never thrown away, and somebody else's
    /// name is never overlooked.
    fn late(&mut self, outcome: Outcome) {
        use TokenOutcome as T;
        match outcome {
            Outcome::Refresh(T::Renewed(new) | T::Adopted(new))
            | Outcome::Reauthentication(T::Renewed(new) | T::Adopted(new)) => self.adopt_late(new),
            Outcome::Refresh(T::Foreign) | Outcome::Reauthentication(T::Foreign) => {
                self.foreign(ForeignBy::TokenResponse);
            }
            Outcome::Probe(ProbeOutcome::Foreign) => self.foreign(ForeignBy::Probe),
            _ => {}
        }
    }

    fn adopt_late(&mut self, new: NewGeneration) {
        if self.is_newer(new) {
            self.s.attempt = None;
            self.renewed(new, Code::EvidenceRenewed);
        }
    }
}
