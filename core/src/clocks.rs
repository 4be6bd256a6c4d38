//! A snapshot's times, on the time line of this run.
//!
//! The driver keeps one line across restarts as well as it can. Where it could not, because a clock went back or a file
//! is damaged, nobody may be held for ever: what has happened lies in the past, and nothing waits longer than its kind may.

use core::time::Duration;

use crate::{
    State, Timestamp,
    memory::{Access, Memory, Snapshot, Task},
    pacing::{LONGEST_LIFE, LONGEST_WAIT, Recently},
};

/// Longest wait of anything that is neither spread nor a token's life: an hourly schedule and its jitter.
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 3600);

/// How the times of a snapshot are to be read now.
struct Line {
    now: Timestamp,
    /// How far the clock went back since the snapshot was taken.
    back: Duration,
    /// How much of the time since then is uncertain.
    doubt: Duration,
}

impl Line {
    fn past(&self, at: Timestamp) -> Timestamp {
        at.minus(self.back).min(self.now)
    }

    /// The beginning of a wait that costs somebody something. Uncertain time does not count towards it.
    fn waits_since(&self, at: Timestamp) -> Timestamp {
        self.past(at.plus(self.doubt))
    }

    fn future(&self, at: Timestamp, longest: Duration) -> Timestamp {
        at.minus(self.back).min(self.now.plus(longest))
    }

    fn access(&self, access: Access) -> Access {
        let expires_at = self.future(access.expires_at, LONGEST_LIFE);
        Access {
            first: access.first,
            received_at: self.past(access.received_at),
            expires_at,
            renew_at: self.future(access.renew_at, LONGEST_LIFE).min(expires_at),
            standing: access.standing,
        }
    }

    fn state(&self, state: State) -> State {
        match state {
            State::Recovering { since } => State::Recovering { since: self.past(since) },
            State::Holding { cause, retry_at } => {
                State::Holding { cause, retry_at: self.future(retry_at, LONGEST_WAIT) }
            }
            State::SignInRequired { reason, since } => State::SignInRequired { reason, since: self.waits_since(since) },
            State::Quarantined { incident, since } => State::Quarantined { incident, since: self.past(since) },
            State::Starting | State::Locked { .. } | State::SignedOut { .. } | State::SignedIn { .. } => state,
        }
    }

    fn recently(&self, times: Recently) -> Recently {
        Recently(times.0.map(|at| at.map(|at| self.past(at))))
    }
}

impl Snapshot {
    /// The memory, with every time as it is to be read at `now`.
    pub(crate) fn memory_at(&self, now: Timestamp, gap_is_certain: bool) -> Memory {
        let doubt = if gap_is_certain { Duration::ZERO } else { now.since(self.taken_at) };
        let line = Line { now, back: self.taken_at.since(now), doubt };
        let mut memory = self.memory;
        memory.state = line.state(memory.state);
        if let Some(held) = memory.held.as_mut() {
            held.access = held.access.map(|access| line.access(access));
            // Nobody can have waited for a person for longer than the credentials exist: 30 days are never cut short.
            if let (State::SignInRequired { since, .. }, Some(access)) = (&mut memory.state, held.access) {
                *since = access.received_at.max(*since);
            }
        }
        if let Some(previous) = memory.previous.as_mut() {
            previous.access = previous.access.map(|access| line.access(access));
        }
        if let Some(episode) = memory.episode.as_mut() {
            episode.since = line.past(episode.since);
        }
        if let Some(plan) = memory.plan.as_mut() {
            let longest = if matches!(plan.task, Task::Climb | Task::Retry) { LONGEST_WAIT } else { LONGEST_PAUSE };
            plan.at = line.future(plan.at, longest);
        }
        for at in [&mut memory.sign_ins.latest, &mut memory.sign_ins.void_at].into_iter().flatten() {
            *at = line.past(*at);
        }
        memory.retest_at = memory.retest_at.map(|at| line.future(at, LONGEST_PAUSE));
        if let Some(retests) = memory.retests.as_mut() {
            retests.since = line.past(retests.since);
        }
        memory.refreshed_at = memory.refreshed_at.map(|at| line.past(at));
        memory.flaps = line.recently(memory.flaps);
        memory.overruled = line.recently(memory.overruled);
        memory.dwell.left_at = memory.dwell.left_at.map(|at| line.past(at));
        memory.dwell.until = memory.dwell.until.map(|at| line.future(at, LONGEST_PAUSE));
        memory.unreasoned.first = memory.unreasoned.first.map(|at| line.waits_since(at));
        memory
    }
}
