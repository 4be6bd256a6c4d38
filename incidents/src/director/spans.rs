//! Stretches of time, and how long they are together.

/// Stretches of virtual time in milliseconds that may overlap.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans(Vec<(u64, u64)>);

impl Spans {
    pub(super) fn add(&mut self, from_ms: u64, to_ms: u64) {
        if from_ms < to_ms {
            self.0.push((from_ms, to_ms));
        }
    }

    /// These and those.
    pub(super) fn and(mut self, others: &Self) -> Self {
        self.0.extend_from_slice(&others.0);
        self
    }

    /// How many seconds they cover together, begun seconds counted whole.
    pub(super) fn seconds(&self) -> u64 {
        let mut spans = self.0.clone();
        spans.sort_unstable();
        let mut covered = 0;
        let mut until = 0;
        for (from, to) in spans {
            covered += to.saturating_sub(from.max(until));
            until = until.max(to);
        }
        u64::div_ceil(covered, 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_counts_once_and_a_begun_second_counts_whole() {
        let mut spans = Spans::default();
        assert_eq!(spans.seconds(), 0);
        for (from, to) in [(5_000, 9_000), (1_000, 2_000), (6_000, 7_000), (8_000, 10_001), (3_000, 3_000)] {
            spans.add(from, to);
        }
        assert_eq!(spans.seconds(), 7);
    }
}
