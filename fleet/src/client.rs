//! A device, as far as the simulation knows one: it is told what happens, and says what it wants done.

use std::time::Duration;

use mainstay_core::{
    Answer, Effect, Event, Generation, IdentityProof, IssuerPacing, NewGeneration, Opened, Policy, Restored, Session,
    Timestamp,
};

use crate::dice::Dice;

/// How long access tokens live.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(3600);

/// What a device is like before the incident.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// When the simulation begins, or the device starts.
    pub(crate) now: Timestamp,
    /// Whether it was off all night: its access token has expired, its refresh token has not.
    pub(crate) was_off: bool,
    /// Whether a device key is enrolled.
    pub(crate) has_device_key: bool,
    /// Whether the server publishes a status document.
    pub(crate) has_status: bool,
}

/// One device. It speaks the decision core's own language, so that the core itself can be one.
pub(crate) trait Client {
    /// A device that somebody has signed in on.
    fn signed_in(before: Before, dice: &mut Dice) -> Self;

    /// Something happened.
    fn step(&mut self, event: Event, now: Timestamp, entropy: u64) -> Vec<Effect>;

    /// When [`Event::Tick`] is due.
    fn wake_at(&self) -> Option<Timestamp>;

    /// The generation whose access token the app is given now.
    fn token(&self, now: Timestamp) -> Option<Generation>;

    /// The newest generation.
    fn generation(&self) -> Generation;
}

/// Credentials as the server issues them.
pub(crate) fn issued(generation: Generation) -> NewGeneration {
    NewGeneration {
        generation,
        lives_for: Some(TOKEN_LIFE),
        has_refresh_token: true,
        saved: true,
        identity: IdentityProof::Verified,
    }
}

/// The decision core with the pacing that its accounts share. Without `SPREADS` its first wait is taken away, by what the
/// core does for a server that asks for a spread of zero.
pub(crate) struct Mainstay<const SPREADS: bool> {
    session: Session,
    issuer: IssuerPacing,
}

/// What the core's own memory of one device takes, in bytes.
pub(crate) const CORE_BYTES: usize = size_of::<Mainstay<true>>();

impl<const SPREADS: bool> Mainstay<SPREADS> {
    fn restored(before: Before, now: Timestamp, restored: Restored, entropy: u64) -> Self {
        let policy = Policy {
            can_probe: true,
            fresh_connections: true,
            can_reauthenticate: before.has_device_key,
            has_status: before.has_status,
        };
        let (session, _) = Session::start(policy, now);
        let mut device = Self { session, issuer: IssuerPacing::default() };
        device.step(Event::VaultOpened(Opened::Value(Box::new(restored))), now, entropy);
        device
    }

    /// Signed in at `now`, with a token that was accepted since.
    fn fresh(before: Before, now: Timestamp, entropy: u64) -> Self {
        let mut device = Self::restored(before, now, kept(issued(Generation::FIRST)), entropy);
        device.step(Event::Accepted { generation: Generation::FIRST }, now, entropy);
        if !SPREADS {
            device.step(Event::StatusRead { healthy: None, spread: Some(Duration::ZERO) }, now, entropy);
        }
        device
    }
}

/// A whole vault, of which the core has forgotten nothing.
fn kept(credentials: NewGeneration) -> Restored {
    Restored { snapshot: None, credentials, previous: None, intent: None, gap_is_certain: true }
}

impl<const SPREADS: bool> Client for Mainstay<SPREADS> {
    fn signed_in(before: Before, dice: &mut Dice) -> Self {
        let entropy = dice.draw();
        if before.was_off {
            let evening = Self::fresh(before, back(before.now, Duration::from_secs(12 * 3600)), entropy);
            let credentials = NewGeneration { lives_for: Some(Duration::ZERO), ..issued(Generation::FIRST) };
            let snapshot = Some(evening.session.snapshot());
            return Self::restored(before, before.now, Restored { snapshot, ..kept(credentials) }, entropy);
        }
        // The core draws when it will renew from the entropy alone: somewhere between sign-in and then is the present.
        let renews_after = Self::fresh(before, before.now, entropy).session.wake_at().unwrap_or(before.now);
        let age = dice.up_to(renews_after.since(before.now));
        Self::fresh(before, back(before.now, age), entropy)
    }

    fn step(&mut self, event: Event, now: Timestamp, entropy: u64) -> Vec<Effect> {
        let event = match event {
            Event::StatusRead { healthy, .. } if !SPREADS => {
                Event::StatusRead { healthy, spread: Some(Duration::ZERO) }
            }
            other => other,
        };
        self.session.step(&mut self.issuer, event, now, entropy)
    }

    fn wake_at(&self) -> Option<Timestamp> {
        self.session.wake_at()
    }

    fn token(&self, now: Timestamp) -> Option<Generation> {
        match self.session.answer(now) {
            Answer::Token(generation) => Some(generation),
            _ => None,
        }
    }

    fn generation(&self) -> Generation {
        self.session.generation().unwrap_or(Generation::FIRST)
    }
}

/// The simulated time line begins long after zero, so nothing reaches back before its beginning.
pub(crate) fn back(now: Timestamp, by: Duration) -> Timestamp {
    let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_sub(by))
}
