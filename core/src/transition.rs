//! `match (state, event)`: the diagram of `core/README.md`, arm by arm.

use alloc::vec::Vec;
use core::time::Duration;

use crate::{
    Code, Connectivity, Effect, Event, ForeignBy, Generation, HoldCause, IdentityProof, IssuerPacing, LockReason,
    NewGeneration, Note, Opened, Permission, Rejection, RejectionClass, Restored, Session, SignInReason, Signal,
    SignedOutReason, State, Target, Timestamp,
    pacing::{FRESH_TOKEN_AGE, KEEP_IN_SIGN_IN_REQUIRED, LONGEST_RETRY_AFTER, LONGEST_SPREAD, SPREAD_WHEN_WAITING},
    rng::Rng,
    session::{Episode, Held, Plan, Previous, RefreshStanding, Standing, Task},
};

/// How often an unreadable vault is tried before it is moved aside.
const OPEN_TRIES: u8 = 3;
/// Longest time between two tries to open a locked vault.
const OPEN_PAUSE: Duration = Duration::from_secs(30);
/// Time between two tries to store credentials that live in memory only.
const SAVE_PAUSE: Duration = Duration::from_secs(10);
/// A healthy status document counts when it is healthy again after this time.
const HEALTHY_TWICE: Duration = Duration::from_secs(30);

/// One step in the making: the session, what it wants done, and the moment.
pub(crate) struct Transition<'a> {
    pub(crate) s: &'a mut Session,
    pub(crate) issuer: &'a mut IssuerPacing,
    pub(crate) now: Timestamp,
    pub(crate) rng: Rng,
    pub(crate) effects: Vec<Effect>,
    /// A person asked for this: exempt from spread and gaps.
    pub(crate) by_person: bool,
}

impl<'a> Transition<'a> {
    pub(crate) const fn new(s: &'a mut Session, issuer: &'a mut IssuerPacing, now: Timestamp, rng: Rng) -> Self {
        Self { s, issuer, now, rng, effects: Vec::new(), by_person: false }
    }

    /// Every event in every state.
    pub(crate) fn on(&mut self, event: Event) {
        use Event as E;
        use State as S;
        match (self.s.memory.state, event) {
            (S::SignedOut { .. }, E::SignOut(_)) => {}
            (_, E::SignOut(reason)) => self.sign_out(reason),
            (_, E::SignedIn(new)) => self.signed_in(new),
            (S::Starting | S::Locked { .. }, E::VaultOpened(opened)) => self.vault_opened(opened),
            (S::Starting | S::Locked { .. }, E::Tick | E::TryNow) => self.try_to_open(),
            (S::Starting | S::Locked { .. }, _) => {}
            (_, E::GenerationFound(new)) => self.generation_found(new),
            (S::SignedOut { .. }, _) => {}

            (S::Quarantined { .. }, E::ForeignIdentity(_)) | (_, E::VaultOpened(_)) => {}
            (_, E::ForeignIdentity(by)) => self.quarantine(by),
            (_, E::AttemptEnded { attempt, outcome }) => self.attempt_ended(attempt, outcome),
            (_, E::Saved { generation }) => self.saved(generation),
            (_, E::NetworkChanged { online }) => self.network_changed(online),
            (state, E::StatusRead { healthy, spread }) => self.status_read(state, healthy, spread),
            (_, E::Signal(signal)) => self.signal(signal),

            (state, E::Rejected(rejection)) => self.rejected(state, rejection),
            (state, E::Accepted { generation }) => self.accepted(state, generation),

            (S::SignedIn { .. }, E::CallWaiting) => self.renew_for_caller(),
            (S::Recovering { .. }, E::CallWaiting) => self.hurry(),
            (_, E::CallWaiting) => {}

            (S::SignedIn { .. }, E::TryNow) => self.renew(),
            (S::Recovering { .. } | S::Holding { .. }, E::TryNow) => self.gather_for_person(),
            (S::SignInRequired { .. } | S::Quarantined { .. }, E::TryNow) => self.retest_kept(),

            (state, E::Tick) => self.tick(state),
        }
    }

    // ---- small words -------------------------------------------------------------------------------------------

    pub(crate) fn enter(&mut self, state: State) {
        self.s.memory.state = state;
    }

    pub(crate) fn note(&mut self, code: Code) {
        let generation = self.s.generation();
        self.effects.push(Effect::Note(Note { at: self.now, code, generation, until: None }));
    }

    pub(crate) fn note_wait(&mut self, code: Code, until: Timestamp) {
        let generation = self.s.generation();
        self.effects.push(Effect::Note(Note { at: self.now, code, generation, until: Some(until) }));
    }

    pub(crate) fn plan(&mut self, at: Timestamp, task: Task) {
        self.s.memory.plan = Some(Plan { at: at.max(self.now), task });
    }

