//! The authorization server's own count of what this device asks it, over all accounts.

use std::{collections::VecDeque, time::Duration};

use mainstay_core::{Timestamp, pacing::LEAST_GAP};

use super::history::{ACCOUNTS, Account};

#[derive(Debug, Default)]
pub struct Issuer {
    /// Automatic calls of the last hour that count: inside an episode, or after a failure.
    pub counted: VecDeque<Timestamp>,
    /// Whether each account's latest call came soon after another. Allowed to the second of a gathering only.
    was_close: [Option<bool>; ACCOUNTS],
    /// The first call that came too soon.
    pub too_soon: Option<Duration>,
}

impl Issuer {
    /// The clock jumped: what was close before is not known any more.
    pub fn begin_anew(&mut self) {
        self.counted.clear();
        self.was_close = [Some(false); ACCOUNTS];
    }

    /// The process died before it could make the call that the session counts already.
    pub fn call_not_made(&mut self, account: Account) {
        self.was_close[account] = Some(false);
    }

    /// A token request was really sent. `counts` if it did not come from a person, and calls count now.
    pub fn learn(&mut self, account: Account, now: Timestamp, counts: bool) {
        let gap = self.counted.back().map(|latest| now.since(*latest)).filter(|gap| counts && *gap < LEAST_GAP);
        if self.was_close[account] != Some(false) {
            self.too_soon = self.too_soon.or(gap);
        }
        self.was_close[account] = Some(gap.is_some());
        if counts {
            self.counted.push_back(now);
        }
        let an_hour_ago = Timestamp::from_millis(now.as_millis().saturating_sub(3_600_000));
        while self.counted.front().is_some_and(|at| *at <= an_hour_ago) {
            self.counted.pop_front();
        }
    }
}
