//! What happens next, and when: read off the session's own plan.

use alloc::string::String;
use core::time::Duration;

use super::in_words;
use crate::{
    IdentityProof, IssuerPacing, Session, State, Timestamp,
    attempt::AttemptKind,
    memory::{Plan, RefreshStanding, Standing, Task},
    pacing::KEEP_IN_SIGN_IN_REQUIRED,
};

/// Declares what can happen next: variant, stable text, template.
macro_rules! steps {
    ($($variant:ident = $text:literal, $template:literal;)+) => {
        /// What happens next, by its stable code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum NextStep { $(#[doc = $template] $variant,)+ }

        impl NextStep {
            /// Every step, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code, for example `next.retry`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The sentence, with `{wait}` for the time until then.
            #[must_use]
            pub const fn template(self) -> &'static str {
                match self { $(Self::$variant => $template,)+ }
            }
        }
    };
}

steps! {
    Person = "next.person", "Waits for a person to sign in.";
    Reading = "next.reading", "Is reading the stored sign-in, and goes on within {wait}.";
    Asking = "next.asking", "Is asking the service, and goes on within {wait}.";
    Renewing = "next.renewing", "Is renewing the sign-in, and goes on within {wait}.";
    SigningIn = "next.signing_in", "Is signing in by itself, and goes on within {wait}.";
    LookingUp = "next.looking_up", "Is reading the service's settings, and goes on within {wait}.";
    Open = "next.open", "Reads the stored sign-in again in {wait}.";
    Ask = "next.ask", "Asks the service in {wait} whether it accepts the sign-in.";
    Renew = "next.renew", "Renews the sign-in by itself in {wait}.";
    RenewWithin = "next.renew_within", "Renews the sign-in by itself within {wait}.";
    SignInWithin = "next.sign_in_within", "Signs in by itself within {wait}.";
    RunOut = "next.run_out", "Asks for a sign-in in {wait}, when this one runs out.";
    Confirm = "next.confirm", "Asks within {wait} whether the renewed sign-in is accepted.";
    GoOn = "next.go_on", "Goes on with the renewed sign-in in {wait}.";
    Retry = "next.retry", "Tries again in {wait}.";
    RetrySpread = "next.retry_spread", "Chooses the time of the next try at random in {wait}.";
    Reconsider = "next.reconsider", "Considers again in {wait} what can be done.";
    Look = "next.look", "Asks in {wait} whether the service is well again.";
    Retest = "next.retest", "Tests the kept sign-in again in {wait}.";
    Verify = "next.verify", "Asks in {wait} whether the service knows the right person again.";
    Save = "next.save", "Stores the renewed sign-in again in {wait}.";
    GiveUp = "next.give_up", "Gives up the kept sign-in in {wait}, after 30 days; signing in works at any time.";
}

impl NextStep {
    /// Whether it happens without anybody: all but one do.
    #[must_use]
    pub const fn is_by_itself(self) -> bool {
        !matches!(self, Self::Person)
    }
}

/// What happens next, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// What.
    pub step: NextStep,
    /// When, on the session's time line: then at the latest where the sentence says "within". `None` for what only a person
    /// can do.
    pub at: Option<Timestamp>,
}

impl Next {
    /// How long it is until then, seen from `now`; `None` for what only a person can do.
    #[must_use]
    pub fn wait(self, now: Timestamp) -> Option<Duration> {
        self.at.map(|at| at.since(now))
    }

    /// The sentence, with the time until then in words.
    #[must_use]
    pub fn sentence(self, now: Timestamp) -> String {
        self.step.template().replace("{wait}", &in_words(self.wait(now).unwrap_or_default()))
    }
}

impl Session {
    /// What happens next, by itself or by a person, and when. True as long as nothing happens outside before: another
    /// account's call to `issuer` may put it off, a waiting call or an answer may bring it forward.
    #[must_use]
    pub fn next(&self, issuer: &IssuerPacing) -> Next {
        let memory = &self.memory;
        let (doing, look, plan) = match self.attempt {
            Some(attempt) => (Some((doing(attempt.kind), attempt.deadline)), None, None),
            None => (None, self.next_look(), memory.plan.and_then(|plan| self.planned(plan, issuer))),
        };
        let limit = match memory.state {
            // What is of no use any more is not worth an announcement: only a person can do something.
            State::SignInRequired { since, .. } if doing.is_some() || plan.is_some() => {
                Some((NextStep::GiveUp, since.plus(KEEP_IN_SIGN_IN_REQUIRED)))
            }
            _ => None,
        };
        let save = self.save_at.map(|at| (NextStep::Save, at));
        let soonest = [doing, look, plan, save, limit].into_iter().flatten().min_by_key(|(_, at)| *at);
        soonest.map_or(Next { step: NextStep::Person, at: None }, |(step, at)| Next { step, at: Some(at) })
    }

    /// Beside the plan, while holding. A kept token that will have expired by then is not asked about.
    fn next_look(&self) -> Option<(NextStep, Timestamp)> {
        let at = self.memory.retest_at?;
        let can_probe = self.policy.can_probe && self.memory.held.is_some_and(|held| held.access_lives(at));
        (can_probe || self.policy.has_status || mutant!(SaysMoreThanItDoes)).then_some((NextStep::Look, at))
    }