    pub(crate) fn episode(&mut self) -> &mut Episode {
        let now = self.now;
        self.s.memory.episode.get_or_insert(Episode::starting(now))
    }

    // ---- the vault ---------------------------------------------------------------------------------------------

    fn try_to_open(&mut self) {
        let overdue = self.s.attempt.is_some_and(|attempt| attempt.deadline <= self.now);
        let planned = self.s.memory.plan.is_some_and(|plan| plan.at <= self.now);
        if overdue || (self.s.attempt.is_none() && planned) {
            self.open_vault();
        }
    }

    fn vault_opened(&mut self, opened: Opened) {
        self.s.attempt = None;
        match opened {
            Opened::Empty => self.enter(State::SignedOut { reason: SignedOutReason::NeverSignedIn }),
            Opened::SignedOut(reason) => self.enter(State::SignedOut { reason }),
            Opened::Value(restored) => self.restored(*restored),
            Opened::Locked(reason) => self.locked(reason),
            Opened::Unreadable => self.unreadable(),
            Opened::MovedAside => self.sign_in_required(SignInReason::VaultMovedAside),
        }
    }

    fn unreadable(&mut self) {
        self.s.open_tries = self.s.open_tries.saturating_add(1);
        if self.s.open_tries < OPEN_TRIES {
            let pause = self.rng.between(Duration::from_millis(100), Duration::from_secs(1));
            self.plan(self.now.plus(pause), Task::OpenVault);
        } else {
            self.s.open_tries = 0;
            self.effects.push(Effect::SetVaultAside);
            self.plan(self.now.plus(OPEN_PAUSE), Task::OpenVault);
        }
    }

    fn locked(&mut self, reason: LockReason) {
        self.enter(State::Locked { reason });
        let doublings = u32::from(self.s.open_tries.min(5));
        self.s.open_tries = self.s.open_tries.saturating_add(1);
        let pause = (Duration::from_secs(1) * (1 << doublings)).min(OPEN_PAUSE);
        self.plan(self.now.plus(pause), Task::OpenVault);
    }

    /// Goes on where the last run stopped. The vault is right about credentials, the snapshot about everything else.
    fn restored(&mut self, restored: Restored) {
        self.s.open_tries = 0;
        let new = restored.credentials;
        let mut known = None;
        if let Some(snapshot) = restored.snapshot {
            let gap = self.now.since(snapshot.taken_at);
            self.s.memory = snapshot.memory;
            known = snapshot.memory.held.filter(|held| held.generation == new.generation);
            if let State::SignInRequired { reason, since } = self.s.memory.state
                && !restored.gap_is_certain
            {
                self.enter(State::SignInRequired { reason, since: since.plus(gap) });
            }
        }
        let is_known = known.is_some();
        let mut held = known.unwrap_or_else(|| Held::from_new(new, self.now, &mut self.rng));
        held.saved = true;
        held.intent_open = restored.intent == Some(held.generation);
        self.s.memory.held = Some(held);
        if self.s.previous_generation() != restored.previous {
            let access = None;
            self.s.memory.previous = restored.previous.map(|generation| Previous { generation, access });
        }
        let resumes = is_known
            && !matches!(self.s.memory.state, State::Starting | State::Locked { .. } | State::SignedOut { .. });
        if !resumes {
            self.enter(State::SignedIn { connectivity: Connectivity::Online });
            self.plan_renewal();
        }
        self.resume(held);
    }

    /// Re-plans what was in flight or badly timed when the last run stopped. Nothing waits longer than its kind may.
    fn resume(&mut self, held: Held) {
        let latest = self.now.plus(LONGEST_RETRY_AFTER);
        let in_flight_or_far = |plan: Option<Plan>| plan.is_none_or(|plan| plan.at > latest);
        self.s.memory.retest_at = self.s.memory.retest_at.map(|at| at.min(latest));
        let crashed_in_refresh = held.intent_open && held.refresh == RefreshStanding::Usable;
        match self.s.memory.state {
            State::SignedIn { .. } if crashed_in_refresh => self.plan(self.now, Task::Renew),
            State::SignedIn { .. } => self.plan_renewal(),
            State::Recovering { .. } => {
                self.episode().refreshed &= !crashed_in_refresh;
                self.episode().spread |= crashed_in_refresh;
                let task = if held.usable_access(self.now) { Task::Confirm } else { Task::Climb };
                let waits = self.s.memory.plan.filter(|plan| plan.at > self.now && plan.at <= latest);
                if waits.is_none_or(|_| crashed_in_refresh) {
                    self.plan(self.now, task);
                }
            }
            State::Holding { cause, retry_at } => {
                let at = if crashed_in_refresh { self.now } else { retry_at.min(latest) };
                self.enter(State::Holding { cause, retry_at: at });
                self.plan(at, Task::Retry);
            }
            State::SignInRequired { .. } | State::Quarantined { .. } if in_flight_or_far(self.s.memory.plan) => {
                self.plan(self.now, Task::Retest);
            }
            _ => {}
        }
    }

