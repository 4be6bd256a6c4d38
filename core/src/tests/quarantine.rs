//! A foreign identity turned up.

use alloc::boxed::Box;

use super::till::*;
use crate::*;

fn unverified(number: u64) -> NewGeneration {
    NewGeneration { identity: IdentityProof::Unverified, ..credentials(number) }
}

const FOREIGN: Outcome = Outcome::Probe(ProbeOutcome::Foreign);

#[test]
fn an_echo_of_somebody_else_destroys_no_credentials_of_ours() {
    let mut till = Till::signed_in(EVERYTHING);
    till.now = till.now.plus(50 * MINUTE);
    till.tell(Event::Tick);
    till.ends(Outcome::Refresh(TokenOutcome::Renewed(unverified(2))));
    let effects = till.tell(Event::ForeignIdentity(ForeignBy::IdentityEcho));
    assert_eq!(till.state(), "quarantined");
    assert_eq!(destroyed(&effects), []);
    assert_eq!(till.session.generation(), Some(generation(2)));
}

#[test]
fn a_probe_that_names_somebody_else_destroys_what_nobody_had_vouched_for() {
    let mut till = Till::signed_in(EVERYTHING);
    till.now = till.now.plus(50 * MINUTE);
    till.tell(Event::Tick);
    till.ends(Outcome::Refresh(TokenOutcome::Renewed(unverified(2))));
    till.next_request();
    let effects = till.ends(FOREIGN);
    assert_eq!(destroyed(&effects), [(Target::Generation(generation(2)), Permission::Foreign)]);
    assert_eq!(till.session.generation(), Some(generation(1)), "our own stays");
    assert!(matches!(till.session.answer(till.now), Answer::IdentityMismatch));
}

/// 1. A refresh brought generation 2 without an ID token, and the probe said whose it is: ours. Generation 1 went.
/// 2. The process died before the vault knew, and the session's memory is lost as well.
/// 3. After the restart the server mixes people up, and the probe of generation 2 names somebody else.
#[test]
fn the_last_credentials_are_kept_whoever_the_probe_names() {
    let long = NewGeneration { lives_for: Some(12 * HOUR), ..unverified(2) };
    let mut till = Till::signed_in_with(NO_DEVICE_KEY, long);
    let lost_its_memory = Opened::Value(Box::new(restored(None, long)));
    till.restart_with(till.now.plus(SECOND), lost_its_memory);
    assert!(is_probe(till.next_request(), ProbePurpose::Confirm));
    let effects = till.ends(FOREIGN);
    assert_eq!((till.state(), till.hands_out()), ("quarantined", None));
    assert_eq!(destroyed(&effects), [], "nobody knows for certain that they are not ours");
    assert_eq!(till.session.generation(), Some(generation(2)));

    let effects = till.clone().tell(Event::SignOut(SignedOutReason::User));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::QueueRevocation { .. })), "it may be somebody's");

    assert!(is_probe(till.next_request(), ProbePurpose::Verify), "its refresh token may be somebody's: not presented");
    assert_eq!(destroyed(&till.ends(FOREIGN)), []);
    till.tell(Event::SignedIn(unverified(3)));
    till.ends(ACCEPTED);
    assert_eq!((till.state(), till.hands_out()), ("signed_in", Some(generation(3))));
}

/// 1. A refresh brought generation 2 without an ID token. The session's memory was stored.
/// 2. The probe said that it is ours, and the vault wrote that down. The process died before the memory was stored again.
/// 3. After the restart the server mixes people up, and the probe of generation 2 names somebody else.
#[test]
fn a_proof_that_the_vault_knows_of_counts_although_the_memory_of_it_is_lost() {
    let mut till = Till::signed_in(EVERYTHING);
    till.now = till.now.plus(50 * MINUTE);
    till.tell(Event::Tick);
    till.ends(Outcome::Refresh(TokenOutcome::Renewed(unverified(2))));
    let before_the_proof = restored_from(&till.session, Some(till.session.snapshot()));
    let proven = NewGeneration { identity: IdentityProof::Verified, ..before_the_proof.credentials };
    let restored = Restored { credentials: proven, ..before_the_proof };
    till.restart_with(till.now.plus(SECOND), Opened::Value(Box::new(restored)));
    assert_eq!(till.hands_out(), Some(generation(2)), "somebody had vouched for it");
    while till.session.attempt.is_none() {
        till.wake();
    }
    assert_eq!(destroyed(&till.ends(FOREIGN)), []);
    assert_eq!(till.session.generation(), Some(generation(2)));
}

