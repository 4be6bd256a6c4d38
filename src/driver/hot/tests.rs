use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::*;
use crate::test_support::VirtualClock;

fn published(epoch: u64, number: u64) -> Published {
    Published {
        epoch,
        generation: Generation::new(number).unwrap(),
        token: Secret::from_text(&format!("token-{number}")),
        token_type: "Bearer".to_owned(),
        deadline: Duration::from_secs(4000),
        audience: None,
    }
}

fn token(hot: &Hot) -> Option<String> {
    hot.load(&VirtualClock::default()).map(|token| token.expose().to_owned())
}

fn warm(number: u64) -> Hot {
    let hot = Hot::default();
    hot.publish(Some(published(hot.epoch(), number)));
    hot
}

#[test]
fn nothing_is_handed_out_before_anything_was_published() {
    assert_eq!(token(&Hot::default()), None);
}

#[test]
fn a_token_is_handed_out_until_its_deadline() {
    let (hot, clock) = (warm(1), VirtualClock::default());
    assert!(hot.load(&clock).is_some());
    clock.advance_to(Duration::from_secs(4000));
    assert!(hot.load(&clock).is_none());
}

#[test]
fn a_rejection_withdraws_only_the_token_that_was_rejected() {
    let hot = warm(2);
    hot.withdraw(Generation::FIRST);
    assert_eq!(token(&hot).as_deref(), Some("token-2"));
    hot.withdraw(Generation::FIRST.next());
    assert_eq!(token(&hot), None);
}

#[test]
fn nothing_is_published_until_a_rejection_was_dealt_with() {
    let hot = warm(1);
    hot.withdraw(Generation::FIRST);
    hot.publish(Some(published(hot.epoch(), 2)));
    assert_eq!(token(&hot), None);
    hot.withdrawal_dealt_with();
    hot.publish(Some(published(hot.epoch(), 2)));
    assert_eq!(token(&hot).as_deref(), Some("token-2"));
}

#[test]
fn a_sign_out_wins_over_what_was_prepared_before_it() {
    let hot = warm(1);
    let prepared = published(hot.epoch(), 2);
    hot.raise_epoch();
    assert_eq!(token(&hot), None);
    hot.publish(Some(prepared));
    assert_eq!(token(&hot), None);
}

#[test]
fn a_token_in_hand_stays_what_it_was() {
    let hot = warm(1);
    // More of them than an atomic pointer lends out for nothing.
    let held: Vec<_> = (0..100).map(|_| hot.load(&VirtualClock::default()).unwrap()).collect();
    hot.publish(Some(published(hot.epoch(), 2)));
    let copy = held[0].clone();
    drop(hot);
    assert!(held.iter().chain([&copy]).all(|token| token.expose() == "token-1"));
}

#[test]
fn whoever_asks_again_never_gets_an_older_token() {
    let (hot, done) = (Arc::new(warm(1)), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (hot, done) = (Arc::clone(&hot), Arc::clone(&done));
            thread::spawn(move || {
                let (clock, mut latest) = (VirtualClock::default(), Generation::FIRST);
                while !done.load(Ordering::Acquire) {
                    let token = hot.load(&clock).unwrap();
                    assert!(token.generation() >= latest);
                    assert_eq!(token.expose(), format!("token-{}", token.generation().number()));
                    latest = token.generation();
                }
            })
        })
        .collect();
    for number in 2..2000 {
        hot.publish(Some(published(hot.epoch(), number)));
    }
    done.store(true, Ordering::Release);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
}
