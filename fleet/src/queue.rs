//! What happens next, and to whom.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use mainstay_core::Timestamp;

/// Things to come, earliest first; of the same millisecond, the one that was planned first.
///
/// Only the entries of one second are kept in order: of a million devices, most wait for something that is minutes away.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    this_second: BinaryHeap<Reverse<Entry<T>>>,
    later: BTreeMap<u64, Vec<Reverse<Entry<T>>>>,
    planned: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Timestamp,
    order: u64,
    what: T,
}

impl<T> Entry<T> {
    const fn key(&self) -> (Timestamp, u64) {
        (self.at, self.order)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl<T> Queue<T> {
    pub(crate) const fn new() -> Self {
        Self { this_second: BinaryHeap::new(), later: BTreeMap::new(), planned: 0 }
    }

    pub(crate) fn plan(&mut self, at: Timestamp, what: T) {
        self.planned += 1;
        let entry = Reverse(Entry { at, order: self.planned, what });
        let second = at.as_millis() / 1000;
        match self.this_second.peek() {
            Some(Reverse(next)) if second <= next.at.as_millis() / 1000 => self.this_second.push(entry),
            _ => self.later.entry(second).or_default().push(entry),
        }
    }

    pub(crate) fn next(&mut self) -> Option<(Timestamp, T)> {
        if self.this_second.is_empty() {
            let (_, entries) = self.later.pop_first()?;
            self.this_second = entries.into();
        }
        self.this_second.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }
}

#[cfg(test)]
mod tests;
