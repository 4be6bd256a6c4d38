//! What is stored is read for ever. The fixtures are frozen: a later format gets a file of its own beside them.

use alloc::{
    boxed::Box,
    string::{String, ToString},
};

use super::till::*;
use crate::*;

/// Every state with every reason, and every value of every stored word, one snapshot a line.
const VERSION_1: &str = include_str!("../../tests/fixtures/snapshots_v1.jsonl");
/// What version 1 has said since of people who sign in for nothing.
const SIGN_INS: &str = include_str!("../../tests/fixtures/sign_ins_v1.json");
const ISSUER_PACING: &str = include_str!("../../tests/fixtures/issuer_pacing_v1.json");

/// Reads `stored` and writes it again: whatever is not as it was got lost on the way.
fn read<T: serde::de::DeserializeOwned + serde::Serialize>(stored: &str) -> Result<T, String> {
    let value: T = serde_json::from_str(stored).map_err(|error| error.to_string())?;
    let before: serde_json::Value = serde_json::from_str(stored).unwrap();
    let after = serde_json::to_value(&value).unwrap();
    if before == after { Ok(value) } else { Err(after.to_string()) }
}

fn opened(snapshot: &Snapshot) -> Till {
    let mut till = Till::starting(EVERYTHING);
    let held = snapshot.memory.held.map_or(1, |held| held.generation.number());
    let identity = snapshot.memory.held.map_or(IdentityProof::Verified, |held| held.identity);
    let credentials = NewGeneration { identity, ..credentials(held) };
    let restored = restored(Some(snapshot.clone()), credentials);
    let effects = till.restart_with(till.now.plus(MINUTE), Opened::Value(Box::new(restored)));
    assert_eq!((destroyed(&effects), prompts(&effects)), ([].into(), 0), "{snapshot:?}");
    till
}

#[test]
fn every_snapshot_of_version_1_opens_and_goes_on_where_it_stopped() {
    for line in VERSION_1.lines() {
        let snapshot: Snapshot = read(line).unwrap_or_else(|wrong| panic!("{line}\nis read as\n{wrong}"));
        let stored = snapshot.state();
        let till = opened(&snapshot);
        match stored {
            // The vault is right about credentials: where it holds some, nobody is signed out.
            State::SignedOut { .. } => assert_eq!(till.state(), "signed_in"),
            _ => assert_eq!(till.state(), stored.name(), "{line}"),
        }
        assert!(till.session.wake_at().is_some(), "{line} waits for nothing");
        let unverified = snapshot.memory.held.is_some_and(|held| held.identity == IdentityProof::Unverified);
        assert!(!unverified || till.hands_out() != till.session.generation(), "{line} forgot whose it is");
    }
}

#[test]
fn the_snapshots_of_version_1_show_every_stored_word() {
    let words = [
        "absent",
        "usable",
        "refused",
        "void",
        "withheld",
        "untested",
        "accepted",
        "rejected",
        "verified",
        "inherited",
        "unverified",
        "unpinned",
        "renew",
        "climb",
        "confirm",
        "retry",
        "retest",
        "online",
        "offline",
    ];
    let shown = |word: &str| VERSION_1.contains(&alloc::format!("\"{word}\""));
    assert!(words.iter().all(|word| shown(word)));
    let states = HoldCause::ALL.iter().map(serde_json::to_string);
    let states = states.chain(SignInReason::ALL.iter().map(serde_json::to_string));
    let states = states.chain(ForeignBy::ALL.iter().map(serde_json::to_string));
    let mut states = states.chain(SignedOutReason::ALL.iter().map(serde_json::to_string));
    assert!(states.all(|word| VERSION_1.contains(&word.unwrap())));
}

#[test]
fn sign_ins_in_vain_are_remembered_over_a_restart_and_older_snapshots_know_of_none() {
    let snapshot: Snapshot = read(SIGN_INS.trim_end()).unwrap();
    let now = Timestamp::from_millis(1_700_000_014_000);
    assert!(snapshot.memory.sign_ins.is_loop(now));
    let older: Snapshot = read(VERSION_1.lines().next().unwrap()).unwrap();
    assert!(older.memory.sign_ins.is_default());
}

#[test]
fn the_issuers_pacing_of_version_1_is_obeyed() {
    let pacing: IssuerPacing = read(ISSUER_PACING).unwrap();
    let now = Timestamp::from_millis(1_700_000_000_000);
    assert!(pacing.is_failing());
    assert_eq!(pacing.paused_until(now), Some(now.plus(10 * MINUTE)));
}

#[test]
fn a_field_with_another_name_is_found() {
    let line = VERSION_1.lines().next().unwrap();
    assert!(read::<Snapshot>(&line.replace("retest_at", "next_retest")).is_err(), "an optional one");
    assert!(read::<Snapshot>(&line.replace("intent_open", "intent")).is_err());
    assert!(read::<Snapshot>(&line.replace("usable", "fine")).is_err());
}