    // ---- coming and going --------------------------------------------------------------------------------------

    fn sign_out(&mut self, reason: SignedOutReason) {
        let permission = match reason {
            SignedOutReason::AccountRemoved => Permission::AccountRemoved,
            SignedOutReason::Reset => Permission::Reset,
            _ => Permission::SignOut,
        };
        let elsewhere = matches!(reason, SignedOutReason::OtherProcess | SignedOutReason::NeverSignedIn);
        self.withdraw_prompt();
        if !elsewhere {
            if let Some(held) = self.s.memory.held.filter(|held| held.refresh != RefreshStanding::Absent) {
                self.effects.push(Effect::QueueRevocation { generation: held.generation });
            }
            self.destroy(Target::Everything, permission);
        }
        self.forget();
        self.enter(State::SignedOut { reason });
    }

    /// Leaves nothing of the account in memory.
    fn forget(&mut self) {
        let memory = &mut self.s.memory;
        (memory.held, memory.previous, memory.episode) = (None, None, None);
        (memory.plan, memory.retest_at, memory.retests, memory.refreshed_at) = (None, None, None, None);
        memory.flaps = Default::default();
        memory.verified = 0;
        self.s.attempt = None;
        self.s.save_at = None;
        self.s.call_waiting = false;
        self.s.healthy_since = None;
    }

    pub(crate) fn destroy(&mut self, target: Target, allowed_by: Permission) {
        self.note(allowed_by.code());
        self.effects.push(Effect::Destroy { target, allowed_by });
    }

    /// A person signed in as the pinned identity. What was kept stays until the new token was accepted.
    fn signed_in(&mut self, new: NewGeneration) {
        if self.s.generation().is_some_and(|held| new.generation <= held) {
            return;
        }
        self.install(new);
        self.withdraw_prompt();
        self.s.attempt = None;
        (self.s.memory.retest_at, self.s.memory.retests) = (None, None);
        self.enter(State::SignedIn { connectivity: Connectivity::Online });
        if self.s.memory.episode.is_some() {
            self.plan_confirm();
        } else {
            self.plan_renewal();
        }
    }

    fn generation_found(&mut self, new: NewGeneration) {
        let newer = self.s.generation().is_none_or(|held| new.generation > held);
        if newer {
            self.note(Code::EvidenceAdopted);
            self.signed_in(new);
        }
    }

    /// Puts a newer generation in the place of the one held, which stays as the previous one.
    pub(crate) fn install(&mut self, new: NewGeneration) {
        let old = self.s.memory.held.take();
        if let Some(old) = old {
            let kept = self.s.memory.previous.is_some();
            // The oldest kept generation stays the "previous" one until something newer was accepted.
            if !kept {
                self.s.memory.previous = Some(Previous { generation: old.generation, access: old.access });
            }
        }
        self.s.memory.held = Some(Held::from_new(new, self.now, &mut self.rng));
        self.s.memory.unreasoned = Default::default();
        self.s.save_at = (!new.saved).then(|| self.now.plus(SAVE_PAUSE));
    }

    fn saved(&mut self, generation: Generation) {
        if let Some(held) = self.s.memory.held.as_mut().filter(|held| held.generation == generation) {
            held.saved = true;
            self.s.save_at = None;
        }
    }

    // ---- what servers say --------------------------------------------------------------------------------------

