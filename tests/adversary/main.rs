//! The adversarial server: it may say anything, in any order, and no promise of DESIGN.md section 1 is broken.
//!
//! proptest plays random histories against the whole SDK, core and driver and vault, in virtual time and without a socket.
//! What servers answer, what people, the app and the device do is data ([`history`]); what is promised is judged from
//! outside, by what the servers, the disk and the app see ([`book`], [`disk`], [`world`]).
//!
//! `MAINSTAY_CASES` says how many histories, `MAINSTAY_SEED` where they begin. A history that breaks a promise is
//! shrunk and printed, with the seed that finds it again; with `MAINSTAY_SURVEY` set, all histories are played, and the
//! shortest of every kind of breach is ([`survey`]). [`found`] keeps those that broke one once, [`controls`] shows that
//! each promise can be seen broken.
//!
//! What the promises are to somebody outside:
//!
//! | promise | what is looked at |
//! |---|---|
//! | P1 | after everything is repaired, everybody works on the same vault, also after a restart |
//! | P2 | no stored generation goes before a later one was accepted, but for a sign-out, the limit or a foreign one |
//! | P3 | no session shows `SignedOut` unless the app asked |
//! | P4 | no session shows `SignInRequired` unless its refresh token was refused, or there is none |
//! | P5 | every token in the app's hands was named the pinned person's, last; no sign-in, echo or *who am I* mixes people up |
//! | P6 | never two refreshes at once for an account, from any process; none is given up before its time |
//! | P7 | requests in every hour, the gaps between them, and `Retry-After` |
//! | P8 | what was stored when power failed is there afterwards, or something newer |
//! | P9 | one prompt for each account and episode, whichever process shows it, in `SignInRequired` only |
//! | P10 | who signed in is never nobody, whatever can be read |
//! | P11 | no log line, error or `Debug` text holds a secret |
//! | P12 | something is planned, no call waits for ever, and a repaired server ends every state that can end by itself |
//! | P13 | with servers and device well, whoever wants to sign in can, in every state, after at most 60 s |
#![cfg(all(feature = "test-support", not(feature = "single-threaded")))]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests"
)]

mod answers;
mod book;
mod calls;
mod controls;
mod disk;
mod ears;
mod evidence;
mod found;
mod history;
mod machine;
mod process;
mod server;
mod survey;
mod world;

use std::{cell::RefCell, thread, time::Instant};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use self::{
    book::Broken,
    evidence::Coverage,
    history::{History, histories},
    machine::Between,
    world::World,
};

const ACTIONS: usize = 40;
const SHARDS: u64 = 2;
/// As many as every run of the tests plays.
const CASES: u64 = 400;
/// From so many histories on a cell of the evidence table that was not reached is a failure.
const FULL: u64 = 20_000;

#[test]
fn every_promise_holds_whatever_a_server_says() {
    let cases = env("MAINSTAY_CASES", CASES);
    let seed = env("MAINSTAY_SEED", 20_220_621);
    let started = Instant::now();
    let plays = if std::env::var_os("MAINSTAY_SURVEY").is_some() { survey::play } else { play };
    let shards: Vec<_> =
        (0..SHARDS).map(|shard| thread::spawn(move || plays(seed + shard, cases.div_ceil(SHARDS)))).collect();
    let mut coverage = Coverage::default();
    for shard in shards {
        coverage.merge(&shard.join().expect("a shard that reports"));
    }
    let (last, spent) = (seed + SHARDS - 1, started.elapsed().as_secs());
    println!(
        "measured: {cases} histories of {ACTIONS} actions each, seeds {seed} to {last}, no promise broken, in {spent} s"
    );
    let Coverage { requests, checks, seconds, .. } = coverage;
    println!("measured: {requests} requests, {checks} observations, {} days of virtual time", seconds / 86_400);
    coverage.table().iter().for_each(|line| println!("measured: {line}"));
    let gaps = coverage.gaps();
    println!("measured: {} cells of the evidence table were not reached", gaps.len());
    if cases >= FULL {
        assert!(gaps.is_empty(), "{gaps:#?}");
    }
}

fn play(seed: u64, cases: u64) -> Coverage {
    let coverage = RefCell::new(Coverage::default());
    let config = Config { cases: cases as u32, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng(seed));
    let outcome = runner.run(&histories(ACTIONS), |history| {
        let (covered, played) = World::play(&history, Between::NOTHING);
        coverage.borrow_mut().merge(&covered);
        played.map_err(|broken| TestCaseError::fail(format!("{:?}: {}", broken.promise, broken.how)))
    });
    match outcome {
        Ok(()) => coverage.into_inner(),
        Err(TestError::Fail(reason, history)) => {
            let (history, broken) = shorten(history);
            panic!("{reason}\n\nMAINSTAY_SEED={seed} finds this history again.{}", told(&history, &broken))
        }
        Err(abort) => panic!("{abort}"),
    }
}

/// A history that breaks a promise, action by action. What happened in it goes before.
fn told(history: &History, broken: &Broken) -> String {
    let story = World::play_and_tell(history, Between::NOTHING, true).2;
    println!("{}", story.join("\n"));
    let actions: String = history.actions.iter().map(|action| format!("\n    {action:?}")).collect();
    let Broken { promise, how } = broken;
    format!(" Shortened it is\n    {:?}{actions}\nand breaks {promise:?}: {how}", history.deployment)
}

fn rng(seed: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

/// Leaves out what can be left out: first long stretches, then single actions.
fn shorten(mut history: History) -> (History, Broken) {
    let mut broken = World::play(&history, Between::NOTHING).1.expect_err("a history that breaks a promise");
    let mut stretch = history.actions.len() / 2;
    while stretch > 0 {
        let mut from = 0;
        while from < history.actions.len() {
            let mut shorter = history.clone();
            shorter.actions.drain(from..(from + stretch).min(history.actions.len()));
            match World::play(&shorter, Between::NOTHING).1 {
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
