//! The vault: opened, locked, unreadable, and what goes on after a restart.

use core::time::Duration;

use super::Transition;
use crate::{
    Connectivity, Effect, LockReason, Opened, Restored, SignInReason, SignedOutReason, State,
    attempt::AttemptKind,
    memory::{Held, Plan, Previous, RefreshStanding, Task},
    pacing::LONGEST_RETRY_AFTER,
};

/// How often an unreadable vault is tried before it is moved aside.
const OPEN_TRIES: u8 = 3;
/// Longest time between two tries to open a locked vault.
const OPEN_PAUSE: Duration = Duration::from_secs(30);

impl Transition<'_> {
    pub(super) fn open_vault(&mut self) {
        self.s.memory.plan = None;
        self.begin(AttemptKind::OpenVault, 15, false);
        self.effects.push(Effect::OpenVault);
    }

    pub(super) fn try_to_open(&mut self) {
        let overdue = self.s.attempt.is_some_and(|attempt| attempt.deadline <= self.now);
        let planned = self.s.memory.plan.is_some_and(|plan| plan.at <= self.now);
        if overdue || (self.s.attempt.is_none() && planned) {
            self.open_vault();
        }
    }

    pub(super) fn vault_opened(&mut self, opened: Opened) {
        self.s.attempt = None;
        match opened {
            Opened::Empty => self.enter(State::SignedOut { reason: SignedOutReason::NeverSignedIn }),
            Opened::SignedOut(reason) => self.enter(State::SignedOut { reason }),
            Opened::Value(restored) => self.restored(*restored),
            Opened::NothingKept => self.sign_in_required(SignInReason::NothingToRenewWith),
            Opened::Locked(reason) => self.locked(reason),
            Opened::Unreadable => self.unreadable(),
            Opened::MovedAside => self.sign_in_required(SignInReason::VaultMovedAside),
            Opened::Emptied(_) => self.sign_in_required(SignInReason::NothingToRenewWith),
        }
    }

    pub(super) fn unreadable(&mut self) {
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

    pub(super) fn locked(&mut self, reason: LockReason) {
        self.enter(State::Locked { reason });
        let doublings = u32::from(self.s.open_tries.min(5));
        self.s.open_tries = self.s.open_tries.saturating_add(1);
        let pause = (Duration::from_secs(1) * (1 << doublings)).min(OPEN_PAUSE);
        self.plan(self.now.plus(pause), Task::OpenVault);
    }

    /// Goes on where the last run stopped. The vault is right about credentials, the snapshot about everything else.
    pub(super) fn restored(&mut self, restored: Restored) {
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
    pub(super) fn resume(&mut self, held: Held) {
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
}
