//! Where a session stands, in plain words: the core's table, with the session's own times filled in.

use mainstay_core::{Action, Code, Situation};

use super::{account::SessionState, time_line::TimeLine};

/// Where a session stands and what happens next, for three readers. Texts are English, and `docs/explanations.md` lists them
/// all; an app that speaks another language translates by the codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The row of the table; [`Situation::as_str`] is its stable code, for example `explain.holding.flapping`.
    pub situation: Situation,
    /// The state's stable name.
    pub state: &'static str,
    /// The reason's stable code; `None` where the state needs none.
    pub code: Option<Code>,
    /// For whoever stands at the till; at most 80 characters.
    pub cashier: &'static str,
    /// For whoever is responsible; at most 160 characters.
    pub manager: &'static str,
    /// For whoever repairs it; at most 200 characters.
    pub engineer: &'static str,
    /// Whether it waits for a person. What is kept is tested by itself all the same.
    pub needs_person: bool,
    /// What a person may do now, the most helpful first.
    pub may: &'static [Action],
    /// What happens next.
    pub next: Next,
}

/// What happens next, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The stable code, for example `next.retry`.
    pub code: &'static str,
    /// The sentence, with the time until then in words: `Tries again in 4 min 20 s.`
    pub sentence: String,
    /// The time until then in whole seconds, rounded up; `None` if only a person can do something.
    pub seconds: Option<u64>,
    /// The same as a moment: milliseconds since 1970, by the device's own clock.
    pub time: Option<u64>,
}

/// Explains a state, as of now.
pub(super) fn explain(board: &SessionState, line: &TimeLine) -> Explanation {
    let now = line.now();
    let situation = Situation::of(board.state, board.unsaved);
    let wait = board.next.wait(now);
    Explanation {
        situation,
        state: board.state.name(),
        code: board.state.code(),
        cashier: situation.cashier(),
        manager: situation.manager(),
        engineer: situation.engineer(),
        needs_person: situation.needs_person(),
        may: situation.may(),
        next: Next {
            code: board.next.step.as_str(),
            sentence: board.next.sentence(now),
            seconds: wait.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
            time: board.next.at.map(|at| line.wall_ms_at(at)),
        },
    }
}
