//! Credentials come and go: sign-in, sign-out, newer generations, and the end of what they supersede.

use core::time::Duration;

use super::Transition;
use crate::{
    Code, Connectivity, Effect, Generation, NewGeneration, Permission, SignedOutReason, State, Target,
    memory::{Held, Previous, RefreshStanding},
};

/// Time between two tries to store credentials that live in memory only.
const SAVE_PAUSE: Duration = Duration::from_secs(10);

impl Transition<'_> {
    /// A person signed in as the pinned identity. What was kept stays until the new token was accepted.
    pub(super) fn signed_in(&mut self, new: NewGeneration) {
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

    pub(super) fn generation_found(&mut self, new: NewGeneration) {
        let newer = self.s.generation().is_none_or(|held| new.generation > held);
        if newer {
            self.note(Code::EvidenceAdopted);
            self.signed_in(new);
        }
    }

    /// Puts a newer generation in the place of the one held, which stays as the previous one.
    pub(super) fn install(&mut self, new: NewGeneration) {
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

    pub(super) fn saved(&mut self, generation: Generation) {
        if let Some(held) = self.s.memory.held.as_mut().filter(|held| held.generation == generation) {
            held.saved = true;
            self.s.save_at = None;
        }
    }

    /// Asks for another try to store what lives in memory only.
    pub(super) fn save_again(&mut self) {
        if self.s.save_at.is_some_and(|at| at <= self.now)
            && let Some(held) = self.s.memory.held
        {
            self.s.save_at = Some(self.now.plus(SAVE_PAUSE));
            self.effects.push(Effect::Save { generation: held.generation });
        }
    }

    /// The newest generation was accepted: what it superseded may go (P2).
    pub(super) fn drop_superseded(&mut self) {
        if let (Some(_), Some(held)) = (self.s.memory.previous, self.s.memory.held) {
            self.s.memory.previous = None;
            self.destroy(Target::Before(held.generation), Permission::Superseded);
        }
    }

    pub(super) fn sign_out(&mut self, reason: SignedOutReason) {
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
    pub(super) fn forget(&mut self) {
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

    pub(super) fn limit_reached(&mut self) {
        self.destroy(Target::KeptCredentials, Permission::Limit);
        (self.s.memory.held, self.s.memory.previous, self.s.memory.plan) = (None, None, None);
        self.s.attempt = None;
    }

    pub(super) fn destroy(&mut self, target: Target, allowed_by: Permission) {
        self.note(allowed_by.code());
        self.effects.push(Effect::Destroy { target, allowed_by });
    }
}
