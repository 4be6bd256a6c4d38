//! All breaches of a long run at once, by their kind: for whoever looks for what they have in common.

use std::{cell::RefCell, collections::BTreeMap};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, TestRunner},
};

use crate::{
    ACTIONS, book::Broken, evidence::Coverage, history::History, history::histories, machine::Between, rng, shorten,
    told, world::World,
};

/// How often a kind was seen, and the shortest history that shows it.
type Kinds = BTreeMap<String, (u32, History)>;

/// Plays all histories, and fails at the end if any broke a promise.
pub fn play(seed: u64, cases: u64) -> Coverage {
    let (coverage, kinds) = (RefCell::new(Coverage::default()), RefCell::new(Kinds::new()));
    let mut runner = TestRunner::new_with_rng(Config::default(), rng(seed));
    let strategy = histories(ACTIONS);
    for _ in 0..cases {
        let history = strategy.new_tree(&mut runner).expect("a history").current();
        let (covered, played) = World::play(&history, Between::NOTHING);
        coverage.borrow_mut().merge(&covered);
        if let Err(broken) = played {
            let mut kinds = kinds.borrow_mut();
            let (times, shortest) = kinds.entry(kind(&broken)).or_insert_with(|| (0, history.clone()));
            *times += 1;
            if history.actions.len() < shortest.actions.len() {
                *shortest = history;
            }
        }
    }
    let kinds = kinds.into_inner();
    for (kind, (times, history)) in &kinds {
        let (history, broken) = shorten(history.clone());
        println!("SURVEY {times} times: {kind}{}\n", told(&history, &broken));
    }
    let total: u32 = kinds.values().map(|(times, _)| times).sum();
    assert!(kinds.is_empty(), "seed {seed}: {total} of {cases} histories broke a promise, in {} ways", kinds.len());
    coverage.into_inner()
}

/// Numbers and names of tokens differ from one history to the next.
fn kind(broken: &Broken) -> String {
    let how: String = broken.how.chars().map(|it| if it.is_ascii_digit() { '#' } else { it }).collect();
    let mut short = how.split("##").collect::<Vec<_>>().join("#");
    while short.contains("##") {
        short = short.replace("##", "#");
    }
    format!("{:?} {short}", broken.promise)
}
