//! An evening in the life of the decision core: calls, renewals, a server that breaks, and what becomes of it.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use mainstay_core::{
    Effect, Event, Generation, IdentityProof, IssuerPacing, NewGeneration, Opened, Outcome, Policy, ProbeOutcome,
    Rejection, RejectionClass, Restored, Session, State, Timestamp, TokenOutcome,
};

use crate::pairs::median;

/// How many batches are timed.
const BATCHES: usize = 50;
/// Transitions in a batch.
const STEPS: u32 = 100_000;
/// How often the server breaks, in transitions.
const BREAKS_EVERY: u32 = 50;

/// A session, fed with one event after the other; whatever it asks for is answered by the next.
#[derive(Debug)]
pub struct Evening {
    session: Session,
    issuer: IssuerPacing,
    now: Timestamp,
    /// What the session asked for last and has not heard about yet.
    asked: Option<Effect>,
    newest: Generation,
    steps: u32,
}

impl Evening {
    /// Signed in.
    #[must_use]
    pub fn begin() -> Self {
        let now = Timestamp::from_millis(1_795_197_600_000);
        let policy = Policy { can_probe: true, fresh_connections: true, can_reauthenticate: true, has_status: false };
        let (session, _open_vault) = Session::start(policy, now);
        let newest = Generation::FIRST;
        let mut evening = Self { session, issuer: IssuerPacing::default(), now, asked: None, newest, steps: 0 };
        let restored = Restored {
            snapshot: None,
            credentials: new_generation(newest),
            previous: None,
            intent: None,
            gap_is_certain: true,
        };
        evening.tell(Event::VaultOpened(Opened::Value(Box::new(restored))));
        evening
    }

    /// One transition.
    pub fn step(&mut self) {
        self.steps = self.steps.wrapping_add(1);
        let event = self.answer().unwrap_or_else(|| self.next_event());
        self.tell(event);
    }

    /// The newest generation of credentials.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.newest
    }

    /// Where the session stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.session.state()
    }

    fn tell(&mut self, event: Event) {
        let entropy = u64::from(self.steps).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let effects = self.session.step(&mut self.issuer, event, self.now, entropy);
        for effect in black_box(effects) {
            if let Effect::Probe { .. } | Effect::Refresh { .. } | Effect::Reauthenticate { .. } = effect {
                self.asked = Some(effect);
            }
        }
    }

    /// What came of the attempt that was asked for: the broken token is rejected, the refresh brings a new one.
    fn answer(&mut self) -> Option<Event> {
        let (attempt, outcome) = match self.asked.take()? {
            Effect::Probe { attempt, generation, .. } if generation == self.newest && !self.is_broken() => {
                (attempt, Outcome::Probe(ProbeOutcome::Accepted { on_fresh_connection: true }))
            }
            Effect::Probe { attempt, .. } => {
                (attempt, Outcome::Probe(ProbeOutcome::Rejected(RejectionClass::InvalidToken)))
            }
            Effect::Refresh { attempt, .. } => (attempt, Outcome::Refresh(self.renewed())),
            Effect::Reauthenticate { attempt } => (attempt, Outcome::Reauthentication(self.renewed())),
            _ => return None,
        };
        Some(Event::AttemptEnded { attempt, outcome })
    }

    fn renewed(&mut self) -> TokenOutcome {
        self.newest = self.newest.next();
        TokenOutcome::Renewed(new_generation(self.newest))
    }

    /// The server has just broken the newest token.
    fn is_broken(&self) -> bool {
        self.steps % BREAKS_EVERY < 3
    }

    fn next_event(&mut self) -> Event {
        let generation = self.session.generation().unwrap_or(self.newest);
        match self.steps % BREAKS_EVERY {
            0 => {
                let class = RejectionClass::InvalidToken;
                Event::Rejected(Rejection { generation, own_audience: true, class, connection_known: true })
            }
            step if step % 5 == 0 => {
                let later = self.now.plus(Duration::from_secs(60));
                self.now = self.session.wake_at().map_or(later, |wake| wake.max(self.now).min(later));
                Event::Tick
            }
            step if step % 2 == 0 => Event::Accepted { generation },
            _ => Event::CallWaiting,
        }
    }
}

fn new_generation(generation: Generation) -> NewGeneration {
    NewGeneration {
        generation,
        lives_for: Some(Duration::from_secs(900)),
        has_refresh_token: true,
        saved: true,
        identity: IdentityProof::Verified,
    }
}

/// How many transitions one core makes in a second: the median of many batches.
#[must_use]
pub fn transitions_per_second() -> f64 {
    let mut evening = Evening::begin();
    let rates = (0..BATCHES).map(|_| {
        let start = Instant::now();
        for _ in 0..STEPS {
            evening.step();
        }
        f64::from(STEPS) / start.elapsed().as_secs_f64()
    });
    median(rates)
}
