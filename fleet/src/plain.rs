//! The clients that Mainstay is compared with: they refresh on every 401, and differ in how they try again.

use std::time::Duration;

use mainstay_core::{
    Effect, Event, Generation, NewGeneration, Outcome, RejectionClass, SignInReason, Timestamp, TokenOutcome,
};

use crate::{
    client::{Before, Client, TOKEN_LIFE, back},
    dice::Dice,
};

/// When a failed request is made again.
pub(crate) trait Retry {
    fn pause(failures: u32, retry_after: Option<Duration>, entropy: u64) -> Duration;
}

/// Exponential backoff with full jitter: base 1 s, cap 60 s, as the HTTP libraries have it. `Retry-After` is obeyed.
pub(crate) enum FullJitter {}

impl Retry for FullJitter {
    fn pause(failures: u32, retry_after: Option<Duration>, entropy: u64) -> Duration {
        let width = Duration::from_secs(1 << failures.min(6)).min(Duration::from_secs(60));
        let millis = u64::try_from(width.as_millis()).unwrap_or(u64::MAX);
        retry_after.unwrap_or_default() + Duration::from_millis(entropy % millis)
    }
}

/// Every ten seconds until it works.
pub(crate) enum Fixed {}

impl Retry for Fixed {
    fn pause(_failures: u32, _retry_after: Option<Duration>, _entropy: u64) -> Duration {
        Duration::from_secs(10)
    }
}

/// A client that believes every 401 and every refusal, and has no device key.
pub(crate) struct Plain<R> {
    generation: u32,
    failures: u32,
    attempts: u32,
    asking: bool,
    rejected: bool,
    waits_for_person: bool,
    expires_at: Timestamp,
    next: Option<Timestamp>,
    retry: std::marker::PhantomData<R>,
}

impl<R: Retry> Plain<R> {
    fn refresh(&mut self) -> Vec<Effect> {
        if self.asking || self.waits_for_person {
            return Vec::new();
        }
        self.attempts = self.attempts.wrapping_add(1);
        (self.asking, self.next) = (true, None);
        vec![Effect::Refresh { attempt: self.attempts, generation: self.generation(), with_scope: true }]
    }

    fn take_up(&mut self, new: NewGeneration, now: Timestamp) {
        self.generation = u32::try_from(new.generation.number()).unwrap_or(u32::MAX);
        self.expires_at = now.plus(new.lives_for.unwrap_or_default());
        self.next = Some(now.plus(TOKEN_LIFE * 8 / 10));
        (self.rejected, self.waits_for_person, self.failures) = (false, false, 0);
    }
}

impl<R: Retry> Client for Plain<R> {
    fn signed_in(before: Before, dice: &mut Dice) -> Self {
        let renews_after = TOKEN_LIFE * 8 / 10;
        let age = if before.was_off { TOKEN_LIFE } else { dice.up_to(renews_after) };
        let signed_in_at = back(before.now, age);
        Self {
            generation: 1,
            failures: 0,
            attempts: 0,
            asking: false,
            rejected: false,
            waits_for_person: false,
            expires_at: signed_in_at.plus(TOKEN_LIFE),
            next: Some(signed_in_at.plus(renews_after).max(before.now)),
            retry: std::marker::PhantomData,
        }
    }

    fn step(&mut self, event: Event, now: Timestamp, entropy: u64) -> Vec<Effect> {
        match event {
            Event::Tick => self.refresh(),
            Event::Rejected(rejection) if rejection.class == RejectionClass::InvalidToken => {
                self.rejected |= rejection.generation == self.generation();
                // A wait that is running goes on; a renewal that was only planned is due.
                if self.rejected && self.failures == 0 { self.refresh() } else { Vec::new() }
            }
            Event::SignedIn(new) => {
                self.take_up(new, now);
                Vec::new()
            }
            Event::AttemptEnded { outcome: Outcome::Refresh(outcome), .. } => {
                self.asking = false;
                match outcome {
                    TokenOutcome::Renewed(new) => self.take_up(new, now),
                    TokenOutcome::Refused { .. } => {
                        (self.rejected, self.waits_for_person, self.next) = (true, true, None);
                        return vec![Effect::Prompt { reason: SignInReason::RefreshRefused }];
                    }
                    TokenOutcome::Transient { retry_after, .. } => self.try_again(retry_after, now, entropy),
                    _ => self.try_again(None, now, entropy),
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn wake_at(&self) -> Option<Timestamp> {
        self.next
    }

    fn token(&self, now: Timestamp) -> Option<Generation> {
        (!self.rejected && now < self.expires_at).then(|| self.generation())
    }

    fn generation(&self) -> Generation {
        Generation::new(u64::from(self.generation)).unwrap_or(Generation::FIRST)
    }
}

impl<R: Retry> Plain<R> {
    fn try_again(&mut self, retry_after: Option<Duration>, now: Timestamp, entropy: u64) {
        self.failures = self.failures.saturating_add(1);
        self.next = Some(now.plus(R::pause(self.failures, retry_after, entropy)));
    }
}
