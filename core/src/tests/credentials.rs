//! Credentials come and go.

use super::till::*;
use crate::*;

#[test]
fn credentials_that_are_not_stored_yet_supersede_nothing() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.now = till.now.plus(50 * MINUTE);
    till.tell(Event::Tick);
    let unsaved = NewGeneration { saved: false, ..credentials(2) };
    till.ends(Outcome::Refresh(TokenOutcome::Renewed(unsaved)));
    assert!(till.session.is_unsaved());
    assert_eq!(till.hands_out(), Some(generation(2)), "it is used, and visibly unsaved");
    assert_eq!(destroyed(&till.tell(Event::Accepted { generation: generation(2) })), []);
    assert!(till.pass(11 * SECOND).contains(&Effect::Save { generation: generation(2) }));
    let effects = till.tell(Event::Saved { generation: generation(2) });
    assert_eq!(destroyed(&effects), [(Target::Before(generation(2)), Permission::Superseded)]);
}

#[test]
fn what_was_never_verified_is_not_handed_out_as_the_previous_one_either() {
    let unverified = |number| NewGeneration { identity: IdentityProof::Unverified, ..credentials(number) };
    let mut till = Till::signed_in_with(EVERYTHING, unverified(1));
    assert_eq!(till.hands_out(), None);
    till.tell(Event::GenerationFound(unverified(2)));
    assert_eq!(till.hands_out(), None);
}

#[test]
fn nothing_is_saved_any_more_once_it_is_destroyed() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.tell(Event::SignedIn(NewGeneration { saved: false, has_refresh_token: false, ..credentials(2) }));
    till.tell(rejection(2, RejectionClass::InvalidToken));
    till.ends(REJECTED);
    till.pass(2 * HOUR);
    till.now = till.now.plus(40 * DAY);
    while till.session.generation().is_some() {
        till.wake();
    }
    assert_eq!((till.state(), till.session.wake_at()), ("sign_in_required", None));
}

#[test]
fn sign_out_leaves_nothing_of_the_account_in_memory() {
    let mut till = Till::signed_in(EVERYTHING);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(ACCEPTED);
    till.tell(Event::SignOut(SignedOutReason::User));
    let mut expected = crate::memory::Memory::starting();
    expected.state = State::SignedOut { reason: SignedOutReason::User };
    assert_eq!(till.session.memory, expected);
    assert_eq!(till.session.wake_at(), None);
}

#[test]
fn a_person_who_signs_in_begins_anew_what_was_revoked_before() {
    let mut till = Till::signed_in(EVERYTHING);
    till.rejects(RejectionClass::SessionRevoked);
    till.ends(REJECTED);
    till.next_request();
    till.ends(REFUSED);
    assert_eq!(till.state(), "sign_in_required");
    till.tell(Event::SignedIn(credentials(2)));
    till.tell(Event::NetworkChanged { online: true });
    let silent = till.pass(5 * SECOND);
    assert_eq!(requests(&silent).len(), 1, "the new token is asked about");
    till.ends(SILENT);
    till.pass(20 * MINUTE);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    till.next_request();
    let effects = till.ends(REFUSED);
    assert!(is_reauthentication(requests(&effects)[0]), "the new session was never revoked: rung 4 may be tried");
}
