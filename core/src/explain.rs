//! Where a session stands, in plain words, from one table that every client and translator uses.
//!
//! A [`Situation`] is a state with its reason: a sentence each for the cashier, the manager and the engineer, and what a person
//! [may do](Action) now. A [`Next`] is what happens next and when, taken from the session's own plan, so that what is said
//! comes true. Texts are English; an app that speaks another language translates by code, with `docs/explanations.md` in hand.

mod next;
mod situations;
#[cfg(test)]
mod tests;

use alloc::{format, string::String};
use core::time::Duration;

pub use next::{Next, NextStep};
pub use situations::{Action, Situation};

/// A length of time in words, rounded up to the second: `4 min 20 s`, `1 h 5 min`. `0 s` for none.
#[must_use]
pub fn in_words(wait: Duration) -> String {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let (days, hours, minutes, rest) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes, rest) {
        (0, 0, 0, rest) => format!("{rest} s"),
        (0, 0, minutes, 0) => format!("{minutes} min"),
        (0, 0, minutes, rest) => format!("{minutes} min {rest} s"),
        (0, hours, 0, _) => format!("{hours} h"),
        (0, hours, minutes, _) => format!("{hours} h {minutes} min"),
        (days, 0, ..) => format!("{days} d"),
        (days, hours, ..) => format!("{days} d {hours} h"),
    }
}

/// The table as `docs/explanations.md`, written by `cargo xtask codes`.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(
        "# Explanations\n\nWhat Mainstay says about a session: to the cashier, to the manager, to an engineer. A translation goes by the\n\
         code; codes never change their meaning once released. Generated from `core/src/explain/` by `cargo xtask codes`; do\n\
         not edit.\n\nIn every situation the credentials on the device are kept, except after a sign-out. Nobody ever has to do anything\n\
         to the app or its data.\n",
    );
    let mut state = "";
    for situation in Situation::ALL {
        if situation.state() != state {
            state = situation.state();
            page.push_str(&format!("\n## {state}\n"));
        }
        page.push_str(&format!(
            "\n### `{}`\n\n- cashier: {}\n- manager: {}\n- engineer: {}\n- may: ",
            situation.as_str(),
            situation.cashier(),
            situation.manager(),
            situation.engineer()
        ));
        for (index, action) in situation.may().iter().enumerate() {
            page.push_str(&format!("{}`{}`", if index == 0 { "" } else { ", " }, action.as_str()));
        }
        page.push_str(if situation.may().is_empty() { "nothing; it goes on by itself\n" } else { "\n" });
    }
    page.push_str("\n## What a person may do\n\n| code | sentence |\n|---|---|\n");
    for action in Action::ALL {
        page.push_str(&format!("| `{}` | {} |\n", action.as_str(), action.sentence()));
    }
    page.push_str(
        "\n## What happens next\n\n`{wait}` stands for the time until then in words, for example `4 min 20 s`; clients also get it as the \
         number\n`seconds` and as the moment `time`. \"Within\" means that a waiting call, or an answer, may bring it forward.\n\n\
         | code | by itself | sentence |\n|---|---|---|\n",
    );
    for step in NextStep::ALL {
        let by_itself = if step.is_by_itself() { "yes" } else { "no" };
        page.push_str(&format!("| `{}` | {by_itself} | {} |\n", step.as_str(), step.template()));
    }
    page
}
