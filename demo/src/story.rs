//! From what happened to what is worth a line.
//!
//! Nothing is invented here. What is told is an event; what repeats is counted and told once.

use std::collections::HashSet;

use mainstay_incidents::{
    director::{Happening, Scene},
    format::{DeviceStep, Kill, What},
    protocol::{Note, Outcome, Prompt, StateEvent},
    report::Failure,
};

use crate::{
    args::Which,
    beats::{Beat, Lane},
    words::{self, BAD, CALM, DEED, FAINT, GOOD, NORMAL, ODD, STRONG},
};

/// The beats of one client's performance. What is expected of Mainstay is no story of the naive client's.
pub(crate) fn tell(scenes: &[Scene], which: Which) -> Vec<Beat> {
    let inside = if which == Which::Rust { Lane::Sdk } else { Lane::App };
    let mut teller = Teller { inside, ..Teller::default() };
    for scene in scenes {
        teller.hear(scene);
    }
    teller.beats
}

/// Sales that have something in common, one after the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    AtOnce,
    Kept,
    Late,
    Refused,
}

struct Run {
    kind: Kind,
    at_ms: u64,
    count: u32,
    cents: u32,
    longest_ms: u64,
}

#[derive(Default)]
struct Teller {
    /// Where the client's inner life is told.
    inside: Lane,
    beats: Vec<Beat>,
    run: Option<Run>,
    /// Sales in the till's database, of which it is not yet clear whether they go on at once.
    fresh: Vec<(String, u64, u32)>,
    /// What was told since something last changed, and what came again since.
    told: HashSet<String>,
    again: u32,
    again_at_ms: u64,
    cashier: String,
}

impl Teller {
    fn hear(&mut self, Scene { at_ms, what }: &Scene) {
        let at = *at_ms;
        match what {
            Happening::Sale { sale, total_cents, outcome, after_ms } => {
                self.hear_sale(at, sale, *total_cents, *outcome, *after_ms);
            }
            Happening::Asked { .. } => {}
            Happening::Request { endpoint, status } if endpoint == "sales" && status.starts_with('2') => {}
            Happening::Begins { person } => {
                let text = format!("The shop opens. {} has signed in, and is at the till.", words::name(person));
                self.changed(Beat::new(at, Lane::Till).say(NORMAL, text));
            }
            // It happens later, and is told then.
            Happening::Step(What::Device(DeviceStep::Kill(Kill { during: Some(_), .. }))) => {}
            Happening::Killed { during, moment } => {
                self.changed(Beat::new(at, Lane::Device).say(STRONG, words::killed(during, *moment)));
            }
            Happening::StartedAgain => {
                self.changed(Beat::new(at, Lane::Device).say(STRONG, "The app starts again."));
            }
            Happening::Step(step) => {
                let (lane, text) = words::step(step);
                self.changed(Beat::new(at, lane).say(STRONG, text));
            }
            Happening::NetworkReturned => {
                self.changed(Beat::new(at, Lane::Device).say(STRONG, "The network is back."));
            }
            Happening::PersonAnswers { clears_app_data } => {
                let text = if *clears_app_data { "clears the app's data, as told, and signs in" } else { "signs in" };
                self.changed(Beat::new(at, Lane::Person).say(STRONG, text));
            }
            Happening::State(state) => self.hear_state(at, state),
            Happening::Explained(said) if !said.next.is_empty() => {
                self.told_once(Beat::new(at, self.inside).kind(FAINT, "next").say(NORMAL, said.next.clone()));
            }
            Happening::Explained(_) => {}
            Happening::Prompt(prompt) => self.changed(prompted(at, prompt)),
            Happening::Note(note) => self.told_once(noted(at, self.inside, note)),
            Happening::Shown(text) => {
                self.told_once(Beat::new(at, Lane::Till).say(FAINT, "shows the name").say(NORMAL, text.clone()));
            }
            Happening::Called { path, result } => {
                let result = result.as_ref().map_or_else(Clone::clone, u16::to_string);
                self.told_once(
                    Beat::new(at, Lane::Wire).say(NORMAL, format!("GET {path} → {result}, in the app's hands")),
                );
            }
            Happening::Request { endpoint, status } => self.told_once(request(at, endpoint, status)),
            Happening::Refused { order, code, message } => {
                let text = format!("could not {order}: {message}");
                self.told_once(Beat::new(at, Lane::Till).say(ODD, code.clone()).say(NORMAL, text));
            }
            Happening::Failed(failure) if self.inside == Lane::Sdk => self.changed(failed(at, failure)),
            Happening::Failed(_) => {}
            Happening::Ends => self.flush(),
        }
    }

    fn hear_state(&mut self, at: u64, state: &StateEvent) {
        let name = state.state.to_string();
        let mut beat =
            Beat::new(at, self.inside).kind(FAINT, "state").say(words::of_state(&name), name.replace('_', " "));
        if let Some(reason) = &state.reason {
            beat = beat.say(FAINT, format!("({reason})"));
        }
        self.changed(beat);
        if !state.cashier.is_empty() && state.cashier != self.cashier {
            self.cashier.clone_from(&state.cashier);
            self.beats.push(Beat::new(at, Lane::Till).say(CALM, format!("“{}”", state.cashier)));
        }
    }

