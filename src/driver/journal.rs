//! An account's timeline, as it grows.

use std::{collections::VecDeque, sync::Mutex};

use mainstay_core::Note;
use tokio::sync::watch;

use super::account::lock;

/// How many lines are kept in memory.
const LINES_KEPT: usize = 512;

/// What was seen, decided and done, the latest lines of it.
pub(super) struct Journal {
    lines: Mutex<Lines>,
    written: watch::Sender<u64>,
}

struct Lines {
    kept: VecDeque<Note>,
    /// How many there ever were.
    written: u64,
}

impl Journal {
    /// Goes on from what was stored.
    pub(super) fn new(notes: Vec<Note>) -> Self {
        let written = u64::try_from(notes.len()).unwrap_or_default();
        Self { lines: Mutex::new(Lines { kept: notes.into(), written }), written: watch::Sender::new(written) }
    }

    pub(super) fn note(&self, note: Note) {
        let mut lines = lock(&self.lines);
        if lines.kept.len() == LINES_KEPT {
            lines.kept.pop_front();
        }
        lines.kept.push_back(note);
        lines.written += 1;
        let written = lines.written;
        drop(lines);
        self.written.send_replace(written);
    }

    pub(super) fn notes(&self) -> Vec<Note> {
        lock(&self.lines).kept.iter().copied().collect()
    }

    /// Lines after the first `seen`, and how many were ever written.
    pub(super) fn notes_after(&self, seen: u64) -> (Vec<Note>, u64) {
        let lines = lock(&self.lines);
        let new = usize::try_from(lines.written.saturating_sub(seen)).unwrap_or(usize::MAX);
        let skipped = lines.kept.len().saturating_sub(new);
        (lines.kept.iter().skip(skipped).copied().collect(), lines.written)
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }
}
