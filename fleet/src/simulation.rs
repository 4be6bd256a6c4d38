//! The event loop: devices, a server, and what passes between them, second by second.
//!
//! Everything that happens to a device is decided by its own dice, and things of one millisecond happen in the order in
//! which they were planned. So a run depends on its seed alone, however many of them run side by side.

use std::time::Duration;

use mainstay_core::{
    Effect, Event, Generation, Outcome, ProbeOutcome, Rejection, RejectionClass, Timestamp, TokenOutcome,
    pacing::LONGEST_RETRY_AFTER,
};

use crate::{
    client::{Before, Client, Mainstay, issued},
    dice::Dice,
    incident::{Incident, Tokens},
    plain::{Fixed, FullJitter, Plain},
    queue::Queue,
    report::{Kind, Report},
    server::{ApiReply, Grant, Issued, ROUND_TRIP, Server, TokenReply},
};

/// When the simulation begins. Long enough after zero that nights before it are no negative times.
const START: Timestamp = Timestamp::from_millis(1_000_000_000);
/// How long it runs before the incident.
pub(crate) const PRELUDE: Duration = Duration::from_secs(60);
/// When the incident begins.
pub(crate) const BEGINS: Timestamp = Timestamp::from_millis(1_000_060_000);

/// Within which time of the incident every app has made a call.
const NOTICED_WITHIN: Duration = Duration::from_secs(10);
/// How often an app calls the API while nodes flap.
const CALLS_EVERY: Duration = Duration::from_secs(30);
/// How long it runs on once everybody is well.
const EPILOGUE: Duration = Duration::from_secs(60);

/// How many devices, how strong a server, and which dice.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How many devices.
    pub devices: u32,
    /// Token requests per second that the server can answer.
    pub capacity: u32,
    /// The seed of all dice.
    pub seed: u64,
}

impl Setup {
    /// The time that the server needs at least to answer one token request per device: N/C.
    #[must_use]
    pub fn least_time(&self) -> Duration {
        Duration::from_secs(u64::from(self.devices)) / self.capacity
    }
}

/// Runs one incident with one kind of client. `progress` hears of the simulated time that has passed and of the longest that
/// the run may take.
pub fn run(incident: &Incident, kind: Kind, setup: Setup, progress: &dyn Fn(Duration, Duration)) -> Report {
    match kind {
        Kind::Mainstay => Simulation::<Mainstay<true>>::new(incident, setup).run(kind, progress),
        Kind::Unspread => Simulation::<Mainstay<false>>::new(incident, setup).run(kind, progress),
        Kind::FullJitter => Simulation::<Plain<FullJitter>>::new(incident, setup).run(kind, progress),
        Kind::FixedRetry => Simulation::<Plain<Fixed>>::new(incident, setup).run(kind, progress),
    }
}

/// What a device of the core takes, the simulation's own notes about it included, in bytes.
pub const BYTES_PER_DEVICE: usize = size_of::<Device<Mainstay<true>>>();

struct Device<C> {
    /// `None` while it is switched off.
    client: Option<C>,
    dice: Dice,
    /// The tick that stands in the queue.
    tick: Option<Timestamp>,
    issued: Issued,
    /// Whether its app is given a token that the server takes.
    well: bool,
    /// A call was refused or had no token, and will be made when there is one.
    call_pending: bool,
}

/// Something that happens to one device.
enum Happens {
    SwitchedOn,
    Tick,
    Call,
    Called { generation: Generation, reply: ApiReply },
    Probed { attempt: u32, reply: ApiReply },
    Answered { attempt: u32, grant: Grant, reply: TokenReply },
    StatusAnswered,
    PersonSignsIn,
}

struct Simulation<'a, C> {
    incident: &'a Incident,
    setup: Setup,
    server: Server<'a>,
    devices: Vec<Device<C>>,
    queue: Queue<(u32, Happens)>,
    now: Timestamp,
    report: Report,
    well: u32,
}

