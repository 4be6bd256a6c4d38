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

/// 1. A server rejects a till's access token, and refuses its refresh token: a person is asked.
/// 2. It was a mistake: the kept access token is accepted again, and the episode is over.
/// 3. The access token runs out. The refusal was terminal in the episode that has ended: the refresh token is tried again,
///    it is good, and nobody is asked a second time.
#[test]
fn a_refusal_ends_with_its_episode_and_the_refresh_token_is_tried_again_at_expiry() {
    for good_again in [true, false] {
        let mut till = asks_a_person();
        assert!(is_probe(till.next_request(), ProbePurpose::Retest));
        let effects = till.ends(ACCEPTED);
        assert!(till.state() == "signed_in" && effects.contains(&Effect::WithdrawPrompt));
        let recovered_at = till.now;
        assert!(is_refresh(till.next_request()), "before it has to be a person");
        let waited = till.now.since(recovered_at);
        assert!(waited >= 50 * MINUTE, "a token that was refused a minute ago is not shown at once: {waited:?}");
        let mut effects = till.ends(if good_again { renewed(2) } else { REFUSED });
        effects.extend(till.pass(10 * MINUTE));
        assert_eq!(
            (till.state(), prompts(&effects)),
            if good_again { ("signed_in", 0) } else { ("sign_in_required", 1) }
        );
    }
}

/// What was refused after an answer had been lost may have been rotated: that is not undone by the end of the episode.
#[test]
fn a_refresh_token_that_may_be_rotated_is_not_revived_by_an_accepted_access_token() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    till.next_request();
    till.ends(Outcome::Refresh(TokenOutcome::Transient { retry_after: None, lost: true }));
    while !is_refresh(till.next_request()) {
        till.ends(REJECTED);
    }
    till.ends(REFUSED);
    assert_eq!(till.state(), "sign_in_required");
    assert!(is_probe(till.next_request(), ProbePurpose::Retest));
    till.ends(ACCEPTED);
    assert_eq!(till.state(), "signed_in");
    let asked = requests(&till.pass(2 * HOUR));
    assert!(!asked.into_iter().any(is_refresh));
}

/// How long after the next rejection a person who has just signed in as generation `number` is asked again, if everything
/// they signed in for is void after `lasted`.
fn asked_again_after(till: &mut Till, number: u64, lasted: core::time::Duration) -> core::time::Duration {
    till.tell(Event::SignedIn(NewGeneration { lives_for: Some(8 * HOUR), ..credentials(number) }));
    till.tell(Event::Accepted { generation: generation(number) });
    till.pass(lasted);
    till.rejects(RejectionClass::InvalidToken);
    let void_since = till.now;
    for _ in 0..10_000 {
        let effects = match till.session.attempt.map(|attempt| attempt.kind) {
            Some(crate::attempt::AttemptKind::Probe(_)) => till.ends(REJECTED),
            Some(_) => till.ends(REFUSED),
            None => till.wake(),
        };
        if prompts(&effects) > 0 {
            return till.now.since(void_since);
        }
        let holds = matches!(till.holds(), None | Some(HoldCause::FreshTokensRejected));
        assert!(holds && till.hands_out().is_none(), "{:?}", till.session.state());
    }
    panic!("nobody is ever asked")
}

#[test]
fn people_who_sign_in_again_and_again_for_nothing_are_asked_less_and_less() {
    let mut till = asks_a_person();
    let waits: alloc::vec::Vec<_> = (2..9).map(|number| asked_again_after(&mut till, number, 90 * SECOND)).collect();
    let ladder_itself = 5 * MINUTE;
    assert!(waits[0] <= ladder_itself, "once is bad luck: {:?}", waits[0]);
    for (wait, pause) in waits[1..].iter().zip([4, 8, 16, 30, 30, 30]) {
        let least = pause * MINUTE;
        assert!((least..=least + ladder_itself).contains(wait), "{wait:?}, not {least:?}");
    }
}

#[test]
fn a_sign_in_that_lasted_breaks_no_loop_because_there_is_none() {
    let mut till = asks_a_person();
    for number in 2..9 {
        let wait = asked_again_after(&mut till, number, 11 * MINUTE);
        assert!(wait <= 5 * MINUTE, "{wait:?}");
    }
}

#[test]
fn sign_ins_in_vain_that_are_hours_apart_are_no_loop() {
    let mut till = asks_a_person();
    for number in 2..6 {
        let wait = asked_again_after(&mut till, number, 90 * SECOND);
        assert!(wait <= 5 * MINUTE, "{wait:?}");
        refuses_everything(&mut till, 2 * HOUR);
    }
}

#[test]
fn tokens_that_only_ran_out_are_no_sign_in_in_vain() {
    let mut till = asks_a_person();
    for number in 2..6 {
        let short = NewGeneration { lives_for: Some(5 * MINUTE), has_refresh_token: false, ..credentials(number) };
        till.tell(Event::SignedIn(short));
        till.tell(Event::Accepted { generation: generation(number) });
        let effects = till.pass(6 * MINUTE);
        assert_eq!((till.state(), prompts(&effects)), ("sign_in_required", 1));
    }
}

#[test]
fn whoever_wants_to_sign_in_while_the_loop_is_broken_can() {
    let mut till = asks_a_person();
    for number in 2..4 {
        asked_again_after(&mut till, number, 90 * SECOND);
    }
    till.tell(Event::SignedIn(credentials(4)));
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    assert_eq!(till.holds(), Some(HoldCause::FreshTokensRejected));
    till.tell(Event::SignedIn(credentials(5)));
    assert_eq!((till.state(), till.hands_out()), ("signed_in", Some(generation(5))));
}
