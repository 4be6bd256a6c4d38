//! The ladder: already newer, same token on a new connection, refresh, silent re-authentication, a person.

use core::time::Duration;

use crate::{
    Code, Connectivity, Effect, HoldCause, IdentityProof, ProbePurpose, SignInReason, State, Timestamp,
    pacing::{
        CONFIRM_GRACE, FLAP_MEMORY, FLAPS_TO_HOLD, REQUESTS_PER_GATHERING, Retests, SPREAD_IN_BACKGROUND,
        SPREAD_WHEN_WAITING,
    },
    session::{Attempt, AttemptKind, Episode, Held, RefreshStanding, Standing, Task},
    transition::Transition,
};

/// A spread longer than this is no longer "recovering, seconds": the session holds, and says until when.
const LONGEST_RECOVERING: Duration = Duration::from_secs(300);
/// Least time between two presentations of a kept refresh token, and between two verifications in quarantine.
const HOURLY: Duration = Duration::from_secs(3600);

impl Transition<'_> {
    // ---- climbing ----------------------------------------------------------------------------------------------

    /// Opens an episode if there is none, with the budget of a new gathering. What was refused for good stays refused.
    pub(crate) fn begin_gathering(&mut self) {
        let episode = self.episode();
        episode.probed = false;
        episode.refreshed = false;
        episode.reauthenticated = episode.reauthentication_refused;
        episode.fresh_rejected = false;
        episode.points_to_server = false;
        (episode.as_requests, episode.rs_requests) = (0, 0);
    }

    /// The next rung that is left, cheapest first.
    pub(crate) fn climb(&mut self) {
        if self.s.attempt.is_some() {
            return;
        }
        let Some(held) = self.s.memory.held else { return self.person() };
        let episode = *self.episode();
        if !episode.probed && self.can_probe_again(held) {
            self.episode().probed = true;
            self.note(Code::RungProbe);
            return self.start_probe(ProbePurpose::FreshConnection);
        }
        if episode.fresh_rejected {
            self.note(Code::VerdictFreshRejected);
            return self.hold(HoldCause::FreshTokensRejected);
        }
        let refresh = !episode.refreshed && held.refresh == RefreshStanding::Usable;
        let reauthenticate = !episode.reauthenticated && self.may_reauthenticate();
        if !refresh && !reauthenticate {
            return self.person();
        }
        if !episode.spread {
            return self.spread();
        }
        if let Some(at) = self.must_wait_until(episode) {
            let short =
                at.since(self.now) <= LONGEST_RECOVERING && matches!(self.s.memory.state, State::Recovering { .. });
            return if short { self.plan(at, Task::Climb) } else { self.hold_until(HoldCause::ServerTrouble, at) };
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

    fn can_probe_again(&self, held: Held) -> bool {
        self.s.policy.can_probe && self.s.policy.fresh_connections && held.access_lives(self.now)
    }

    /// Rung 4 exists, the account's subject was proven, and nobody revoked the session.
    pub(crate) fn may_reauthenticate(&self) -> bool {
        let revoked = self.s.memory.episode.is_some_and(|episode| episode.revoked);
        let pinned = self.s.memory.held.is_some_and(|held| held.identity != IdentityProof::Unpinned);
        self.s.policy.can_reauthenticate && pinned && !revoked
    }

    /// The issuer's pacing, which a second call of the same gathering only answers to by the hour.
    fn must_wait_until(&mut self, episode: Episode) -> Option<Timestamp> {
        let earliest = self.issuer.earliest(self.now);
        let blocked = match episode.as_requests {
            0 => earliest > self.now,
            used if used < REQUESTS_PER_GATHERING => self.issuer.hour_is_full(self.now),
            _ => {
                self.note(Code::VerdictUnexplained);
                true
            }
        };
        let blocked = blocked && !self.by_person;
        blocked.then(|| earliest.max(self.issuer.next_attempt(self.now, &mut self.rng)))
    }

    /// Waits a random time before the first automatic attempt, so that not all devices come at once.
    fn spread(&mut self) {
        self.episode().spread = true;
        let wait = if self.by_person { Duration::ZERO } else { self.draw_spread() };
        let at = self.now.plus(wait).max(self.issuer.earliest(self.now));
        self.note_wait(Code::StepSpread, at);
        if wait > LONGEST_RECOVERING {
            self.hold_until(HoldCause::ServerTrouble, at);
        } else {
            self.plan(at, Task::Climb);
        }
    }

    pub(crate) fn draw_spread(&mut self) -> Duration {
        let unhinted = if self.s.call_waiting { SPREAD_WHEN_WAITING } else { SPREAD_IN_BACKGROUND };
        self.rng.up_to(self.s.hint.unwrap_or(unhinted))
    }

    /// A call waits now: an unhinted spread shrinks.
    pub(crate) fn hurry(&mut self) {
        self.s.call_waiting = true;
        let waiting_for = self.s.memory.plan.filter(|plan| plan.task == Task::Climb);
        if let Some(plan) = waiting_for.filter(|_| self.s.hint.is_none() && self.s.attempt.is_none()) {
            let sooner = self.now.plus(self.rng.up_to(SPREAD_WHEN_WAITING)).max(self.issuer.earliest(self.now));
            if sooner < plan.at {
                self.plan(sooner, Task::Climb);
            }
        }
    }

    // ---- where the ladder ends ---------------------------------------------------------------------------------

    /// New credentials would not help, or cannot be had now.
    pub(crate) fn hold(&mut self, cause: HoldCause) {
        let was_holding = matches!(self.s.memory.state, State::Holding { .. });
        let dwell = &mut self.s.memory.dwell;
        let dwell = if was_holding { dwell.prolong() } else { dwell.enter(self.now) };
        let next_attempt = self.issuer.next_attempt(self.now, &mut self.rng);
        let at = match cause {
            HoldCause::FreshTokensRejected | HoldCause::Flapping | HoldCause::Configuration => {
                self.now.plus(dwell).max(self.issuer.earliest(self.now))
            }
            // Nothing was sent, so nobody counted it: still not more often than the gap.
            HoldCause::LockBusy | HoldCause::StorageFull => next_attempt.max(self.now.plus(crate::pacing::LEAST_GAP)),
            HoldCause::ServerTrouble | HoldCause::NoNetwork => next_attempt,
        };
        self.hold_until(cause, at);
    }

    pub(crate) fn hold_until(&mut self, cause: HoldCause, at: Timestamp) {
        if matches!(self.s.memory.state, State::SignInRequired { .. } | State::Quarantined { .. }) {
            return self.plan_retest();
        }
        self.enter(State::Holding { cause, retry_at: at });
        self.plan(at, Task::Retry);
        if self.s.memory.retest_at.is_none() {
            self.s.memory.retests.get_or_insert(Retests::starting(self.now));
            self.plan_retest_while_holding();
        }
    }

    fn plan_retest_while_holding(&mut self) {
        let can_retest = self.s.policy.can_probe && self.s.memory.held.is_some_and(|h| h.access_lives(self.now));
        let useful = can_retest || self.s.policy.has_status;
        let next = self.s.memory.retests.as_mut().map(|retests| retests.next(self.now, &mut self.rng));
        self.s.memory.retest_at = next.filter(|_| useful);
    }

    /// The time to retry has come: a new gathering, from the refresh on (the kept token is re-tested on a schedule of its own).
    pub(crate) fn gather_again(&mut self) {
        let flapping = matches!(self.s.memory.state, State::Holding { cause: HoldCause::Flapping, .. });
        self.begin_gathering();
        if flapping && self.s.policy.can_probe && self.s.memory.held.is_some_and(|h| h.access_lives(self.now)) {
            return self.start_probe(ProbePurpose::Retest);
        }
        let untested = self.s.memory.held.is_some_and(|held| {
            held.access.is_some_and(|access| access.standing == Standing::Untested && self.now < access.expires_at)
        });
        if untested {
            return self.confirm();
        }
        self.episode().probed = true;
        self.climb();
    }

    /// A person asked to try now: no spread, no gap.
    pub(crate) fn gather_for_person(&mut self) {
        if self.s.attempt.is_none() {
            self.by_person = true;
            self.begin_gathering();
            self.episode().spread = true;
            self.climb();
        }
    }

    pub(crate) fn retest_while_holding(&mut self) {
        self.plan_retest_while_holding();
        if self.s.policy.has_status {
            self.effects.push(Effect::ReadStatus);
        }
        if self.s.policy.can_probe && self.s.memory.held.is_some_and(|held| held.access_lives(self.now)) {
            self.note(Code::StepRetest);
            self.start_probe(ProbePurpose::Retest);
        }
    }

    /// Nothing is left but a person; unless the access token is good still, then not before it expires.
    pub(crate) fn person(&mut self) {
        if let Some(held) = self.s.memory.held.filter(|held| held.usable_access(self.now)) {
            let expires_at = held.access.map_or(self.now, |access| access.expires_at);
            self.enter(State::SignedIn { connectivity: Connectivity::Online });
            return self.plan(expires_at, Task::Renew);
        }
        let episode = *self.episode();
        let refused = self.s.memory.held.is_some_and(|held| held.refresh == RefreshStanding::Refused);
        let (verdict, reason) = match (episode.revoked, refused || episode.reauthentication_refused) {
            (true, _) => (Code::VerdictAccountEnded, SignInReason::SessionRevoked),
            (false, true) if episode.points_to_server => {
                (Code::VerdictServerKeysChanged, SignInReason::SessionLostByServer)
            }
            (false, true) => (Code::VerdictAccountEnded, SignInReason::RefreshRefused),
            (false, false) => (Code::VerdictUnexplained, SignInReason::NothingToRenewWith),
        };
        self.note(verdict);
        self.note(Code::RungPerson);
        self.sign_in_required(reason);
    }

    pub(crate) fn sign_in_required(&mut self, reason: SignInReason) {
        if matches!(self.s.memory.state, State::SignInRequired { .. }) {
            return self.plan_retest();
        }
        self.enter(State::SignInRequired { reason, since: self.now });
        self.s.memory.plan = None;
        self.s.memory.retest_at = None;
        self.s.memory.retests = Some(Retests::starting(self.now));
        self.plan_retest();
        if !core::mem::replace(&mut self.episode().prompted, true) {
            self.effects.push(Effect::Prompt { reason });
        }
    }

    pub(crate) fn withdraw_prompt(&mut self) {
        if matches!(self.s.memory.state, State::SignInRequired { .. }) {
            self.effects.push(Effect::WithdrawPrompt);
        }
    }

    /// The episode is over: a token was accepted.
    pub(crate) fn end_episode(&mut self, verdict: Code) {
        self.withdraw_prompt();
        if self.s.memory.episode.take().is_some() {
            self.note(verdict);
            self.note(Code::VerdictRecovered);
        }
        self.issuer.record_success();
        if matches!(self.s.memory.state, State::Holding { .. }) {
            self.s.memory.dwell.leave(self.now);
        }
        (self.s.memory.retest_at, self.s.memory.retests) = (None, None);
        self.s.memory.unreasoned = Default::default();
        self.s.call_waiting = false;
        self.s.healthy_since = None;
        self.enter(State::SignedIn { connectivity: Connectivity::Online });
        self.plan_renewal();
    }

    /// Remembers that a token was rejected here and accepted there; true if nodes plainly disagree.
    pub(crate) fn flap(&mut self) -> bool {
        let flaps = &mut self.s.memory.flaps;
        flaps.rotate_left(1);
        flaps[FLAPS_TO_HOLD - 1] = Some(self.now);
        let now = self.now;
        self.s.memory.flaps.iter().all(|flap| flap.is_some_and(|at| now.since(at) <= FLAP_MEMORY))
    }

    // ---- ordinary renewal, no episode --------------------------------------------------------------------------

    fn can_renew(&self) -> bool {
        let usable = self.s.memory.held.is_some_and(|held| held.refresh == RefreshStanding::Usable);
        let tried = self.s.memory.episode.is_some_and(|episode| episode.reauthenticated);
        usable || (self.may_reauthenticate() && !tried)
    }

    pub(crate) fn plan_renewal(&mut self) {
        let Some(held) = self.s.memory.held else { return };
        if held.identity == IdentityProof::Unverified {
            return self.plan(self.now, Task::Confirm);
        }
        let living = held.access.filter(|_| held.usable_access(self.now));
        let at = living.map_or(self.now, |a| if self.can_renew() { a.renew_at } else { a.expires_at });
        self.plan(at, Task::Renew);
    }

    /// A call found no usable token: what was planned for later is done now, unless the server is failing.
    pub(crate) fn renew_for_caller(&mut self) {
        let usable = self.s.memory.held.is_some_and(|held| held.usable_access(self.now));
        if !usable && !self.issuer.is_failing() && self.issuer.paused_until(self.now).is_none() {
            self.renew();
        }
    }

    /// A token nears or has passed its deadline. Its own deadline needs no spread.
    pub(crate) fn renew(&mut self) {
        if self.s.attempt.is_some() {
            return;
        }
        let Some(held) = self.s.memory.held else { return };
        if held.identity == IdentityProof::Unverified {
            return self.confirm();
        }
        if !self.can_renew() {
            return self.person();
        }
        let paused = self.issuer.paused_until(self.now);
        let counted = self.issuer.is_failing() || self.s.memory.episode.is_some();
        let earliest = if counted { self.issuer.earliest(self.now) } else { paused.unwrap_or(self.now) };
        if earliest > self.now {
            return self.plan(earliest, Task::Renew);
        }
        self.note(Code::StepRenewal);
        if held.refresh == RefreshStanding::Usable {
            self.start_refresh();
        } else {
            self.start_reauthentication();
        }
    }

    // ---- a new token is proven ---------------------------------------------------------------------------------

    /// A replayed call may prove the new token for free; soon after, the probe does. Nobody waits for an unverified one.
    pub(crate) fn plan_confirm(&mut self) {
        let unverified = self.s.memory.held.is_some_and(|held| held.identity == IdentityProof::Unverified);
        let replays = matches!(self.s.memory.state, State::Recovering { .. } | State::SignedIn { .. });
        if unverified || !replays {
            self.confirm();
        } else {
            self.plan(self.now.plus(CONFIRM_GRACE), Task::Confirm);
        }
    }

    pub(crate) fn confirm(&mut self) {
        if self.s.attempt.is_some() {
            return;
        }
        let Some(held) = self.s.memory.held else { return };
        let unverified = held.identity == IdentityProof::Unverified;
        let rejected = held.access.is_some_and(|access| access.standing == Standing::Rejected);
        if !held.access_lives(self.now) {
            // It died before anybody could ask. A refresh token that came with it is worth a try; nothing else is lost.
            self.begin_gathering();
            self.episode().probed = true;
            return self.climb();
        }
        let budget = self.s.memory.episode.is_none_or(|episode| episode.rs_requests < REQUESTS_PER_GATHERING);
        if self.s.policy.can_probe && (budget || unverified) {
            self.note(Code::StepConfirm);
            self.start_probe(ProbePurpose::Confirm)
        } else if rejected {
            self.note(Code::VerdictFreshRejected);
            self.hold(HoldCause::FreshTokensRejected);
        } else if unverified {
            self.hold(HoldCause::Configuration);
        } else {
            self.unconfirmed();
        }
    }

    /// Nobody said no to the new token, and nobody can be asked: it is used, the episode stays open until it is accepted.
    pub(crate) fn unconfirmed(&mut self) {
        self.withdraw_prompt();
        (self.s.memory.retest_at, self.s.memory.retests) = (None, None);
        self.enter(State::SignedIn { connectivity: Connectivity::Online });
        self.plan_renewal();
    }

    // ---- kept credentials are re-tested ------------------------------------------------------------------------

    /// When kept credentials are asked about next, in SignInRequired and in quarantine.
    pub(crate) fn plan_retest(&mut self) {
        if let State::Quarantined { .. } = self.s.memory.state {
            return self.plan_verification();
        }
        let Some(held) = self.s.memory.held else { return };
        let mut retests = self.s.memory.retests.unwrap_or(Retests::starting(self.now));
        let mut at = retests.next(self.now, &mut self.rng);
        self.s.memory.retests = Some(retests);
        if !(held.access_lives(self.now) && self.s.policy.can_probe) {
            let hourly = self.s.memory.refreshed_at.unwrap_or(self.now).plus(HOURLY);
            at = at.max(hourly.plus(self.rng.up_to(HOURLY / 10)));
        }
        self.plan(at, Task::Retest);
    }

    pub(crate) fn plan_verification(&mut self) {
        let at = self.now.plus(HOURLY).plus(self.rng.up_to(HOURLY / 10));
        self.plan(at, Task::Retest);
    }

    /// Asks whether kept credentials are good (again): the access token by the probe, then the refresh token, then rung 4.
    pub(crate) fn retest_kept(&mut self) {
        if self.s.attempt.is_some() {
            return;
        }
        let Some(held) = self.s.memory.held else { return };
        let quarantined = matches!(self.s.memory.state, State::Quarantined { .. });
        self.note(if quarantined { Code::StepVerify } else { Code::StepRetest });
        if held.access_lives(self.now) && self.s.policy.can_probe {
            return self.start_probe(if quarantined { ProbePurpose::Verify } else { ProbePurpose::Retest });
        }
        let may_present = matches!(held.refresh, RefreshStanding::Usable | RefreshStanding::Refused);
        let revoked = self.s.memory.episode.is_some_and(|episode| episode.revoked);
        if self.issuer.earliest(self.now) > self.now {
            return self.plan_retest();
        }
        if may_present && !held.intent_open && !revoked {
            self.start_refresh();
        } else if self.may_reauthenticate() {
            self.start_reauthentication();
        } else {
            self.s.memory.refreshed_at = Some(self.now);
            self.plan_retest();
        }
    }

    // ---- beginning an attempt ----------------------------------------------------------------------------------

    fn begin(&mut self, kind: AttemptKind, seconds: u64, counted: bool) -> u32 {
        self.s.attempts = self.s.attempts.wrapping_add(1);
        let number = self.s.attempts;
        let deadline = self.now.plus(Duration::from_secs(seconds));
        let intent_was_open = self.s.memory.held.is_some_and(|held| held.intent_open);
        self.s.attempt = Some(Attempt { number, kind, deadline, counted, intent_was_open });
        number
    }

    pub(crate) fn open_vault(&mut self) {
        self.s.memory.plan = None;
        self.begin(AttemptKind::OpenVault, 15, false);
        self.effects.push(Effect::OpenVault);
    }

    pub(crate) fn start_probe(&mut self, purpose: ProbePurpose) {
        let Some(generation) = self.s.generation() else { return };
        if let Some(episode) = self.s.memory.episode.as_mut() {
            episode.rs_requests = episode.rs_requests.saturating_add(1);
        }
        let attempt = self.begin(AttemptKind::Probe(purpose), 30, false);
        self.effects.push(Effect::Probe { attempt, generation, purpose });
    }

    /// Counts a call to the authorization server, if calls count now: after a failure, or inside an episode.
    fn count_call(&mut self) -> bool {
        let counted = self.s.memory.episode.is_some() || self.issuer.is_failing();
        if let Some(episode) = self.s.memory.episode.as_mut() {
            episode.as_requests = episode.as_requests.saturating_add(1);
        }
        if counted && !self.by_person {
            self.issuer.record_call(self.now);
        }
        counted
    }

    pub(crate) fn start_refresh(&mut self) {
        let Some(generation) = self.s.generation() else { return };
        let counted = self.count_call();
        let attempt = self.begin(AttemptKind::Refresh, 90, counted);
        self.s.memory.refreshed_at = Some(self.now);
        if let Some(held) = self.s.memory.held.as_mut() {
            held.intent_open = true;
        }
        self.effects.push(Effect::Refresh { attempt, generation, with_scope: !self.s.without_scope });
    }

    pub(crate) fn start_reauthentication(&mut self) {
        let counted = self.count_call();
        let attempt = self.begin(AttemptKind::Reauthenticate, 90, counted);
        self.s.memory.refreshed_at = Some(self.now);
        self.effects.push(Effect::Reauthenticate { attempt });
    }

    pub(crate) fn start_rediscovery(&mut self) {
        let attempt = self.begin(AttemptKind::Rediscover, 30, false);
        self.effects.push(Effect::Rediscover { attempt });
    }
}