impl<'a, C: Client> Simulation<'a, C> {
    fn new(incident: &'a Incident, setup: Setup) -> Self {
        let count = usize::try_from(setup.devices).unwrap_or(usize::MAX);
        let mut simulation = Self {
            incident,
            setup,
            server: Server::new(incident, setup.devices, setup.capacity),
            devices: Vec::with_capacity(count),
            queue: Queue::new(),
            now: START,
            report: Report::new(incident, setup),
            well: 0,
        };
        for device in 0..setup.devices {
            simulation.add(device);
        }
        simulation
    }

    fn add(&mut self, number: u32) {
        let mut dice = Dice::of(self.setup.seed, number);
        let first_call = dice.up_to(NOTICED_WITHIN);
        let client = match self.incident.morning {
            Some(within) => {
                self.queue.plan(BEGINS.plus(dice.up_to(within)), (number, Happens::SwitchedOn));
                None
            }
            None => Some(C::signed_in(self.before(false), &mut dice)),
        };
        if self.incident.tokens != Tokens::Good || self.incident.flaps_for.is_some() {
            self.queue.plan(BEGINS.plus(first_call), (number, Happens::Call));
        }
        let issued = Issued::before_everything();
        let device = Device { client, dice, tick: None, issued, well: false, call_pending: false };
        self.devices.push(device);
        self.look_at(number);
    }

    fn before(&self, was_off: bool) -> Before {
        Before {
            now: self.now,
            was_off,
            has_device_key: self.incident.tokens == Tokens::AllVoid,
            has_status: self.server.document().is_some(),
        }
    }

    /// As long as it may take: a client that comes back at all has come back by then.
    fn horizon(&self) -> Duration {
        let work = self.setup.least_time() * self.incident.least_requests();
        let pauses = self.incident.lasts() + self.incident.longest_pause();
        PRELUDE + pauses + work * 6 + Duration::from_secs(900)
    }

    fn run(mut self, kind: Kind, progress: &dyn Fn(Duration, Duration)) -> Report {
        let horizon = self.horizon();
        let repaired = BEGINS.plus(self.incident.lasts());
        let (mut began, mut well_since) = (false, None);
        while let Some((at, (device, happens))) = self.queue.next() {
            while self.second_ends() <= at {
                self.now = self.second_ends();
                if !began && self.now >= BEGINS {
                    began = true;
                    self.begin();
                }
                self.report.second(self.well);
                progress(self.now.since(START), horizon);
                let all = self.setup.devices - self.setup.devices / 1000;
                if self.now < repaired.plus(Duration::from_secs(10)) || self.well < all {
                    well_since = None;
                } else if self.now.since(*well_since.get_or_insert(self.now)) >= EPILOGUE {
                    return self.report.of(kind);
                }
            }
            if at.since(START) > horizon {
                break;
            }
            self.now = at;
            self.happens(device, happens);
        }
        self.report.of(kind)
    }

    fn second_ends(&self) -> Timestamp {
        Timestamp::from_millis((self.now.as_millis() / 1000 + 1) * 1000)
    }

    /// What the incident does to issued tokens shows in every device's standing at once.
    fn begin(&mut self) {
        for device in 0..self.setup.devices {
            self.look_at(device);
        }
    }

    fn device(&mut self, number: u32) -> Option<&mut Device<C>> {
        self.devices.get_mut(usize::try_from(number).unwrap_or(usize::MAX))
    }