    fn rejected(&mut self, state: State, rejection: Rejection) {
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
        if rejection.generation != held.generation {
            return self.rejected_older(rejection.generation);
        }
        let Some(access) = held.access.filter(|access| access.standing != Standing::Rejected) else { return };
        let is_fresh = self.now.since(access.received_at) < FRESH_TOKEN_AGE;
        let flapping = matches!(state, State::Holding { cause: HoldCause::Flapping, .. });
        if flapping || matches!(state, State::Quarantined { .. }) {
            return;
        }
        self.note(evidence);
        self.set_standing(Standing::Rejected);
        let new_episode = matches!(state, State::SignedIn { .. });
        if new_episode {
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
            // A replayed call found that the new token is rejected too: the confirming probe has the last word.
            State::Recovering { .. } if self.s.attempt.is_none() => self.confirm(),
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

    pub(crate) fn set_standing(&mut self, standing: Standing) {
        if let Some(access) = self.s.memory.held.as_mut().and_then(|held| held.access.as_mut()) {
            access.standing = standing;
        }
    }

    fn notice(&mut self, code: Code) {
        self.note(code);
        self.effects.push(Effect::Notice(code));
    }

    /// A protected path accepted the token. A rejected token is cleared by the probe only: this answer may be older than the "no".
    fn accepted(&mut self, state: State, generation: Generation) {
        let held = self.s.memory.held.filter(|held| held.generation == generation);
        let Some(access) = held.and_then(|held| held.access) else { return };
        let hold = matches!(state, State::Holding { .. } | State::Quarantined { .. });
        if access.standing == Standing::Rejected || hold || held.is_some_and(|h| !h.usable_access(self.now)) {
            return;
        }
        let first = access.standing == Standing::Untested;
        self.set_standing(Standing::Accepted);
        if first {
            self.note(Code::EvidenceAccepted);
            self.drop_superseded();
        }
        if self.s.memory.episode.is_some() {
            self.end_episode(Code::VerdictTokenStale);
        } else if state == (State::SignedIn { connectivity: Connectivity::Offline }) {
            self.enter(State::SignedIn { connectivity: Connectivity::Online });
        }
    }

    /// The newest generation was accepted: what it superseded may go (P2).
    pub(crate) fn drop_superseded(&mut self) {
        if let (Some(_), Some(held)) = (self.s.memory.previous, self.s.memory.held) {
            self.s.memory.previous = None;
            self.destroy(Target::Before(held.generation), Permission::Superseded);
        }
    }

    fn network_changed(&mut self, online: bool) {
        let came_back = online && !self.s.network;
        self.s.network = online;
        let idle = self.s.attempt.is_none();
        match self.s.memory.state {
            State::SignedIn { .. } if !online => {
                self.enter(State::SignedIn { connectivity: Connectivity::Offline });
            }
            State::SignedIn { .. } if came_back => {
                self.enter(State::SignedIn { connectivity: Connectivity::Online });
                if idle {
                    self.plan_renewal();
                }
            }
            State::Holding { cause: HoldCause::NoNetwork, .. } if came_back && idle => {
                let soon = self.issuer.earliest(self.now).plus(self.rng.up_to(SPREAD_WHEN_WAITING));
                self.hold_until(HoldCause::NoNetwork, soon);
            }
            _ => {}
        }
    }

    fn status_read(&mut self, state: State, healthy: Option<bool>, spread: Option<Duration>) {
        if spread.is_some() {
            self.s.hint = spread.map(|spread| spread.min(LONGEST_SPREAD) * 6 / 5);
        }
        let State::Holding { cause, .. } = state else { return };
        match (healthy, self.s.healthy_since) {
            (Some(true), Some(since)) if self.now.since(since) >= HEALTHY_TWICE => {
                self.s.healthy_since = None;
                self.note(Code::EvidenceRecovered);
                let at = self.issuer.earliest(self.now).plus(self.draw_spread());
                self.hold_until(cause, at);
            }
            (Some(true), None) => {
                self.s.healthy_since = Some(self.now);
                let again = self.now.plus(HEALTHY_TWICE);
                self.s.memory.retest_at = Some(self.s.memory.retest_at.map_or(again, |at| at.min(again)));
            }
            (Some(false), _) => self.s.healthy_since = None,
            _ => {}
        }
    }

    fn signal(&mut self, signal: Signal) {
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

    pub(crate) fn quarantine(&mut self, by: ForeignBy) {
        self.note(by.code());
        self.note(Code::VerdictForeign);
        self.withdraw_prompt();
        // Somebody else's credentials may sit in the newest place, if nothing named their owner when they came.
        if let Some(held) = self.s.memory.held.filter(|held| held.identity == IdentityProof::Unverified) {
            self.destroy(Target::Generation(held.generation), Permission::Foreign);
            self.s.memory.held = self.s.memory.previous.take().map(|previous| Held {
                generation: previous.generation,
                access: previous.access,
                refresh: RefreshStanding::Void,
                intent_open: false,
                identity: IdentityProof::Verified,
                saved: true,
            });
        }
        self.s.attempt = None;
        (self.s.memory.retest_at, self.s.memory.verified) = (None, 0);
        self.enter(State::Quarantined { incident: by, since: self.now });
        self.plan_verification();
    }

    // ---- time --------------------------------------------------------------------------------------------------

    fn tick(&mut self, state: State) {
        if self.s.save_at.is_some_and(|at| at <= self.now)
            && let Some(held) = self.s.memory.held
        {
            self.s.save_at = Some(self.now.plus(SAVE_PAUSE));
            self.effects.push(Effect::Save { generation: held.generation });
        }
        if let State::SignInRequired { since, .. } = state
            && self.s.memory.held.is_some()
            && self.now.since(since) >= KEEP_IN_SIGN_IN_REQUIRED
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

    fn limit_reached(&mut self) {
        self.destroy(Target::KeptCredentials, Permission::Limit);
        (self.s.memory.held, self.s.memory.previous, self.s.memory.plan) = (None, None, None);
        self.s.attempt = None;
    }
}
