//! The timeline of a session: what was seen, decided and done, line by line, bounded so that an episode keeps its beginning.

use std::{collections::VecDeque, sync::Mutex};

use mainstay_core::{Note, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::account::lock;

/// How many lines are kept in memory.
const LINES: usize = 512;
/// How many lines survive a restart: less than 10 KiB, stored with every record.
pub(super) const LINES_STORED: usize = 64;
/// How many lines of an episode's beginning are not pushed out by what comes later.
const BEGINNING: usize = 16;
/// How many episodes are remembered, the latest of them.
const EPISODES: usize = 8;

/// From a first rejection to the next acceptance. On sign-out: ended, and kept in the record that says so. On SignInRequired
/// and in quarantine: kept, and still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Span {
    /// Sign-out, SignInRequired and quarantine: kept.
    pub(super) since: Timestamp,
    /// `None` while it lasts. Sign-out, SignInRequired and quarantine: kept.
    pub(super) until: Option<Timestamp>,
}

impl Span {
    pub(super) fn contains(self, at: Timestamp) -> bool {
        self.since <= at && self.until.is_none_or(|until| at <= until)
    }
}

/// Everything that is kept, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Journal {
    /// Numbered since the account's first.
    lines: VecDeque<(u64, Note)>,
    written: u64,
    episodes: VecDeque<Span>,
}

impl Journal {
    /// Goes on where a stored one stopped. `written` is how many lines there ever were.
    pub(super) fn resume(notes: Vec<Note>, written: u64, episodes: Vec<Span>) -> Self {
        let kept = u64::try_from(notes.len()).unwrap_or_default();
        let written = written.max(kept);
        let mut journal = Self { lines: (written - kept..).zip(notes).collect(), written, episodes: episodes.into() };
        journal.shorten(LINES);
        journal.forget_old_episodes();
        journal
    }

    pub(super) fn write(&mut self, note: Note) {
        self.lines.push_back((self.written, note));
        self.written += 1;
        self.shorten(LINES);
    }

    pub(super) fn episode_begins(&mut self, at: Timestamp) {
        self.episodes.push_back(Span { since: at, until: None });
        self.forget_old_episodes();
    }

    pub(super) fn episode_ends(&mut self, at: Timestamp) {
        for open in self.episodes.iter_mut().filter(|span| span.until.is_none()) {
            open.until = Some(at);
        }
    }

    pub(super) fn has_open_episode(&self) -> bool {
        self.episodes.back().is_some_and(|span| span.until.is_none())
    }

    pub(super) fn notes(&self) -> Vec<Note> {
        self.lines.iter().map(|(_, note)| *note).collect()
    }

    /// Lines written after the first `seen`.
    pub(super) fn after(&self, seen: u64) -> Vec<Note> {
        self.lines.iter().filter(|(number, _)| *number >= seen).map(|(_, note)| *note).collect()
    }

    /// How many lines there ever were.
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn episodes(&self) -> Vec<Span> {
        self.episodes.iter().copied().collect()
    }

    /// The same, in at most `lines` lines.
    pub(super) fn shortened(&self, lines: usize) -> Self {
        let mut shorter = self.clone();
        shorter.shorten(lines);
        shorter
    }

    /// Drops the oldest lines, but for the beginning of the latest episode: that says why.
    fn shorten(&mut self, lines: usize) {
        let surplus = self.lines.len().saturating_sub(lines);
        if surplus == 0 {
            return;
        }
        let since = self.episodes.back().map(|span| span.since);
        let begins = since.and_then(|since| self.lines.iter().position(|(_, note)| note.at >= since));
        let kept = begins.map_or(0..0, |begins| begins..begins + BEGINNING.min(lines / 2));
        let before = surplus.min(kept.start);
        // What is too much goes from before the episode's beginning, then from behind it.
        let (mut index, mut left) = (0, surplus - before);
        self.lines.retain(|_| {
            let at = index;
            index += 1;
            if at < before {
                return false;
            }
            let goes = left > 0 && !kept.contains(&at) && at >= kept.end;
            left -= usize::from(goes);
            !goes
        });
    }

    fn forget_old_episodes(&mut self) {
        let surplus = self.episodes.len().saturating_sub(EPISODES);
        self.episodes.drain(..surplus);
    }
}

/// An account's journal, as it grows: its task writes, and whoever wants to watches.
pub(super) struct SharedJournal {
    journal: Mutex<Journal>,
    written: watch::Sender<u64>,
}

impl SharedJournal {
    pub(super) fn new(journal: Journal) -> Self {
        Self { written: watch::Sender::new(journal.written()), journal: Mutex::new(journal) }
    }

    pub(super) fn note(&self, note: Note) {
        let mut journal = lock(&self.journal);
        journal.write(note);
        let written = journal.written();
        drop(journal);
        self.written.send_replace(written);
    }

    /// Is told whether an episode is open; whether that is new.
    pub(super) fn episode_is_open(&self, open: bool, now: Timestamp) -> bool {
        let mut journal = lock(&self.journal);
        match (journal.has_open_episode(), open) {
            (false, true) => journal.episode_begins(now),
            (true, false) => journal.episode_ends(now),
            _ => return false,
        }
        true
    }

    /// As it is now.
    pub(super) fn read(&self) -> Journal {
        lock(&self.journal).clone()
    }

    /// Lines after the first `seen`, and how many were ever written.
    pub(super) fn notes_after(&self, seen: u64) -> (Vec<Note>, u64) {
        let journal = lock(&self.journal);
        (journal.after(seen), journal.written())
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }
}

#[cfg(test)]
mod tests;