    fn happens(&mut self, number: u32, happens: Happens) {
        let (now, before) = (self.now, self.before(true));
        let Some(device) = self.device(number) else { return };
        match happens {
            Happens::SwitchedOn => {
                device.client = Some(C::signed_in(before, &mut device.dice));
                self.call(number);
                self.look_at(number);
            }
            // An earlier one was planned since, and plans the next.
            Happens::Tick if device.tick != Some(now) => {}
            Happens::Tick => {
                device.tick = None;
                let due = device.client.as_ref().and_then(Client::wake_at).is_some_and(|at| at <= now);
                if due { self.tell(number, Event::Tick) } else { self.look_at(number) }
            }
            Happens::Call => {
                self.call(number);
                if self.incident.flaps_for.is_some() && !self.server.is_well(now) {
                    self.queue.plan(now.plus(CALLS_EVERY), (number, Happens::Call));
                }
            }
            Happens::Called { generation, reply } => self.called(number, generation, reply),
            Happens::Probed { attempt, reply } => {
                let outcome = match reply {
                    ApiReply::Accepted => ProbeOutcome::Accepted { on_fresh_connection: true },
                    ApiReply::Rejected => ProbeOutcome::Rejected(RejectionClass::InvalidToken),
                };
                self.tell(number, Event::AttemptEnded { attempt, outcome: Outcome::Probe(outcome) });
            }
            Happens::Answered { attempt, grant, reply } => self.answered(number, attempt, grant, reply),
            Happens::StatusAnswered => {
                let healthy = Some(self.server.is_well(now));
                let spread = self.server.document();
                self.tell(number, Event::StatusRead { healthy, spread });
            }
            Happens::PersonSignsIn if !device.well => self.ask_for_token(number, 0, Grant::Person),
            Happens::PersonSignsIn => {}
        }
    }

    // ---- the app -------------------------------------------------------------------------------------------------

    /// The app calls the API, or waits for a token to do it.
    fn call(&mut self, number: u32) {
        let now = self.now;
        let Some(device) = self.device(number) else { return };
        match device.client.as_ref().and_then(|client| client.token(now)) {
            Some(generation) => self.send(number, generation),
            None => self.wait(number),
        }
    }

    fn wait(&mut self, number: u32) {
        let waits = self.incident.calls_wait || self.incident.morning.is_some();
        let Some(device) = self.device(number) else { return };
        device.call_pending = true;
        if waits {
            self.tell(number, Event::CallWaiting);
        }
    }

    fn send(&mut self, number: u32, generation: Generation) {
        let (now, server) = (self.now, &self.server);
        let Some(device) = self.devices.get_mut(usize::try_from(number).unwrap_or(usize::MAX)) else { return };
        device.call_pending = false;
        let reply = server.call(device.issued, now, &mut device.dice);
        self.queue.plan(now.plus(ROUND_TRIP), (number, Happens::Called { generation, reply }));
    }

    fn called(&mut self, number: u32, generation: Generation, reply: ApiReply) {
        if reply == ApiReply::Accepted {
            return self.tell(number, Event::Accepted { generation });
        }
        if let Some(spread) = self.server.header() {
            self.tell(number, Event::StatusRead { healthy: None, spread: Some(spread) });
        }
        let class = RejectionClass::InvalidToken;
        self.tell(number, Event::Rejected(Rejection { generation, own_audience: true, class, connection_known: true }));
        let now = self.now;
        let tokenless = |device: &mut Device<C>| device.client.as_ref().is_some_and(|it| it.token(now).is_none());
        if self.device(number).is_some_and(tokenless) {
            self.wait(number);
        }
    }

    // ---- the client ----------------------------------------------------------------------------------------------

    fn tell(&mut self, number: u32, event: Event) {
        let now = self.now;
        let Some(device) = self.device(number) else { return };
        let entropy = device.dice.draw();
        let Some(client) = device.client.as_mut() else { return };
        for effect in client.step(event, now, entropy) {
            self.perform(number, effect);
        }
        self.look_at(number);
        let Some(device) = self.device(number).filter(|device| device.call_pending) else { return };
        if let Some(generation) = device.client.as_ref().and_then(|client| client.token(now)) {
            self.send(number, generation);
        }
    }

