use mainstay_incidents::{
    director::{Happening, Scene},
    protocol::{Note, Outcome, StateEvent, StateName},
    report::Failure,
};

use super::tell;
use crate::{args::Which, beats::Beat};

fn scene(at_ms: u64, what: Happening) -> Scene {
    Scene { at_ms, what }
}

fn sale(at_ms: u64, sale: &str, outcome: Outcome, after_ms: u64) -> Scene {
    scene(at_ms, Happening::Sale { sale: sale.to_owned(), total_cents: 450, outcome, after_ms })
}

fn note(at_ms: u64, code: &str) -> Scene {
    let note = Note { code: code.to_owned(), text: format!("({code})"), state: None, generation: None, until_ms: None };
    scene(at_ms, Happening::Note(note))
}

fn state(at_ms: u64, state: StateName) -> Scene {
    let cashier = String::new();
    scene(at_ms, Happening::State(StateEvent { state, reason: None, online: true, retry_at_ms: None, cashier }))
}

fn texts(beats: &[Beat]) -> Vec<String> {
    let text = |beat: &Beat| beat.words.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(" ");
    beats.iter().map(text).collect()
}

fn told(scenes: &[Scene]) -> Vec<String> {
    texts(&tell(scenes, Which::Rust))
}

#[test]
fn nothing_is_told_that_did_not_happen() {
    assert!(tell(&[], Which::Rust).is_empty());
    assert!(tell(&[scene(9, Happening::Ends)], Which::Naive).is_empty());
}

#[test]
fn sales_of_a_kind_are_counted_and_told_together() {
    let scenes = [
        sale(1, "a", Outcome::Queued, 0),
        sale(1, "a", Outcome::Delivered, 0),
        sale(2, "b", Outcome::Queued, 0),
        sale(2, "b", Outcome::Delivered, 0),
        sale(3, "c", Outcome::Queued, 0),
        state(3, StateName::Recovering),
        sale(4, "d", Outcome::Queued, 0),
        sale(9_000, "c", Outcome::Delivered, 8_997),
        sale(9_000, "d", Outcome::Delivered, 8_996),
        scene(9_000, Happening::Ends),
    ];
    assert_eq!(
        told(&scenes),
        [
            "sells 2 times for 9.00; the server has it at once",
            "sells once for 4.50; the till keeps it for the server",
            "recovering",
            "sells once for 4.50; the till keeps it for the server",
            "the server has 2 kept sales, the oldest 9s later",
        ]
    );
}

#[test]
fn what_repeats_is_told_once_and_counted_until_something_changes() {
    let scenes = [
        state(0, StateName::Holding),
        note(1, "step.retest"),
        note(2, "step.retest"),
        note(3, "step.retest"),
        state(4, StateName::SignedIn),
        note(5, "step.retest"),
        scene(6, Happening::Ends),
    ];
    let beats = tell(&scenes, Which::Rust);
    let texts = texts(&beats);
    let again = "… and so on: 2 more of the same";
    assert_eq!(texts, ["holding", "(step.retest)", again, "signed in", "(step.retest)"]);
    assert!(beats.is_sorted_by_key(|beat| beat.at_ms));
}

#[test]
fn what_is_expected_of_mainstay_is_no_story_of_the_naive_client() {
    let failure = Failure {
        at: "the end".to_owned(),
        line: 3,
        what: "prompts".to_owned(),
        expected: "0".to_owned(),
        seen: "1".to_owned(),
    };
    let scenes = [scene(1, Happening::Failed(failure))];
    assert_eq!(told(&scenes), ["prompts: expected 0, seen 1 (line 3)"]);
    assert!(tell(&scenes, Which::Naive).is_empty());
}
