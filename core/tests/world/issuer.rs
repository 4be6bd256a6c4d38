//! The authorization server's own count of what this device asks it, over all accounts.

use std::{collections::VecDeque, time::Duration};

use mainstay_core::{
    Timestamp,
    pacing::{LEAST_GAP, LONGEST_RETRY_AFTER},
};

use super::history::{ACCOUNTS, Account};

#[derive(Debug, Default)]
pub struct Issuer {
    /// Automatic calls of the last hour that count: inside an episode, or after a failure.
    pub counted: VecDeque<Timestamp>,
    /// Whether each account's latest call came soon after another. Allowed to the second of a gathering only.
    was_close: [Option<bool>; ACCOUNTS],
    /// The first call that came too soon.
    pub too_soon: Option<Duration>,
    /// Until when the server asked to be left alone.
    paused_until: Option<Timestamp>,
    /// A call was made before that, and was not the second of a gathering.
    pub called_while_paused: bool,
}

impl Issuer {
    /// The clock jumped: what was close before is not known any more.
    pub fn begin_anew(&mut self) {
        self.counted.clear();
        self.paused_until = None;
        self.was_close = [Some(false); ACCOUNTS];
    }

    /// The process died before it could make the call that the session counts already.
    pub fn call_not_made(&mut self, account: Account) {
        self.was_close[account] = Some(false);
    }

    /// The process died: what it had heard last may not have been stored.
    pub fn restarted(&mut self) {
        self.paused_until = None;
    }

    /// The server asked to be left alone (`Retry-After`). Nobody has to believe more than an hour.
    pub fn told_to_wait(&mut self, now: Timestamp, pause: Duration) {
        let until = now.plus(pause.min(LONGEST_RETRY_AFTER));
        self.paused_until = self.paused_until.max(Some(until));
    }

    /// A token request was really sent. `counts` if it did not come from a person, and calls count now.
    pub fn learn(&mut self, account: Account, now: Timestamp, counts: bool) {
        let gap = self.counted.back().map(|latest| now.since(*latest)).filter(|gap| counts && *gap < LEAST_GAP);
        if self.was_close[account] != Some(false) {
            self.too_soon = self.too_soon.or(gap);
            self.called_while_paused |= counts && self.paused_until.is_some_and(|until| now < until);
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