    fn perform(&mut self, number: u32, effect: Effect) {
        let (now, server) = (self.now, &self.server);
        let Some(device) = self.devices.get_mut(usize::try_from(number).unwrap_or(usize::MAX)) else { return };
        match effect {
            Effect::Probe { attempt, .. } => {
                self.report.probe(now);
                let reply = server.call(device.issued, now, &mut device.dice);
                self.queue.plan(now.plus(ROUND_TRIP), (number, Happens::Probed { attempt, reply }));
            }
            Effect::Refresh { attempt, .. } => self.ask_for_token(number, attempt, Grant::RefreshToken),
            Effect::Reauthenticate { attempt } => self.ask_for_token(number, attempt, Grant::DeviceKey),
            Effect::ReadStatus => self.queue.plan(now.plus(ROUND_TRIP), (number, Happens::StatusAnswered)),
            Effect::Prompt { .. } => {
                self.report.prompt();
                let pause = Duration::from_secs(60) + device.dice.up_to(Duration::from_secs(240));
                self.queue.plan(now.plus(pause), (number, Happens::PersonSignsIn));
            }
            _ => {}
        }
    }

    fn ask_for_token(&mut self, number: u32, attempt: u32, grant: Grant) {
        let now = self.now;
        let Some(issued) = self.device(number).map(|device| device.issued) else { return };
        let (takes, reply) = self.server.token(issued, grant, now);
        self.report.token_request(now, matches!(reply, TokenReply::Granted(_) | TokenReply::Refused));
        self.queue.plan(now.plus(takes), (number, Happens::Answered { attempt, grant, reply }));
    }

    fn answered(&mut self, number: u32, attempt: u32, grant: Grant, reply: TokenReply) {
        let now = self.now;
        let Some(device) = self.device(number) else { return };
        let Some(client) = device.client.as_ref() else { return };
        let new = issued(client.generation().next());
        let outcome = match reply {
            TokenReply::Granted(granted) => {
                device.issued = granted;
                // The app uses what it is given.
                device.call_pending = true;
                TokenOutcome::Renewed(new)
            }
            TokenReply::Refused => TokenOutcome::Refused { revoked: false },
            TokenReply::Busy { retry_after } => {
                // As the SDK reads the header: at most an hour.
                let retry_after = retry_after.map(|pause| pause.min(LONGEST_RETRY_AFTER));
                TokenOutcome::Transient { retry_after, lost: false }
            }
            TokenReply::Late => TokenOutcome::Transient { retry_after: None, lost: true },
            TokenReply::Unreachable => TokenOutcome::Unreachable,
        };
        match (grant, reply) {
            (Grant::Person, TokenReply::Granted(_)) => self.tell(number, Event::SignedIn(new)),
            // A person tries again half a minute later.
            (Grant::Person, _) => {
                let again = now.plus(Duration::from_secs(20) + device.dice.up_to(Duration::from_secs(20)));
                self.queue.plan(again, (number, Happens::PersonSignsIn));
            }
            (Grant::RefreshToken, _) => {
                self.tell(number, Event::AttemptEnded { attempt, outcome: Outcome::Refresh(outcome) });
            }
            (Grant::DeviceKey, _) => {
                self.tell(number, Event::AttemptEnded { attempt, outcome: Outcome::Reauthentication(outcome) });
            }
        }
    }

    /// Plans the device's next tick, and counts whether it is well.
    fn look_at(&mut self, number: u32) {
        let (now, server) = (self.now, &self.server);
        let Some(device) = self.devices.get_mut(usize::try_from(number).unwrap_or(usize::MAX)) else { return };
        let Some(client) = device.client.as_ref() else { return };
        if let Some(at) = client.wake_at().filter(|at| device.tick.is_none_or(|planned| *at < planned)) {
            device.tick = Some(at.max(now));
            self.queue.plan(at.max(now), (number, Happens::Tick));
        }
        let well = client.token(now).is_some() && server.is_good(device.issued, now);
        match (device.well, well) {
            (false, true) => self.well += 1,
            (true, false) => self.well -= 1,
            _ => {}
        }
        device.well = well;
    }
}
