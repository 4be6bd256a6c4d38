//! Credentials come and go: sign-in, sign-out, newer generations, and the end of what they supersede.

use core::time::Duration;

use super::Transition;
use crate::{
    Code, Connectivity, Effect, Generation, NewGeneration, Permission, SignedOutReason, State, Target,
    memory::{Held, Memory, Previous, RefreshStanding, Standing},
    pacing::{HOURLY, LEAST_LIFE},
};

/// Time between two tries to store credentials that live in memory only.
const SAVE_PAUSE: Duration = Duration::from_secs(10);

impl Transition<'_> {
    // ---- coming ------------------------------------------------------------------------------------------------

    /// A person signed in. What was kept stays until the new token was accepted.
    pub(super) fn signed_in(&mut self, new: NewGeneration) {
        match self.s.memory.state {
            State::Holding { .. } if mutant!(HoldingRefusesSignIn) => return,
            State::Locked { .. } if mutant!(LockedRefusesSignIn) => return,
            _ if mutant!(SignInDestroysKept) => {
                self.destroy(Target::Before(new.generation), Permission::Superseded);
            }
            _ => {}
        }
        if self.is_newer(new) {
            self.s.memory.sign_ins.signed_in(self.now);
            self.take_up(new);
            match self.s.memory.state {
                State::Quarantined { .. } => self.signed_in_while_quarantined(new),
                _ => self.go_on_with_new(),
            }
        }
    }

    /// Another process renewed, or its user signed in.
    pub(super) fn generation_found(&mut self, new: NewGeneration) {
        if self.is_newer(new) {
            self.note(Code::EvidenceAdopted);
            self.take_up(new);
            match self.s.memory.state {
                State::Quarantined { .. } => self.verify_new(new),
                _ => self.go_on_with_new(),
            }
        }
    }

    /// One more access token came, and with it a newer generation and perhaps another refresh token; the session's own
    /// access token stays, with its age and its standing.
    pub(super) fn extended(&mut self, new: NewGeneration) {
        if !self.is_newer(new) {
            return;
        }
        if let Some(old) = self.s.memory.held {
            let Held { generation, access, identity, saved, .. } = old;
            self.s.memory.previous.get_or_insert(Previous { generation, access, identity, saved });
            let refresh = if new.has_refresh_token { RefreshStanding::Usable } else { RefreshStanding::Absent };
            let extended = Held { generation: new.generation, refresh, intent_open: false, saved: new.saved, ..old };
            self.s.memory.held = Some(extended);
            self.s.save_at = (!new.saved).then(|| self.now.plus(SAVE_PAUSE));
        }
    }

    pub(super) fn is_newer(&self, new: NewGeneration) -> bool {
        self.s.generation().is_none_or(|held| new.generation > held)
    }

    /// Whatever was being asked about older credentials no longer matters, nor what was refused to them.
    fn take_up(&mut self, new: NewGeneration) {
        self.install(new);
        (self.s.attempt, self.s.without_scope) = (None, false);
        self.forget_refusals();
    }

    /// What was refused to older credentials says nothing about newer ones.
    pub(super) fn forget_refusals(&mut self) {
        self.s.memory.unreasoned = Default::default();
        if let Some(episode) = self.s.memory.episode.as_mut() {
            (episode.revoked, episode.reauthenticated, episode.reauthentication_refused) = (false, false, false);
        }
    }

    /// A refusal is terminal in its own episode. When that has ended with the old token accepted, the server may have been
    /// wrong about its refresh token as well: it is tried again when the access token nears its end, though not within the
    /// hour unless that comes first. One that may have been rotated meanwhile is never shown again.
    pub(super) fn forgive_refusal(&mut self) {
        let again = self.s.memory.refreshed_at.map_or(self.now, |at| at.plus(HOURLY));
        let refused = |held: &&mut Held| held.refresh == RefreshStanding::Refused && !held.intent_open;
        if let Some(held) = self.s.memory.held.as_mut().filter(refused) {
            held.refresh = RefreshStanding::Usable;
            if let Some(access) = held.access.as_mut() {
                access.renew_at = access.renew_at.max(again.min(access.expires_at));
            }
        }
    }

    pub(super) fn go_on_with_new(&mut self) {
        self.withdraw_prompt();
        self.enter(State::SignedIn { connectivity: Connectivity::Online });
        if self.s.memory.episode.is_some() {
            self.plan_confirm();
        } else {
            self.plan_renewal();
        }
    }

    /// Puts a newer generation in the place of the one held. The last one known to be good stays as the previous one.
    pub(super) fn install(&mut self, new: NewGeneration) {
        let lives_for = new.lives_for.map(|life| life.max(LEAST_LIFE));
        let held = Held::from_new(NewGeneration { lives_for, ..new }, self.now, &mut self.rng);
        let memory = &mut self.s.memory;
        if let Some(old) = memory.held.replace(held) {
            let Held { generation, access, identity, saved, .. } = old;
            memory.previous.get_or_insert(Previous { generation, access, identity, saved });
        }
        memory.unreasoned = Default::default();
        self.s.save_at = (!new.saved).then(|| self.now.plus(SAVE_PAUSE));
    }

    pub(super) fn saved(&mut self, generation: Generation) {
        if let Some(held) = self.s.memory.held.as_mut().filter(|held| held.generation == generation) {
            held.saved = true;
            self.s.save_at = None;
            self.drop_superseded();
        }
    }

    /// Asks for another try to store what lives in memory only.
    pub(super) fn save_again(&mut self) {
        if let (Some(at), Some(generation)) = (self.s.save_at, self.s.generation())
            && at <= self.now
        {
            self.s.save_at = Some(self.now.plus(SAVE_PAUSE));
            self.effects.push(Effect::Save { generation });
        }
    }

    // ---- going -------------------------------------------------------------------------------------------------

    /// What the newest generation superseded may go once that is stored and was accepted (P2).
    pub(super) fn drop_superseded(&mut self) {
        let accepted = |held: &Held| {
            held.access.is_some_and(|access| access.standing == Standing::Accepted) || mutant!(DropsBeforeAcceptance)
        };
        let saved = |held: &Held| held.saved || mutant!(DropsBeforeStored);
        if let Some(held) = self.s.memory.held.filter(|held| saved(held) && accepted(held))
            && self.s.memory.previous.take().is_some()
        {
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
            let ours = |held: &Held| !matches!(held.refresh, RefreshStanding::Absent | RefreshStanding::Withheld);
            if let Some(held) = self.s.memory.held.filter(ours) {
                self.effects.push(Effect::QueueRevocation { generation: held.generation });
            }
            self.destroy(Target::Everything, permission);
        }
        self.forget();
        self.enter(State::SignedOut { reason });
    }

    /// Leaves nothing of the account in memory.
    fn forget(&mut self) {
        self.s.memory = Memory::starting();
        (self.s.attempt, self.s.save_at, self.s.healthy_since, self.s.untrue) = (None, None, None, 0);
        (self.s.call_waiting, self.s.without_scope) = (false, false);
    }

    /// 30 days in SignInRequired have passed. The state stays, a person can still sign in.
    pub(super) fn limit_reached(&mut self) {
        self.destroy(Target::KeptCredentials, Permission::Limit);
        let memory = &mut self.s.memory;
        (memory.held, memory.previous, memory.plan, memory.retests) = (None, None, None, None);
        (self.s.attempt, self.s.save_at) = (None, None);
        if mutant!(LimitSignsOut) {
            self.enter(State::SignedOut { reason: SignedOutReason::App });
        }
    }

    pub(super) fn destroy(&mut self, target: Target, allowed_by: Permission) {
        self.note(allowed_by.code());
        self.effects.push(Effect::Destroy { target, allowed_by });
    }
}
