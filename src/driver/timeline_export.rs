//! The timeline for people and programs outside: a shape of its own, with a version, frozen in `tests/fixtures/timeline`.
//!
//! `docs/timeline.md` describes it. There is no secret in it and nobody's name: codes, times and generation numbers only.

use std::fmt::Write as _;

use mainstay_core::{Note, Timestamp, explain::in_words};
use serde::{Deserialize, Serialize};

use super::{explain::Explanation, journal::Journal, time_line::TimeLine};

/// The version of [`TimelineExport`] that this release writes.
pub const TIMELINE_VERSION: u16 = 1;
/// How many lines an export has at most: less than 64 KiB of JSON.
const LINES_EXPORTED: usize = 200;
const FORMAT: &str = "mainstay-timeline";

/// What was seen, decided and done in a session, and what happens next; to be attached to a report.
///
/// Times are milliseconds since 1970 by the device's own clock. Fields may be added within a version, and are never taken away
/// or given another meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineExport {
    /// Always `mainstay-timeline`.
    pub format: String,
    /// [`TIMELINE_VERSION`] of the release that wrote it.
    pub version: u16,
    /// When it was written.
    pub exported_at_ms: u64,
    /// How far servers are ahead of the device's clock.
    pub server_ahead_ms: i64,
    /// Where the session stood then.
    pub now: Standing,
    /// The latest episodes, at most 8, oldest first.
    pub episodes: Vec<EpisodeExport>,
    /// At most 200, oldest first. Where that is too few, the latest episode keeps its beginning.
    pub lines: Vec<LineExport>,
    /// How many lines there were that are not here.
    pub left_out: u64,
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The state's stable name.
    pub state: String,
    /// The stable code of its reason, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The stable code of its explanation (`docs/explanations.md`).
    pub explanation: String,
    /// The same in words, for an engineer.
    pub text: String,
    /// The stable code of what happens next.
    pub next: String,
    /// When that is; absent where only a person can do something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at_ms: Option<u64>,
}

/// From a first rejection to the next acceptance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpisodeExport {
    /// When it began.
    pub since_ms: u64,
    /// When it ended; absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineExport {
    /// When.
    pub at_ms: u64,
    /// Which of `episodes` it belongs to, counted from 0; absent outside of any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<usize>,
    /// The first word of the code: `evidence` was seen, a `verdict` decided; a `rung` or `step` begun; a `cause` or `reason` says
    /// why it waits, `destroy` by which permission credentials went.
    pub kind: String,
    /// The stable code (`docs/codes.md`).
    pub code: String,
    /// The same in words, for an engineer.
    pub text: String,
    /// About which generation of credentials, by its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Until when, for a wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

impl TimelineExport {
    pub(super) fn new(journal: &Journal, said: &Explanation, line: &TimeLine) -> Self {
        let journal = journal.shortened(LINES_EXPORTED);
        let (spans, notes) = (journal.episodes(), journal.notes());
        let wall = |at: Timestamp| line.wall_ms_at(at);
        let of_note = |note: &Note| LineExport {
            at_ms: wall(note.at),
            episode: spans.iter().rposition(|span| span.contains(note.at)),
            kind: note.code.kind().to_owned(),
            code: note.code.as_str().to_owned(),
            text: note.code.meaning().to_owned(),
            generation: note.generation.map(mainstay_core::Generation::number),
            until_ms: note.until.map(wall),
        };
        Self {
            format: FORMAT.to_owned(),
            version: TIMELINE_VERSION,
            exported_at_ms: line.wall_ms(),
            server_ahead_ms: line.server_ahead_ms(),
            now: Standing {
                state: said.state.to_owned(),
                code: said.code.map(|code| code.as_str().to_owned()),
                explanation: said.situation.as_str().to_owned(),
                text: said.engineer.to_owned(),
                next: said.next.code.to_owned(),
                next_at_ms: said.next.time,
            },
            episodes: spans
                .iter()
                .map(|span| EpisodeExport { since_ms: wall(span.since), until_ms: span.until.map(wall) })
                .collect(),
            left_out: journal.written().saturating_sub(u64::try_from(notes.len()).unwrap_or_default()),
            lines: notes.iter().map(of_note).collect(),
        }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// For people: each line with the time since the one before it, and what happens next.
    #[must_use]
    pub fn to_text(&self) -> String {
        let span = |from: u64, to: u64| in_words(std::time::Duration::from_millis(to.saturating_sub(from)));
        let mut text = String::new();
        if self.left_out > 0 {
            let _infallible = writeln!(text, "({} lines are left out)", self.left_out);
        }
        let (mut before, mut episode) = (self.lines.first().map_or(0, |line| line.at_ms), None);
        for line in &self.lines {
            if line.episode != episode {
                episode = line.episode;
                let what = episode.map_or("No episode.".to_owned(), |number| format!("Episode {}.", number + 1));
                let _infallible = writeln!(text, "{what}");
            }
            let wait = line.until_ms.map(|until| format!(" (for {})", span(line.at_ms, until))).unwrap_or_default();
            let _infallible =
                writeln!(text, "  +{:<12} {:<9} {}{wait}", span(before, line.at_ms), line.kind, line.text);
            before = line.at_ms;
        }
        let next = self.now.next_at_ms.map(|at| format!(" in {}", span(self.exported_at_ms, at))).unwrap_or_default();
        let _infallible = writeln!(text, "Now: {}. {}\nNext: {}{next}.", self.now.state, self.now.text, self.now.next);
        text
    }
}