#[test]
fn credentials_in_memory_only_are_none_to_go_back_to() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.tell(Event::SignedIn(NewGeneration { saved: false, ..credentials(2) }));
    till.tell(Event::GenerationFound(unverified(3)));
    till.tell(Event::Saved { generation: generation(3) });
    till.session.memory.previous = till.session.memory.previous.map(|own| memory::Previous { saved: false, ..own });
    assert!(is_probe(till.next_request(), ProbePurpose::Confirm));
    assert_eq!(destroyed(&till.ends(FOREIGN)), [], "generation 3 is all that is in the vault");
    assert_eq!((till.state(), till.session.generation()), ("quarantined", Some(generation(3))));
}

#[test]
fn the_last_credentials_are_whole_again_once_the_probe_names_us() {
    let long = NewGeneration { lives_for: Some(12 * HOUR), ..unverified(1) };
    let mut till = Till::signed_in_with(NO_DEVICE_KEY, long);
    till.tell(Event::NetworkChanged { online: true });
    while till.session.attempt.is_none() {
        till.wake();
    }
    till.ends(FOREIGN);
    for _ in 0..2 {
        assert_eq!(till.state(), "quarantined");
        assert!(is_probe(till.next_request(), ProbePurpose::Verify));
        till.ends(ACCEPTED);
    }
    assert_eq!((till.state(), till.hands_out()), ("signed_in", Some(generation(1))));
    assert!(is_refresh(till.next_request()), "and renewed with its own refresh token");
}

#[test]
fn a_quarantine_with_nothing_of_ours_left_asks_for_a_person() {
    let mut till = Till::signed_in_with(NO_DEVICE_KEY, unverified(1));
    till.pass(MINUTE);
    assert!(matches!(till.session.state(), State::SignedIn { .. }));
    till.tell(Event::NetworkChanged { online: true });
    while till.session.attempt.is_none() {
        till.wake();
    }
    till.ends(FOREIGN);
    assert_eq!(till.state(), "quarantined");
    assert_eq!(till.session.generation(), Some(generation(1)), "kept, and withheld");
    assert!(till.session.wake_at().is_some(), "a state without a way out");
    let effects = till.pass(2 * HOUR);
    assert_eq!((till.state(), prompts(&effects)), ("sign_in_required", 1));
    assert_eq!(requests(&effects), [], "a refresh token that may be somebody's is not presented");
}

#[test]
fn an_unverified_sign_in_does_not_end_a_quarantine() {
    let mut till = Till::signed_in(EVERYTHING);
    till.tell(Event::ForeignIdentity(ForeignBy::IdentityEcho));
    let effects = till.tell(Event::SignedIn(unverified(2)));
    assert_eq!((till.state(), till.hands_out()), ("quarantined", None));
    assert!(is_probe(requests(&effects)[0], ProbePurpose::Verify), "it is asked about at once");
    till.ends(ACCEPTED);
    assert_eq!((till.state(), till.hands_out()), ("signed_in", Some(generation(2))));
}

#[test]
fn a_verified_sign_in_ends_a_quarantine() {
    let mut till = Till::signed_in(EVERYTHING);
    till.tell(Event::ForeignIdentity(ForeignBy::IdentityEcho));
    till.tell(Event::SignedIn(credentials(2)));
    assert_eq!((till.state(), till.hands_out()), ("signed_in", Some(generation(2))));
}

#[test]
fn what_another_process_stored_ends_no_quarantine_by_itself() {
    let mut till = Till::signed_in(EVERYTHING);
    till.tell(Event::ForeignIdentity(ForeignBy::IdentityEcho));
    till.tell(Event::GenerationFound(NewGeneration { identity: IdentityProof::Inherited, ..credentials(2) }));
    assert_eq!(till.state(), "quarantined");
}

#[test]
fn own_credentials_that_are_right_twice_end_a_quarantine() {
    let mut till = Till::signed_in(EVERYTHING);
    till.tell(Event::ForeignIdentity(ForeignBy::IdentityEcho));
    let mut asked = 0;
    while till.state() == "quarantined" {
        let request = till.next_request();
        asked += 1;
        assert!(asked < 10, "{request:?}");
        match request {
            Effect::Probe { .. } => till.ends(ACCEPTED),
            // Tokens of a quarter of an hour, and no ID token with them.
            _ => till.ends(Outcome::Refresh(TokenOutcome::Renewed(NewGeneration {
                lives_for: Some(15 * MINUTE),
                ..unverified(1 + asked)
            }))),
        };
        while let Some(Effect::Probe { .. }) = till.session.attempt.map(|_| Effect::Probe {
            attempt: 0,
            generation: generation(1),
            purpose: ProbePurpose::Verify,
        }) {
            till.ends(ACCEPTED);
        }
    }
    assert_eq!(till.state(), "signed_in");
}
