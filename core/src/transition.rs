//! `match (state, event)`: the diagram of `core/README.md`, arm by arm. What the arms do is in the folder beside.

mod attempts;
mod credentials;
mod evidence;
mod holding;
mod ladder;
mod opening;
mod probe_outcomes;
mod proof;
mod quarantine;
mod renewal;
mod retest;
mod token_outcomes;

use alloc::vec::Vec;
use core::mem::discriminant;

use crate::{
    Code, Effect, Event, IssuerPacing, Note, Policy, Session, State, Timestamp,
    memory::{Episode, Memory, Plan, Task},
    pacing::{KEEP_IN_SIGN_IN_REQUIRED, Taps},
    rng::Rng,
};

impl Session {
    /// A session whose vault is about to be read: perform the effects, and go on with [`step`](Self::step).
    #[must_use]
    pub fn start(policy: Policy, now: Timestamp) -> (Self, Vec<Effect>) {
        let mut session = Self {
            policy,
            memory: Memory::starting(),
            attempt: None,
            attempts: 0,
            bad_reads: 0,
            locked_reads: 0,
            call_waiting: false,
            without_scope: false,
            network: true,
            hint: None,
            healthy_since: None,
            untrue: 0,
            save_at: None,
            taps: Taps::default(),
            latest: now,
        };
        let mut issuer = IssuerPacing::default();
        let mut transition = Transition::new(&mut session, &mut issuer, now, Rng::new(0));
        transition.open_vault();
        let effects = transition.effects;
        (session, effects)
    }

    /// `(state, event, now, entropy) -> (state, effects)`: the whole of Mainstay's decisions.
    ///
    /// `issuer` is what all accounts of this issuer share. `entropy` is one random number, for jitter. A `now` earlier than
    /// one already seen counts as that one.
    pub fn step(&mut self, issuer: &mut IssuerPacing, event: Event, now: Timestamp, entropy: u64) -> Vec<Effect> {
        let now = now.max(self.latest);
        self.latest = now;
        let before = self.memory;
        issuer.mend(now);
        let mut transition = Transition::new(self, issuer, now, Rng::new(entropy));
        transition.on(event);
        let mut effects = transition.effects;
        let opened = !matches!(self.memory.state, State::Starting | State::Locked { .. });
        if opened && self.memory != before {
            effects.insert(0, Effect::Persist);
        }
        effects
    }
}

/// One step in the making: the session, what it wants done, and the moment.
struct Transition<'a> {
    s: &'a mut Session,
    issuer: &'a mut IssuerPacing,
    now: Timestamp,
    rng: Rng,
    effects: Vec<Effect>,
    /// A person asked for this: exempt from spread and gaps.
    by_person: bool,
    /// This renews a good token at its own time: no retry, whatever episode is open.
    in_peace: bool,
    /// How many token requests the attempt that has just ended made, with those before it.
    spent: u8,
}

impl<'a> Transition<'a> {
    const fn new(s: &'a mut Session, issuer: &'a mut IssuerPacing, now: Timestamp, rng: Rng) -> Self {
        Self { s, issuer, now, rng, effects: Vec::new(), by_person: false, in_peace: false, spent: 0 }
    }