    fn hear_sale(&mut self, at: u64, sale: &str, cents: u32, outcome: Outcome, after_ms: u64) {
        let known = self.fresh.iter().position(|(name, ..)| name == sale);
        match outcome {
            Outcome::Queued => {
                self.keep_fresh(at);
                self.fresh.push((sale.to_owned(), at, cents));
            }
            Outcome::Delivered => {
                let kind = if after_ms == 0 { Kind::AtOnce } else { Kind::Late };
                if let Some(place) = known.filter(|_| after_ms == 0) {
                    self.fresh.remove(place);
                }
                self.keep_fresh(at);
                self.extend(kind, at, cents, after_ms);
            }
            Outcome::Refused => self.extend(Kind::Refused, at, cents, 0),
        }
    }

    /// What was queued before this moment and did not go on at once is kept.
    fn keep_fresh(&mut self, before_ms: u64) {
        let (kept, fresh): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.fresh).into_iter().partition(|(_, at, _)| *at < before_ms);
        self.fresh = fresh;
        for (_, at, cents) in kept {
            self.extend(Kind::Kept, at, cents, 0);
        }
    }

    fn extend(&mut self, kind: Kind, at_ms: u64, cents: u32, after_ms: u64) {
        if self.run.as_ref().is_none_or(|run| run.kind != kind) {
            self.flush_run();
            self.run = Some(Run { kind, at_ms, count: 0, cents: 0, longest_ms: 0 });
        }
        if let Some(run) = &mut self.run {
            run.at_ms = at_ms;
            run.count += 1;
            run.cents += cents;
            run.longest_ms = run.longest_ms.max(after_ms);
        }
    }

    fn flush_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.beats.push(sold(&run));
        }
    }

    fn flush(&mut self) {
        let from = self.beats.len();
        self.keep_fresh(u64::MAX);
        self.flush_run();
        if self.again > 0 {
            let (again, at) = (std::mem::take(&mut self.again), self.again_at_ms);
            self.beats.push(Beat::new(at, self.inside).say(FAINT, format!("… and so on: {again} more of the same")));
            if let Some(flushed) = self.beats.get_mut(from..) {
                flushed.sort_by_key(|beat| beat.at_ms);
            }
        }
    }

    /// Something new: what repeats from here on is worth a line again.
    fn changed(&mut self, beat: Beat) {
        self.flush();
        self.told.clear();
        self.beats.push(beat);
    }

    /// Worth a line the first time.
    fn told_once(&mut self, beat: Beat) {
        let text = format!("{:?}{:?}", beat.lane, beat.words);
        if self.told.insert(text) {
            self.flush();
            self.beats.push(beat);
        } else {
            self.again += 1;
            self.again_at_ms = beat.at_ms;
        }
    }
}

fn sold(run: &Run) -> Beat {
    let Run { kind, at_ms, count, cents, longest_ms } = *run;
    let (worth, later) = (words::euros(cents), words::span(longest_ms));
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let beat = Beat::new(at_ms, Lane::Till);
    match kind {
        Kind::AtOnce => beat.say(FAINT, format!("sells {times} for {worth}; the server has it at once")),
        Kind::Kept => beat.say(ODD, format!("sells {times} for {worth}; the till keeps it for the server")),
        Kind::Late if count == 1 => beat.say(GOOD, format!("the server has the kept sale, {later} later")),
        Kind::Late => beat.say(GOOD, format!("the server has {count} kept sales, the oldest {later} later")),
        Kind::Refused => {
            let leave = if count == 1 { "a customer leaves".to_owned() } else { format!("{count} customers leave") };
            beat.say(BAD, format!("cannot sell: {leave}, {worth} are lost"))
        }
    }
}

fn prompted(at: u64, prompt: &Prompt) -> Beat {
    let label = if prompt.in_place { "asks for a sign-in, in place:" } else { "shows its sign-in screen:" };
    Beat::new(at, Lane::Till).say(BAD, label).say(STRONG, format!("“{}”", prompt.text))
}

fn noted(at: u64, inside: Lane, note: &Note) -> Beat {
    let kind = note.code.split('.').next().unwrap_or_default();
    let text = if kind == "destroy" { format!("Old credentials go. {}", note.text) } else { note.text.clone() };
    let beat = Beat::new(at, inside).kind(words::of_kind(kind), kind).say(NORMAL, text);
    match note.until_ms {
        Some(until) if until > at => beat.say(DEED, format!("({})", words::span(until - at))),
        _ => beat,
    }
}

fn request(at: u64, endpoint: &str, status: &str) -> Beat {
    let style = if status.starts_with('2') || status.starts_with('3') { NORMAL } else { ODD };
    Beat::new(at, Lane::Wire).say(NORMAL, words::endpoint(endpoint)).say(style, format!("→ {status}"))
}

fn failed(at: u64, failure: &Failure) -> Beat {
    let Failure { what, expected, seen, line, .. } = failure;
    Beat::new(at, Lane::Check).say(BAD, format!("{what}: expected {expected}, seen {seen} (line {line})"))
}

#[cfg(test)]
mod tests;
