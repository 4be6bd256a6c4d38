//! Two ways of doing the same, timed in turn.

use std::time::{Duration, Instant};

/// Times of a floor and of ours, measured one right after the other, pair by pair.
#[derive(Clone, Debug, Default)]
pub struct Pairs(Vec<(Duration, Duration)>);

/// What pairs come to.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    /// The median time of the floor.
    pub floor: Duration,
    /// The median time of ours.
    pub ours: Duration,
    /// The median of ours divided by floor, each within its pair: a machine that slows down slows both.
    pub ratio: f64,
}

impl Pairs {
    /// Times batches of `calls` calls each, as many as there are `rounds`, taking turns at going first.
    pub fn of(rounds: u32, calls: u32, mut floor: impl FnMut(), mut ours: impl FnMut()) -> Self {
        let mut pairs = Self::default();
        for round in 0..rounds {
            if round % 2 == 0 {
                let first = batch(calls, &mut floor);
                pairs.push(first, batch(calls, &mut ours));
            } else {
                let first = batch(calls, &mut ours);
                pairs.push(batch(calls, &mut floor), first);
            }
        }
        pairs
    }

    /// Adds one pair.
    pub fn push(&mut self, floor: Duration, ours: Duration) {
        self.0.push((floor, ours));
    }

    /// The medians.
    #[must_use]
    pub fn compared(&self) -> Compared {
        Compared {
            floor: median(self.0.iter().map(|(floor, _)| *floor)),
            ours: median(self.0.iter().map(|(_, ours)| *ours)),
            ratio: median(self.0.iter().map(|(floor, ours)| ours.div_duration_f64(*floor))),
        }
    }
}

fn batch(calls: u32, call: &mut impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        call();
    }
    start.elapsed()
}

/// The middle one; nothing of nothing.
pub(crate) fn median<T: PartialOrd + Default>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<_> = values.collect();
    values.sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
    let middle = values.len() / 2;
    values.into_iter().nth(middle).unwrap_or_default()
}