    /// Every event in every state.
    fn on(&mut self, event: Event) {
        use Event as E;
        use State as S;
        match (self.s.memory.state, event) {
            (S::SignedOut { .. }, E::SignOut(_)) => {}
            (_, E::SignOut(reason)) => self.sign_out(reason),
            (_, E::SignedIn(new)) => self.signed_in(new),
            (S::Starting | S::Locked { .. }, E::VaultOpened(opened)) => self.vault_opened(opened),
            (S::Starting | S::Locked { .. }, E::Tick) => self.open_when_due(),
            (S::Starting | S::Locked { .. }, E::TryNow) => self.open_now(),
            (S::Starting | S::Locked { .. }, _) => {}
            (_, E::GenerationFound(new)) => self.generation_found(new),
            (S::SignedOut { .. }, _) => {}
            (_, E::Extended(new)) => self.extended(new),

            (S::Quarantined { .. }, E::ForeignIdentity(_)) | (_, E::VaultOpened(_)) => {}
            (_, E::ForeignIdentity(by)) => self.quarantine(by),
            (_, E::AttemptEnded { attempt, outcome }) => self.attempt_ended(attempt, outcome),
            (_, E::Saved { generation }) => self.saved(generation),
            (_, E::NetworkChanged { online }) => self.network_changed(online),
            (_, E::StatusRead { healthy, spread }) => self.status_read(healthy, spread),
            (_, E::Signal(signal)) => self.signal(signal),

            (state, E::Rejected(rejection)) => self.rejected(state, rejection),
            (state, E::Accepted { generation }) => self.accepted(state, generation),

            (S::SignedIn { .. }, E::CallWaiting) => self.renew_for_caller(),
            (S::Recovering { .. }, E::CallWaiting) => self.hurry(),
            (_, E::CallWaiting) => {}

            (S::SignedIn { .. }, E::RenewEarly) => self.renew_early(),
            (_, E::RenewEarly) => {}

            (S::SignedIn { .. }, E::TryNow) => self.renew_for_person(),
            (S::Recovering { .. } | S::Holding { .. }, E::TryNow) => self.gather_for_person(),
            (S::SignInRequired { .. } | S::Quarantined { .. }, E::TryNow) => self.retest_for_person(),

            (state, E::Tick) => self.tick(state),
        }
    }

    // ---- small words -------------------------------------------------------------------------------------------

    /// What belongs to a state is left behind with it.
    fn enter(&mut self, state: State) {
        let before = core::mem::replace(&mut self.s.memory.state, state);
        if discriminant(&before) != discriminant(&state) {
            let memory = &mut self.s.memory;
            (memory.plan, memory.retest_at, memory.retests) = (None, None, None);
            (self.s.healthy_since, self.s.untrue) = (None, 0);
            if let State::Holding { .. } = before {
                self.s.memory.dwell.leave(self.now);
            }
        }
    }

    fn note(&mut self, code: Code) {
        let generation = self.s.generation();
        self.effects.push(Effect::Note(Note { at: self.now, code, generation, until: None }));
    }

    fn note_wait(&mut self, code: Code, until: Timestamp) {
        let generation = self.s.generation();
        self.effects.push(Effect::Note(Note { at: self.now, code, generation, until: Some(until) }));
    }

    fn plan(&mut self, at: Timestamp, task: Task) {
        self.s.memory.plan = Some(Plan { at: at.max(self.now), task });
    }

    fn episode(&mut self) -> &mut Episode {
        let now = self.now;
        self.s.memory.episode.get_or_insert(Episode::starting(now))
    }

    // ---- time --------------------------------------------------------------------------------------------------

    fn tick(&mut self, state: State) {
        self.save_again();
        let limit = if mutant!(LimitOfADay) { KEEP_IN_SIGN_IN_REQUIRED / 30 } else { KEEP_IN_SIGN_IN_REQUIRED };
        if let State::SignInRequired { since, .. } = state
            && self.s.memory.held.is_some()
            && self.now.since(since) >= limit
        {
            return self.limit_reached();
        }
        if let Some(attempt) = self.s.attempt {
            return if attempt.deadline <= self.now {
                self.attempt_overdue(attempt)
            };
        }
        if let Some(plan) = self.s.memory.plan.filter(|plan| plan.at <= self.now) {
            self.s.memory.plan = None;
            return self.perform(plan.task);
        }
        if self.s.memory.retest_at.is_some_and(|at| at <= self.now) {
            self.retest_while_holding();
        }
    }

    fn perform(&mut self, task: Task) {
        match task {
            Task::OpenVault => self.open_vault(),
            Task::Renew => self.renew(),
            Task::Climb => self.climb(),
            Task::Confirm => self.confirm(),
            Task::Retry => self.gather_again(),
            Task::Retest => self.retest_kept(),
        }
    }
}
