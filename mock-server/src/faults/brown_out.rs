//! A line of requests before a server that does so many in a second.

/// The line. Requests leave it evenly, `capacity` in a second of the server's clock.
#[derive(Default)]
pub(super) struct Line {
    /// When whoever joins now would be worked on, in microseconds since 1970.
    free_at_us: u64,
}

impl Line {
    /// Joins the line; how long the wait is, in milliseconds. `None` for who would wait longer than `patience_ms`, and
    /// goes away instead: of twice as many requests as there is capacity for, that is every second one.
    pub(super) fn join(&mut self, now_ms: u64, capacity: u32, patience_ms: u32) -> Option<u64> {
        let now_us = now_ms.saturating_mul(1000);
        let turn_us = self.free_at_us.max(now_us);
        let wait_ms = (turn_us - now_us).div_ceil(1000);
        if wait_ms > u64::from(patience_ms) {
            return None;
        }
        self.free_at_us = turn_us.saturating_add(1_000_000 / u64::from(capacity.max(1)));
        Some(wait_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `arriving` requests per second are sent away in the last of ten seconds, and the longest wait there.
    fn last_second(arriving: u64) -> (u64, u64) {
        let (mut line, mut gone, mut longest) = (Line::default(), 0, 0);
        for request in 0..10 * arriving {
            let joined = line.join(1_000_000 + request * 1000 / arriving, 100, 2_000);
            if request >= 9 * arriving {
                gone += u64::from(joined.is_none());
                longest = longest.max(joined.unwrap_or(0));
            }
        }
        (gone, longest)
    }

    #[test]
    fn a_line_is_slow_and_sends_people_away_in_proportion_to_the_load() {
        assert_eq!(last_second(50), (0, 0));
        assert_eq!(last_second(100), (0, 0));
        let (gone, longest) = last_second(110);
        assert_eq!(gone, 0);
        assert!((900..=1000).contains(&longest), "{longest}");
        for (arriving, expected) in [(200, 100), (400, 300)] {
            let (gone, longest) = last_second(arriving);
            assert!(gone.abs_diff(expected) <= 2, "{arriving}: {gone}");
            assert!((1990..=2000).contains(&longest), "{longest}");
        }
    }
}
