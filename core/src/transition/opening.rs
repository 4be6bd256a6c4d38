//! The vault: opened, locked, unreadable, and what goes on after a restart.

use core::time::Duration;

use super::Transition;
use crate::{
    Connectivity, Effect, LockReason, NewGeneration, Opened, Restored, SNAPSHOT_VERSION, SignInReason, SignedOutReason,
    State,
    attempt::AttemptKind,
    memory::{Held, Previous, RefreshStanding, Task},
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

    pub(super) fn open_when_due(&mut self) {
        let overdue = self.s.attempt.is_some_and(|attempt| attempt.deadline <= self.now);
        let planned = self.s.memory.plan.is_some_and(|plan| plan.at <= self.now);
        if overdue || (self.s.attempt.is_none() && planned) {
            self.open_vault();
        }
    }

    /// A person asked for it.
    pub(super) fn open_now(&mut self) {
        if self.s.attempt.is_none() {
            self.open_vault();
        }
    }

    pub(super) fn vault_opened(&mut self, opened: Opened) {
        (self.s.attempt, self.s.memory.plan) = (None, None);
        match opened {
            Opened::Empty => self.enter(State::SignedOut { reason: SignedOutReason::NeverSignedIn }),
            Opened::SignedOut(reason) => self.enter(State::SignedOut { reason }),
            Opened::Value(restored) => self.restored(*restored),
            Opened::NothingKept => self.nothing_kept(),
            Opened::Locked(reason) => self.locked(reason),
            Opened::Unreadable => self.unreadable(),
            Opened::MovedAside => self.sign_in_required(SignInReason::VaultMovedAside),
        }
    }

    /// One bad read proves nothing. After three the vault is moved aside, so that a person can sign in.
    fn unreadable(&mut self) {
        self.s.bad_reads = self.s.bad_reads.saturating_add(1);
        if self.s.bad_reads < OPEN_TRIES || mutant!(NeverMovesAside) {
            let pause = self.rng.between(Duration::from_millis(100), Duration::from_secs(1));
            return self.plan(self.now.plus(pause), Task::OpenVault);
        }
        self.s.bad_reads = 0;
        self.enter(State::Locked { reason: LockReason::Unreadable });
        self.effects.push(Effect::SetVaultAside);
        self.plan(self.now.plus(OPEN_PAUSE), Task::OpenVault);
    }

    fn locked(&mut self, reason: LockReason) {
        if mutant!(LockedAsksAPerson) {
            return self.sign_in_required(SignInReason::VaultMovedAside);
        }
        self.enter(State::Locked { reason });
        let doublings = u32::from(self.s.locked_reads.min(5));
        self.s.locked_reads = self.s.locked_reads.saturating_add(1);
        let pause = (Duration::from_secs(1) * (1 << doublings)).min(OPEN_PAUSE);
        if mutant!(LockedForGood) {
            return;
        }
        self.plan(self.now.plus(pause), Task::OpenVault);
    }

    // ---- a restart ---------------------------------------------------------------------------------------------

    /// Goes on where the last run stopped. The vault is right about credentials, the snapshot about everything else.
    fn restored(&mut self, restored: Restored) {
        let new = restored.credentials;
        if let Some(snapshot) = restored.snapshot.filter(|snapshot| snapshot.version == SNAPSHOT_VERSION) {
            self.s.memory = snapshot.memory_at(self.now, restored.gap_is_certain);
        }
        let known = self.s.memory.held.filter(|held| held.generation == new.generation);
        let mut held = known.unwrap_or_else(|| self.remembered_as_previous(new));
        held.saved = true;
        // The proof may have reached the vault and not the snapshot.
        held.prove(new.identity);
        // The vault knows whether the token left; the snapshot, that it was refused and may have been rotated before.
        held.intent_open =
            restored.intent == Some(held.generation) || (held.intent_open && held.refresh == RefreshStanding::Refused);
        held.access = held.access.filter(|_| new.lives_for.is_some()).map(|mut access| {
            // Two clocks remember the token's life; the shorter one wins.
            access.expires_at = access.expires_at.min(self.now.plus(new.lives_for.unwrap_or_default()));
            access
        });
        self.s.memory.held = Some(held);
        self.s.memory.previous = restored.previous.map(|generation| {
            let remembered = self.s.memory.previous.filter(|previous| previous.generation < held.generation);
            let unknown = Previous { generation, access: None, identity: held.identity, saved: true };
            remembered.map_or(unknown, |own| Previous { saved: own.saved || own.generation == generation, ..own })
        });
        match self.s.memory.state {
            State::Starting | State::Locked { .. } | State::SignedOut { .. } => self.begin_anew(),
            // Nothing that turns up in the vault ends a quarantine by itself.
            State::Quarantined { .. } if known.is_none() => self.s.memory.plan = None,
            _ if known.is_none() => self.begin_anew(),
            _ => {}
        }
        self.resume(held);
    }

    fn begin_anew(&mut self) {
        self.forget_refusals();
        self.enter(State::SignedIn { connectivity: Connectivity::Online });
    }

    /// What the vault holds is not what was newest: that was never stored, or another process was faster.
    fn remembered_as_previous(&mut self, new: NewGeneration) -> Held {
        let held = Held::from_new(new, self.now, &mut self.rng);
        let previous = self.s.memory.previous.filter(|previous| previous.generation == new.generation);
        previous.map_or(held, |Previous { access, identity, .. }| Held { access, identity, ..held })
    }

    /// The account is known, its credentials are gone: somebody has to sign in, and nobody ever signed out (P3, P10). The
    /// prompt was raised before the limit; what remains is the banner (P9).
    fn nothing_kept(&mut self) {
        if mutant!(ReadsAnEmptyShelfForEver) {
            return self.plan(self.now.plus(OPEN_PAUSE), Task::OpenVault);
        }
        if mutant!(EmptyShelfSignsOut) {
            return self.enter(State::SignedOut { reason: SignedOutReason::NeverSignedIn });
        }
        self.episode().prompted = true;
        self.sign_in_required(SignInReason::NothingToRenewWith);
    }

    pub(super) fn is_planned(&self, tasks: &[Task]) -> bool {
        self.s.memory.plan.is_some_and(|plan| tasks.contains(&plan.task))
    }

    /// Plans again what was in flight when the last run stopped: it counts as not done.
    fn resume(&mut self, held: Held) {
        let crashed_in_refresh = held.intent_open && held.refresh == RefreshStanding::Usable;
        if crashed_in_refresh {
            // Nobody knows what the server made of it. Further crashes are paced like failures.
            self.issuer.record_failure(self.now, None);
        }
        match self.s.memory.state {
            State::SignedIn { .. } if crashed_in_refresh => self.plan(self.now, Task::Renew),
            State::SignedIn { .. } => self.go_on_with_new(),
            State::Recovering { .. } => {
                let episode = self.episode();
                episode.refreshed = false;
                episode.reauthenticated = episode.reauthentication_refused;
                episode.spread |= crashed_in_refresh;
                let task = if held.may_be_good(self.now) { Task::Confirm } else { Task::Climb };
                if crashed_in_refresh || !self.is_planned(&[Task::Climb, Task::Confirm]) {
                    self.plan(self.now, task);
                }
            }
            State::Holding { cause, retry_at } => {
                let at = if crashed_in_refresh { self.now } else { retry_at };
                self.enter(State::Holding { cause, retry_at: at });
                self.plan(at, Task::Retry);
            }
            State::SignInRequired { .. } | State::Quarantined { .. } if !self.is_planned(&[Task::Retest]) => {
                self.plan(self.now, Task::Retest);
            }
            _ => {}
        }
    }
}
