//! What the director sees, and what it adds up to.

use std::collections::{BTreeMap, BTreeSet};

use super::spans::Spans;
use crate::{
    protocol::{Outcome, StateEvent, StateName},
    report::SalesCount,
};

/// Everything that is measured, at one moment.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) state: StateEvent,
    pub(super) visited: BTreeSet<StateName>,
    pub(super) prompts: u64,
    pub(super) requests: BTreeMap<String, u64>,
    pub(super) generations: u64,
    pub(super) credentials_destroyed: u64,
    pub(super) app_data_identical: bool,
    pub(super) asked_to_clear_app_data: bool,
    pub(super) foreign_bytes: u64,
    /// Looked at in the end only.
    pub(super) session_survives_restart: bool,
    pub(super) seconds_not_selling: u64,
    pub(super) seconds_lost: u64,
    pub(super) kills: u64,
    pub(super) reuse_detections: u64,
    pub(super) sales: SalesCount,
    pub(super) sales_delivered_once: bool,
}

/// Whether a till can sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ability {
    Online,
    /// Into its own database.
    Offline,
    None,
}

impl Ability {
    pub(super) fn of(state: &StateEvent) -> Self {
        match state.state {
            StateName::SignedIn if state.online => Self::Online,
            StateName::Starting | StateName::SignedOut => Self::None,
            _ => Self::Offline,
        }
    }
}

/// Keeps the account of when and what the till sold.
#[derive(Debug)]
pub(super) struct Ledger {
    since_ms: u64,
    ability: Ability,
    offline: Spans,
    lost: Spans,
    sales: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    asked_ms: u64,
    delivered_ms: Option<u64>,
    refused: bool,
}

impl Ledger {
    pub(super) fn new(now_ms: u64, ability: Ability) -> Self {
        let (offline, lost, sales) = (Spans::default(), Spans::default(), BTreeMap::new());
        Self { since_ms: now_ms, ability, offline, lost, sales }
    }

    pub(super) fn set_ability(&mut self, now_ms: u64, ability: Ability) {
        let (since, was) = (self.since_ms, self.ability);
        (self.since_ms, self.ability) = (now_ms, ability);
        Self::enter(&mut self.offline, &mut self.lost, was, since, now_ms);
    }

    fn enter(offline: &mut Spans, lost: &mut Spans, ability: Ability, from_ms: u64, to_ms: u64) {
        match ability {
            Ability::Online => {}
            Ability::Offline => offline.add(from_ms, to_ms),
            Ability::None => lost.add(from_ms, to_ms),
        }
    }

    pub(super) fn asked(&mut self, now_ms: u64, sale: &str) {
        self.sales.insert(sale.to_owned(), Entry { asked_ms: now_ms, delivered_ms: None, refused: false });
    }

    pub(super) fn became(&mut self, now_ms: u64, sale: &str, outcome: Outcome) {
        // Sales of yesterday, or of nobody, are not this ledger's.
        let Some(entry) = self.sales.get_mut(sale) else { return };
        match outcome {
            Outcome::Queued => {}
            Outcome::Delivered => entry.delivered_ms = entry.delivered_ms.or(Some(now_ms)),
            Outcome::Refused => entry.refused = true,
        }
    }

    /// Seconds without selling online, and those of them without selling at all.
    ///
    /// A till sells online when it says so and what it takes reaches the server. From a sale that did not to the next one
    /// that did is time in which it could not, whatever the till believed.
    pub(super) fn seconds(&self, now_ms: u64) -> (u64, u64) {
        let (mut offline, mut lost) = (self.offline.clone(), self.lost.clone());
        Self::enter(&mut offline, &mut lost, self.ability, self.since_ms, now_ms);
        // From the last sale to the first: names grow with time.
        let mut next_delivery_ms = now_ms;
        for entry in self.sales.values().rev().filter(|entry| !entry.refused) {
            next_delivery_ms = entry.delivered_ms.unwrap_or(next_delivery_ms).min(next_delivery_ms);
            offline.add(entry.asked_ms, next_delivery_ms);
        }
        (offline.and(&lost).seconds(), lost.seconds())
    }

    /// What became of the sales, by the server's own count of each idempotency key, and whether all of them are there.
    pub(super) fn sales(&self, on_server: &BTreeMap<String, u64>) -> (SalesCount, bool) {
        let mut count = SalesCount::default();
        for (sale, entry) in &self.sales {
            let there = on_server.get(sale).is_some_and(|times| *times > 0);
            count.refused += u64::from(entry.refused);
            count.taken += u64::from(!entry.refused);
            count.delivered += u64::from(there);
        }
        let unknown = on_server.keys().any(|sale| !self.sales.contains_key(sale));
        (count, count.delivered == count.taken && !unknown)
    }
}
