//! The promises of DESIGN.md section 1, against long random histories.
//!
//! `MAINSTAY_CASES` says how many histories (10,000 if it does not), `MAINSTAY_SEED` where they begin. A history that
//! breaks a promise is shrunk, and printed with the seed that finds it again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod world;

use std::{cell::RefCell, thread, time::Instant};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::world::{
    World,
    coverage::Coverage,
    history::{History, histories},
    promises::Broken,
};

const EVENTS: usize = 200;
const SHARDS: u64 = 4;

#[test]
fn every_promise_holds_in_every_history() {
    let cases = env("MAINSTAY_CASES", 10_000);
    let seed = env("MAINSTAY_SEED", 20_250_217);
    let started = Instant::now();
    let shards: Vec<_> =
        (0..SHARDS).map(|shard| thread::spawn(move || play(seed + shard, cases.div_ceil(SHARDS)))).collect();
    let mut coverage = Coverage::default();
    for shard in shards {
        coverage.merge(&shard.join().expect("a shard that reports"));
    }
    let last = seed + SHARDS - 1;
    println!("measured: {cases} histories of {EVENTS} events each, seeds {seed} to {last}, no promise broken");
    let (steps, ticks) = (coverage.steps, coverage.ticks);
    println!("measured: {steps} steps of a session, {ticks} of them ticks, in {} s", started.elapsed().as_secs());
    coverage.hit_counts().iter().for_each(|line| println!("measured: {line}"));
    if cases >= 10_000 {
        let gaps = coverage.gaps();
        assert!(gaps.is_empty(), "{gaps:#?}");
    }
}

fn play(seed: u64, cases: u64) -> Coverage {
    let coverage = RefCell::new(Coverage::default());
    let config = Config { cases: cases as u32, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = runner.run(&histories(EVENTS), |history| {
        let (covered, played) = World::play(&history, seed);
        coverage.borrow_mut().merge(&covered);
        played.map_err(|broken| TestCaseError::fail(format!("{:?}: {}", broken.promise, broken.how)))
    });
    match outcome {
        Ok(()) => coverage.into_inner(),
        Err(TestError::Fail(reason, history)) => {
            let (history, broken) = shorten(history, seed);
            let actions: String = history.actions.iter().map(|action| format!("\n    {action:?}")).collect();
            println!("{}", World::tell_story(&history, seed));
            panic!(
                "{reason}\n\nMAINSTAY_SEED={seed} finds this history again. Shortened it is\n    {:?}\n    {:?}{actions}\nand \
                 breaks {:?}: {}",
                history.policy, history.tokens, broken.promise, broken.how
            )
        }
        Err(abort) => panic!("{abort}"),
    }
}

/// Leaves out what can be left out: first long stretches, then single actions.
fn shorten(mut history: History, seed: u64) -> (History, Broken) {
    let mut broken = World::play(&history, seed).1.expect_err("a history that breaks a promise");
    let mut stretch = history.actions.len() / 2;
    while stretch > 0 {
        let mut from = 0;
        while from < history.actions.len() {
            let mut shorter = history.clone();
            shorter.actions.drain(from..(from + stretch).min(history.actions.len()));
            match World::play(&shorter, seed).1 {
                Err(same) if same.promise == broken.promise => (history, broken) = (shorter, same),
                _ => from += stretch,
            }
        }
        stretch /= 2;
    }
    (history, broken)
}

fn env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}
