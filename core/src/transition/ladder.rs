//! The ladder: already newer, same token on a new connection, refresh, silent re-authentication, a person.

use core::time::Duration;

use super::Transition;
use crate::{
    Code, Connectivity, Effect, HoldCause, ProbePurpose, SignInReason, State, Timestamp,
    memory::{RefreshStanding, Standing, Task},
    pacing::{REQUESTS_PER_GATHERING, Retests, SPREAD_IN_BACKGROUND, SPREAD_WHEN_WAITING},
};

/// A spread longer than this is no longer "recovering, seconds": the session holds, and says until when.
const LONGEST_RECOVERING: Duration = Duration::from_secs(300);

impl Transition<'_> {
    /// Opens an episode if there is none, with the budget of a new gathering. What was refused for good stays refused.
    pub(super) fn begin_gathering(&mut self) {
        let in_flight = self.s.attempt.filter(|attempt| attempt.is_token_request());
        let episode = self.episode();
        episode.probed = false;
        episode.refreshed = false;
        episode.reauthenticated = episode.reauthentication_refused;
        episode.fresh_rejected = false;
        episode.points_to_server = false;
        (episode.as_requests, episode.rs_requests) = (in_flight.map_or(0, |attempt| attempt.requests), 0);
    }

    /// The next rung that is left, cheapest first.
    pub(super) fn climb(&mut self) {
        if self.s.attempt.is_some() {
            return;
        }
        let Some(held) = self.s.memory.held else { return self.person() };
        let episode = *self.episode();
        if !episode.probed && self.s.can_probe_again(held, self.now) {
            self.episode().probed = true;
            self.note(Code::RungProbe);
            return self.start_probe(ProbePurpose::FreshConnection);
        }
        if episode.fresh_rejected {
            self.note(Code::VerdictFreshRejected);
            return self.hold(HoldCause::FreshTokensRejected);
        }
        let refresh = !episode.refreshed && held.refresh == RefreshStanding::Usable;
        let reauthenticate = !episode.reauthenticated && self.s.may_reauthenticate();
        if !refresh && !reauthenticate {
            return self.person();
        }
        if !episode.spread && !mutant!(SkipsTheSpread) {
            return self.spread();
        }
        if let Some(at) = self.must_wait_until(episode.as_requests) {
            return self.climb_at(at);
        }
        if refresh {
            self.note(Code::RungRefresh);
            self.episode().refreshed = true;
            self.start_refresh();
        } else {
            self.note(Code::RungReauthenticate);
            self.episode().reauthenticated = true;
            self.start_reauthentication();
        }
    }

    /// The issuer's pacing, which a second call of the same gathering only answers to by the hour. When the budget is
    /// spent, what is left of the ladder waits for a new gathering.
    fn must_wait_until(&mut self, spent: u8) -> Option<Timestamp> {
        let blocked = match spent {
            0 => self.issuer.earliest(self.now) > self.now,
            spent if spent < REQUESTS_PER_GATHERING => self.issuer.hour_is_full(self.now),
            _ => {
                self.note(Code::VerdictUnexplained);
                let episode = self.episode();
                (episode.as_requests, episode.rs_requests) = (0, 0);
                true
            }
        };
        (blocked && !self.by_person).then(|| self.issuer.next_attempt(self.now, &mut self.rng))
    }

    /// Goes on up the ladder later. Recovering is a matter of seconds; what takes longer is Holding, and says until when.
    /// While the access token is good, nobody need know.
    fn climb_at(&mut self, at: Timestamp) {
        let recovering = matches!(self.s.memory.state, State::Recovering { .. });
        let good_until = self.s.memory.held.and_then(|held| held.access).map(|access| access.expires_at);
        match good_until.filter(|_| self.renewal_may_wait()) {
            Some(good_until) => self.plan(at.min(good_until), Task::Climb),
            None if recovering && at.since(self.now) <= LONGEST_RECOVERING => self.plan(at, Task::Climb),
            None => self.hold_until(HoldCause::ServerTrouble, at),
        }
    }

    /// Waits a random time before the first automatic attempt, so that not all devices come at once.
    fn spread(&mut self) {
        self.episode().spread = true;
        let wait = self.draw_spread();
        let at = self.now.plus(wait).max(self.issuer.earliest(self.now));
        self.note_wait(Code::StepSpread, at);
        self.climb_at(at);
    }

    pub(super) fn draw_spread(&mut self) -> Duration {
        let unhinted = if self.s.call_waiting { SPREAD_WHEN_WAITING } else { SPREAD_IN_BACKGROUND };
        self.rng.up_to(self.s.hint.unwrap_or(unhinted))
    }

    /// A call waits now: an unhinted spread shrinks, once, however many calls wait.
    pub(super) fn hurry(&mut self) {
        let first = !core::mem::replace(&mut self.s.call_waiting, true);
        let spreading = self.s.memory.episode.is_some_and(|episode| episode.as_requests == 0);
        let planned = self.s.memory.plan.filter(|plan| plan.task == Task::Climb && self.s.attempt.is_none());
        if let Some(plan) = planned.filter(|_| first && spreading && self.s.hint.is_none()) {
            let sooner = self.now.plus(self.rng.up_to(SPREAD_WHEN_WAITING)).max(self.issuer.earliest(self.now));
            self.plan(sooner.min(plan.at), Task::Climb);
        }
    }

    /// Goes on without the rung that has just ended.
    pub(super) fn next_rung(&mut self) {
        match self.s.memory.state {
            State::SignInRequired { .. } | State::Quarantined { .. } => self.retest_by_reauthentication(),
            _ => {
                self.renewal_is_episode();
                self.climb();
            }
        }
    }

    /// A renewal that failed becomes an episode: it was the first request, and its time was drawn at random.
    pub(super) fn renewal_is_episode(&mut self) {
        if let State::SignedIn { .. } = self.s.memory.state {
            self.begin_gathering();
            let spent = self.spent.max(1);
            let episode = self.episode();
            (episode.probed, episode.refreshed, episode.spread) = (true, true, true);
            episode.as_requests = spent;
            if !self.s.memory.held.is_some_and(|held| held.usable_access(self.now)) {
                self.enter(State::Recovering { since: self.now });
            }
        }
    }

    /// Nothing is left but a person; unless the access token is good still, then not before it expires. Where nodes
    /// disagree, that has to be seen first.
    pub(super) fn person(&mut self) {
        if let Some(held) = self.s.memory.held.filter(|held| held.usable_access(self.now)) {
            if let State::Holding { cause: HoldCause::Flapping, .. } = self.s.memory.state {
                return self.hold(HoldCause::Flapping);
            }
            let expires_at = held.access.map_or(self.now, |access| access.expires_at);
            self.enter(State::SignedIn { connectivity: Connectivity::Online });
            return self.plan(expires_at, Task::Renew);
        }
        if let Some(pause) = self.asks_in_vain() {
            self.note(Code::VerdictFreshRejected);
            return self.hold_until(HoldCause::FreshTokensRejected, self.now.plus(pause));
        }
        let reason = self.why_a_person();
        self.note(Code::RungPerson);
        self.sign_in_required(reason);
    }

    /// How long not to ask a person whose last sign-ins the server made void at once, one after the other. Tokens that
    /// only ran out are none of that.
    fn asks_in_vain(&mut self) -> Option<Duration> {
        let access = self.s.memory.held.and_then(|held| held.access);
        let void = access.is_some_and(|access| access.standing == Standing::Rejected);
        if void { self.s.memory.sign_ins.was_void(self.now) } else { None }
    }

    /// The verdict, and what the person is told.
    pub(super) fn why_a_person(&mut self) -> SignInReason {
        let episode = *self.episode();
        let refused = self.s.memory.held.is_some_and(|held| held.refresh == RefreshStanding::Refused);
        let (verdict, reason) = match (episode.revoked, refused || episode.reauthentication_refused) {
            (true, _) => (Code::VerdictAccountEnded, SignInReason::SessionRevoked),
            (false, true) if episode.points_to_server => {
                (Code::VerdictServerKeysChanged, SignInReason::SessionLostByServer)
            }
            (false, true) => (Code::VerdictSessionLost, SignInReason::RefreshRefused),
            (false, false) => (Code::VerdictUnexplained, SignInReason::NothingToRenewWith),
        };
        self.note(verdict);
        reason
    }

    pub(super) fn sign_in_required(&mut self, reason: SignInReason) {
        if matches!(self.s.memory.state, State::SignInRequired { .. }) {
            return self.plan_retest();
        }
        self.enter(State::SignInRequired { reason, since: self.now });
        self.s.memory.retests = Some(Retests::starting(self.now));
        self.plan_retest();
        if !core::mem::replace(&mut self.episode().prompted, true) || mutant!(PromptsAgain) {
            self.effects.push(Effect::Prompt { reason });
        }
    }

    pub(super) fn withdraw_prompt(&mut self) {
        if matches!(self.s.memory.state, State::SignInRequired { .. }) && !mutant!(LeavesThePrompt) {
            self.effects.push(Effect::WithdrawPrompt);
        }
    }

    /// The episode is over: a token was accepted.
    pub(super) fn end_episode(&mut self, verdict: Code) {
        self.withdraw_prompt();
        if self.s.memory.episode.take().is_some() {
            self.note(verdict);
            self.note(Code::VerdictRecovered);
            self.forgive_refusal();
        }
        self.s.memory.retests = None;
        self.s.memory.unreasoned = Default::default();
        self.s.call_waiting = false;
        self.enter(State::SignedIn { connectivity: Connectivity::Online });
        self.plan_renewal();
    }
}
