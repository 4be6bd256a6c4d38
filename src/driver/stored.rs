//! A session's record, for people to look at.

use std::sync::Arc;

use mainstay_core::{Note, Situation, State, Timestamp};

use super::{record::SessionRecord, time_line::TimeLine};
use crate::{Identity, host::Clock};

/// What a session remembers over a restart.
#[derive(Clone, Debug)]
pub struct SessionMemory {
    /// What the session's time line shows now; every time below is on that line.
    pub now: Timestamp,
    /// When this was stored.
    pub stored_at: Timestamp,
    /// Where the session stood then.
    pub state: State,
    /// The same in plain words: the row of the table that [`Session::explain`](crate::Session::explain) speaks from.
    pub situation: Situation,
    /// Whom the account is pinned to.
    pub identity: Option<Identity>,
    /// When a server last accepted the session.
    pub last_accepted: Timestamp,
    /// Whether a sign-in prompt stands open.
    pub prompting: bool,
    /// The last lines of the timeline, the oldest first.
    pub notes: Vec<Note>,
}

/// What a stored record says, if this release understands it.
pub(crate) fn memory(record: &[u8], clock: &Arc<dyn Clock>) -> Option<SessionMemory> {
    let record = SessionRecord::read(record)?;
    let now = TimeLine::resume(Arc::clone(clock), Some(&record.clock)).now();
    let state = record.snapshot.state();
    Some(SessionMemory {
        now,
        stored_at: Timestamp::from_millis(record.clock.line_ms()),
        state,
        // What is stored is not unsaved.
        situation: Situation::of(state, false),
        identity: record.identity,
        last_accepted: record.last_accepted,
        prompting: record.prompting,
        notes: record.notes,
    })
}