    fn planned(&self, Plan { at, task }: Plan, issuer: &IssuerPacing) -> Option<(NextStep, Timestamp)> {
        let waits_for_person = matches!(self.memory.state, State::SignInRequired { .. });
        let planned = match task {
            Task::OpenVault => (NextStep::Open, at),
            Task::Confirm => (self.confirmation(at), at),
            Task::Retry => (self.retry(at), at),
            Task::Retest if !waits_for_person => (NextStep::Verify, self.retest_at(at, issuer)),
            Task::Retest if self.has_something_to_test(at) => (NextStep::Retest, self.retest_at(at, issuer)),
            Task::Retest => return None,
            Task::Climb => self.next_climb(at, issuer),
            Task::Renew => self.next_renewal(at, issuer),
        };
        Some(planned)
    }

    fn retest_at(&self, at: Timestamp, issuer: &IssuerPacing) -> Timestamp {
        let probe = self.policy.can_probe && self.memory.held.is_some_and(|held| held.access_lives(at));
        if probe { at } else { at.max(self.may_ask_again_at(at, issuer)) }
    }

    fn has_something_to_test(&self, at: Timestamp) -> bool {
        let probe = self.policy.can_probe && self.memory.held.is_some_and(|held| held.access_lives(at));
        let refresh = self.memory.held.is_some_and(|held| self.may_present_again(held));
        probe || refresh || self.may_reauthenticate() || mutant!(SaysMoreThanItDoes)
    }

    /// A new gathering asks about what nobody rejected, or waits a random time unless the episode has had it.
    fn retry(&self, at: Timestamp) -> NextStep {
        let held = self.memory.held.filter(|held| held.access_lives(at));
        match held.and_then(|held| Some((held, held.access?.standing))) {
            Some((held, Standing::Untested)) if !self.may_probe_new(held) => NextStep::Reconsider,
            Some((_, Standing::Untested)) => NextStep::Retry,
            Some((_, Standing::Accepted)) if self.policy.can_probe => NextStep::Retry,
            _ if !self.can_renew() => NextStep::Reconsider,
            _ if self.memory.episode.is_some_and(|episode| episode.spread) => NextStep::Retry,
            _ => NextStep::RetrySpread,
        }
    }

    /// Where there is nobody to ask about a new token, it is used.
    fn confirmation(&self, at: Timestamp) -> NextStep {
        let asks = self.memory.held.is_some_and(|held| held.access_lives(at) && self.may_probe_new(held));
        if asks { NextStep::Confirm } else { NextStep::GoOn }
    }

    /// What the ladder will come to, rung by rung.
    fn next_climb(&self, at: Timestamp, issuer: &IssuerPacing) -> (NextStep, Timestamp) {
        let (Some(held), Some(episode)) = (self.memory.held, self.memory.episode) else {
            return (NextStep::Reconsider, at);
        };
        let refresh = !episode.refreshed && held.refresh == RefreshStanding::Usable;
        let reauthenticate = !episode.reauthenticated && self.may_reauthenticate();
        let step = if refresh { NextStep::RenewWithin } else { NextStep::SignInWithin };
        match episode.as_requests {
            _ if !episode.probed && self.can_probe_again(held, at) => (NextStep::Ask, at),
            _ if episode.fresh_rejected || !(refresh || reauthenticate) => (NextStep::Reconsider, at),
            _ if !episode.spread => (NextStep::RetrySpread, at),
            0 => (step, issuer.earliest(at)),
            1 if !issuer.hour_is_full(at) => (step, at),
            1 => (step, issuer.earliest(at)),
            _ => (NextStep::Reconsider, at),
        }
    }

    /// A renewal waits while the host says that there is no network, as long as the token lives; and for the issuer's pause.
    fn next_renewal(&self, at: Timestamp, issuer: &IssuerPacing) -> (NextStep, Timestamp) {
        let Some(held) = self.memory.held else { return (NextStep::Renew, at) };
        if held.identity == IdentityProof::Unverified && held.access_lives(at) {
            return (self.confirmation(at), at);
        }
        if mutant!(SaysItTooEarly) {
            return (NextStep::Renew, at);
        }
        let renews = self.can_renew();
        let expires_at = held.access.filter(|_| held.usable_access(at)).map_or(at, |access| access.expires_at);
        if !renews {
            return (NextStep::RunOut, expires_at);
        }
        let at = if self.network { at } else { expires_at };
        let counted = self.renewal_counts(issuer);
        let paused = issuer.paused_until(at).unwrap_or(at);
        (NextStep::Renew, if counted { issuer.earliest(at) } else { paused })
    }
}

const fn doing(kind: AttemptKind) -> NextStep {
    match kind {
        AttemptKind::OpenVault => NextStep::Reading,
        AttemptKind::Probe(_) => NextStep::Asking,
        AttemptKind::Refresh => NextStep::Renewing,
        AttemptKind::Reauthenticate => NextStep::SigningIn,
        AttemptKind::Rediscover => NextStep::LookingUp,
    }
}
