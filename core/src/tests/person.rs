//! What a person sees and may do: prompts (P9) and taps (P13).

use super::till::*;
use crate::*;

/// A token was rejected, its refresh token refused, and a person is asked for.
fn asks_a_person() -> Till {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    till.next_request();
    let effects = till.ends(REFUSED);
    assert_eq!((till.state(), prompts(&effects)), ("sign_in_required", 1));
    till
}

/// Lets time pass, with an answer to whatever is asked: everything is refused as before.
fn refuses_everything(till: &mut Till, duration: core::time::Duration) -> alloc::vec::Vec<Effect> {
    let end = till.now.plus(duration);
    let mut effects = alloc::vec::Vec::new();
    while till.now < end {
        effects.extend(till.pass(SECOND));
        match till.session.attempt.map(|attempt| attempt.kind) {
            Some(crate::attempt::AttemptKind::Probe(_)) => effects.extend(till.ends(REJECTED)),
            Some(crate::attempt::AttemptKind::Refresh) => effects.extend(till.ends(REFUSED)),
            _ => {}
        }
    }
    effects
}

#[test]
fn a_dismissed_prompt_remains_as_a_banner() {
    let mut till = asks_a_person();
    let mut effects = refuses_everything(&mut till, 3 * HOUR);
    for event in [Event::CallWaiting, Event::RenewEarly, Event::TryNow, Event::NetworkChanged { online: false }] {
        effects.extend(till.tell(event));
    }
    effects.extend(till.tell(Event::NetworkChanged { online: true }));
    effects.extend(till.restart(HOUR));
    effects.extend(refuses_everything(&mut till, 3 * HOUR));
    assert_eq!(till.state(), "sign_in_required", "the banner is the state, and it stays");
    assert_eq!(prompts(&effects), 0, "nobody is asked a second time, not after a restart either");
    assert!(!effects.contains(&Effect::WithdrawPrompt));
}

#[test]
fn a_second_incident_may_prompt_again() {
    let mut till = asks_a_person();
    let effects = till.tell(Event::SignedIn(credentials(2)));
    assert!(effects.contains(&Effect::WithdrawPrompt));
    till.tell(Event::Accepted { generation: generation(2) });
    assert!(!till.session.in_episode(), "the first episode is over");
    till.pass(10 * MINUTE);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    till.next_request();
    let effects = till.ends(REFUSED);
    assert_eq!((till.state(), prompts(&effects)), ("sign_in_required", 1), "one prompt per episode, not per lifetime");
}

#[test]
fn there_is_no_prompt_while_holding() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    till.next_request();
    let mut effects = till.ends(DOWN);
    let end = till.now.plus(3 * HOUR);
    while till.now < end {
        assert_eq!(till.state(), "holding");
        effects.extend(till.wake());
        effects.extend(till.tell(Event::CallWaiting));
        match till.session.attempt.map(|attempt| attempt.kind) {
            Some(crate::attempt::AttemptKind::Probe(_)) => effects.extend(till.ends(REJECTED)),
            Some(crate::attempt::AttemptKind::Refresh) => effects.extend(till.ends(DOWN)),
            _ => {}
        }
    }
    assert_eq!(prompts(&effects), 0);
}

#[test]
fn a_tap_while_a_person_is_needed_asks_at_once() {
    let mut till = asks_a_person();
    refuses_everything(&mut till, 63 * MINUTE);
    assert!(is_refresh(requests(&till.tell(Event::TryNow))[0]), "the access token has expired, and no hour has passed");
    till.ends(REFUSED);
    till.now = till.now.plus(6 * SECOND);
    assert!(is_refresh(requests(&till.tell(Event::TryNow))[0]), "the limit is that of taps");
    till.ends(REFUSED);
    let unasked = requests(&till.pass(50 * MINUTE));
    assert_eq!(unasked, [], "by itself a refresh token is presented once an hour");
}

#[test]
fn taps_are_limited_to_one_in_5_seconds_and_3_in_10_minutes() {
    let mut till = asks_a_person();
    assert_eq!(till.session.tap(till.now), Ok(()));
    assert_eq!(till.session.tap(till.now.plus(SECOND)), Err(till.now.plus(5 * SECOND)));
    assert_eq!(till.session.tap(till.now.plus(5 * SECOND)), Ok(()));
    assert_eq!(till.session.tap(till.now.plus(10 * SECOND)), Ok(()));
    let countdown = till.session.tap(till.now.plus(15 * SECOND)).unwrap_err();
    assert_eq!(countdown, till.now.plus(70 * SECOND), "and no countdown is longer than a minute (P13)");
}
