//! What a run came to: load second by second, and the few numbers that matter.

use std::time::Duration;

use mainstay_core::Timestamp;

use crate::{
    Setup,
    incident::Incident,
    picture::{Panel, Picture},
    simulation::{BEGINS, PRELUDE},
};

/// Which client the devices run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The decision core as it is.
    Mainstay,
    /// The decision core without its first random wait.
    Unspread,
    /// Refreshes on every 401 at once, and retries with full jitter.
    FullJitter,
    /// Refreshes on every 401 at once, and retries every ten seconds.
    FixedRetry,
}

impl Kind {
    /// Every kind, ours first.
    pub const ALL: [Self; 4] = [Self::Mainstay, Self::Unspread, Self::FullJitter, Self::FixedRetry];

    /// As tables and pictures call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mainstay => "Mainstay",
            Self::Unspread => "Mainstay, unspread",
            Self::FullJitter => "full jitter",
            Self::FixedRetry => "fixed retry",
        }
    }
}

/// What one incident came to with one kind of client.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The client.
    pub kind: Kind,
    /// How many devices.
    pub devices: u32,
    /// Token requests per second that the server can answer.
    pub capacity: u32,
    /// Token requests in each second since the simulation began.
    pub load: Vec<u32>,
    /// Devices that had a good token at the end of each second.
    pub well: Vec<u32>,
    /// Token requests since the incident began.
    pub requests: u64,
    /// Those of them that were answered in time, with tokens or a refusal.
    pub answered: u64,
    /// Probes since the incident began.
    pub probes: u64,
    /// How often a person was asked to sign in.
    pub prompts: u64,
    /// How long the incident itself lasted; what devices do is counted from its end.
    pub lasted: Duration,
    /// Token requests that a device cannot do without.
    pub least_requests: u32,
    /// Whether the incident takes every device's token.
    pub concerns_all: bool,
}

impl Report {
    pub(crate) fn new(incident: &Incident, setup: Setup) -> Self {
        Self {
            kind: Kind::Mainstay,
            devices: setup.devices,
            capacity: setup.capacity,
            load: Vec::new(),
            well: Vec::new(),
            requests: 0,
            answered: 0,
            probes: 0,
            prompts: 0,
            lasted: incident.lasts(),
            least_requests: incident.least_requests(),
            concerns_all: incident.concerns_all(),
        }
    }

    pub(crate) fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The second that has just ended.
    pub(crate) fn second(&mut self, well: u32) {
        self.well.push(well);
        if self.load.len() < self.well.len() {
            self.load.resize(self.well.len(), 0);
        }
    }

    pub(crate) fn token_request(&mut self, now: Timestamp, answered: bool) {
        let second = self.well.len();
        if self.load.len() <= second {
            self.load.resize(second + 1, 0);
        }
        if let Some(load) = self.load.get_mut(second) {
            *load += 1;
        }
        if now >= BEGINS {
            self.requests += 1;
            self.answered += u64::from(answered);
        }
    }

    pub(crate) fn probe(&mut self, now: Timestamp) {
        self.probes += u64::from(now >= BEGINS);
    }

    pub(crate) const fn prompt(&mut self) {
        self.prompts += 1;
    }

    /// In which second the incident begins.
    #[must_use]
    pub fn begins(&self) -> usize {
        seconds(PRELUDE)
    }

    /// In which second the server is whole again.
    #[must_use]
    pub fn repaired(&self) -> usize {
        self.begins() + seconds(self.lasted)
    }

    /// The highest mean load of any ten seconds on end since the incident began, in multiples of the capacity.
    #[must_use]
    pub fn peak(&self) -> f64 {
        let since = self.load.get(self.begins()..).unwrap_or_default();
        let most = since.windows(10).map(|ten| ten.iter().sum::<u32>()).max().unwrap_or_default();
        f64::from(most) / 10.0 / f64::from(self.capacity)
    }

