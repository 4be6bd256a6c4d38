//! One step of one session, as seen from outside.

use mainstay_core::{Answer, Effect, Event, Generation, IssuerPacing, Next, Policy, Session, State, Timestamp};

/// What anybody can ask a session.
#[derive(Clone, Copy, Debug)]
pub struct View {
    pub state: State,
    pub generation: Option<Generation>,
    pub previous: Option<Generation>,
    pub in_episode: bool,
    pub wake_at: Option<Timestamp>,
    pub answer: Answer,
    /// The issuer's latest calls failed.
    pub failing: bool,
    /// The issuer's accounts may not call now.
    pub paused: bool,
    /// What is said to happen next.
    pub next: Next,
}

impl View {
    pub fn of(session: &Session, issuer: &IssuerPacing, now: Timestamp) -> Self {
        Self {
            state: session.state(),
            generation: session.generation(),
            previous: session.previous_generation(),
            in_episode: session.in_episode(),
            wake_at: session.wake_at(),
            answer: session.answer(now),
            failing: issuer.is_failing(),
            paused: issuer.earliest(now) > now,
            next: session.next(issuer),
        }
    }
}

#[derive(Debug)]
pub struct Step<'a> {
    pub policy: Policy,
    pub before: View,
    pub event: &'a Event,
    /// What was said after the step before, to happen next.
    pub said: Option<Next>,
    pub effects: &'a [Effect],
    pub after: View,
    /// On the session's time line.
    pub now: Timestamp,
    /// In real time, in milliseconds.
    pub real: u64,
}