    /// How long after the server was whole again 99 of 100 devices had a good token; `None` if they never had within the
    /// simulated time.
    #[must_use]
    pub fn back_after(&self) -> Option<Duration> {
        let wanted = self.devices - self.devices / 100;
        let since = self.well.get(self.repaired()..)?;
        let seconds = since.iter().position(|well| *well >= wanted)?;
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX)))
    }

    /// [`back_after`](Self::back_after) in multiples of the least time that the server needs for everybody.
    #[must_use]
    pub fn back_after_least_times(&self) -> Option<f64> {
        let least = f64::from(self.devices) * f64::from(self.least_requests) / f64::from(self.capacity);
        self.back_after().map(|after| after.as_secs_f64() / least)
    }

    /// Token requests per device since the incident began.
    #[must_use]
    pub fn requests_per_device(&self) -> f64 {
        share(self.requests, self.devices)
    }

    /// Probes per device since the incident began.
    #[must_use]
    pub fn probes_per_device(&self) -> f64 {
        share(self.probes, self.devices)
    }

    /// As a panel of a picture.
    #[must_use]
    pub fn panel(&self) -> Panel {
        let back =
            self.back_after().map_or("99 % not back".to_owned(), |after| format!("99 % back after {}", minutes(after)));
        let people = if self.prompts > 0 { format!(", {} people asked", grouped(self.prompts)) } else { String::new() };
        let (peak, requests) = (self.peak(), self.requests_per_device());
        Panel {
            title: self.kind.name().to_owned(),
            result: format!("highest 10 s: {peak:.1} × capacity, {back}, {requests:.1} requests per device{people}"),
            load: self.load.clone(),
            back: self.back_after().map(|after| self.repaired() - self.begins() + seconds(after)),
        }
    }

    /// What the goals for a server that gives its hint say, and this run breaks. Empty if they are met.
    #[must_use]
    pub fn broken_goals(&self) -> Vec<String> {
        let mut broken = Vec::new();
        if self.peak() > 1.2 {
            broken.push(format!("the highest 10 s are {:.2} times the capacity, more than 1.2", self.peak()));
        }
        match self.back_after_least_times() {
            Some(after) if after <= 1.4 => {}
            Some(after) => broken.push(format!("99 % are back after {after:.2} times the least time, more than 1.4")),
            None => broken.push("99 % are never back".to_owned()),
        }
        let most = f64::from(self.least_requests) + 0.1;
        if self.requests_per_device() > most {
            broken.push(format!("{:.2} token requests per device, more than {most}", self.requests_per_device()));
        }
        if self.prompts > 0 {
            broken.push(format!("{} people were asked to sign in", self.prompts));
        }
        broken
    }
}

fn seconds(duration: Duration) -> usize {
    usize::try_from(duration.as_secs()).unwrap_or(usize::MAX)
}

fn minutes(duration: Duration) -> String {
    format!("{}:{:02} min", duration.as_secs() / 60, duration.as_secs() % 60)
}

/// 1000000 as 1,000,000.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn share(count: u64, devices: u32) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / f64::from(devices)
}

/// One incident with every client that it was run with, as a picture; `None` without any.
#[must_use]
pub fn picture(incident: &Incident, reports: &[&Report]) -> Option<Picture> {
    let first = reports.first()?;
    let devices = grouped(u64::from(first.devices));
    let capacity = grouped(u64::from(first.capacity));
    let down = if incident.lasts().is_zero() { "" } else { " Grey: while it lasts." };
    Some(Picture {
        title: incident.title.to_owned(),
        subtitle: format!(
            "{devices} devices. Dashed: what the server can do, {capacity} token requests per second. Orange: what is \
             beyond it; black: cut off.{down}"
        ),
        panels: reports.iter().map(|report| report.panel()).collect(),
        capacity: first.capacity,
        begins: first.begins(),
        down_for: first.repaired() - first.begins(),
    })
}
