//! The ladder, rung by rung.

use super::till::*;
use crate::*;

#[test]
fn a_spent_budget_is_followed_by_a_new_gathering() {
    let mut till = Till::signed_in(EVERYTHING);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    assert!(is_refresh(till.next_request()));
    // Refused with the scopes, refused without: two requests, and the budget of this gathering is spent.
    assert!(is_refresh(requests(&till.ends(Outcome::Refresh(TokenOutcome::InvalidScope)))[0]));
    till.ends(Outcome::Refresh(TokenOutcome::InvalidScope));
    assert!(is_reauthentication(till.next_request()), "the next rung is tried, after a pause");
}

#[test]
fn a_token_that_was_accepted_once_is_no_fresh_rejection() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.now = till.now.plus(50 * MINUTE);
    till.tell(Event::Tick);
    till.ends(renewed(2));
    till.tell(Event::Accepted { generation: generation(2) });
    till.pass(30 * SECOND);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    assert_eq!(till.state(), "recovering", "the key changed just now; a new token may well be good");
    assert!(is_refresh(till.next_request()));
}

#[test]
fn waiting_calls_shrink_the_spread_once_and_do_not_wear_it_down() {
    let draw = |calls: u32| {
        let mut till = Till::signed_in(NO_DEVICE_KEY);
        till.rejects(RejectionClass::InvalidToken);
        till.ends(REJECTED);
        for _ in 0..calls {
            till.tell(Event::CallWaiting);
        }
        till.session.wake_at().unwrap().since(till.now)
    };
    assert!(draw(1) <= 10 * SECOND);
    assert_eq!(draw(1000), draw(1), "a thousand waiting calls draw once");
}

/// 1. A person's tap renews the token, which is rejected meanwhile.
/// 2. The device sleeps until the new one has expired, too, and the session waits a random time.
/// 3. Only now the answer to an old call arrives: the new token was rejected.
#[test]
fn a_rejection_that_arrives_late_cuts_no_random_wait_short() {
    let mut till = Till::signed_in(NO_PROBE);
    assert!(is_refresh(requests(&till.tell(Event::TryNow))[0]));
    till.rejects(RejectionClass::InvalidToken);
    till.ends(Outcome::Refresh(TokenOutcome::Renewed(credentials(2))));
    till.now = till.now.plus(12 * HOUR);
    till.tell(Event::Tick);
    let waits_until = till.session.wake_at();
    assert_eq!((till.state(), till.session.attempt.is_some()), ("recovering", false));
    let effects = till.rejects(RejectionClass::InvalidToken);
    assert_eq!((requests(&effects), till.session.wake_at()), (alloc::vec![], waits_until));
    assert!(is_refresh(till.next_request()));
}

/// 1. A refresh is answered 503. The authorization server had rotated the token; a proxy lost its answer.
/// 2. The same refresh token is tried again, by the schedule of failures. What comes back is `invalid_grant`.
/// 3. That may only mean "already rotated": the token is never shown again, so that no reuse detection ends the session.
#[test]
fn a_refusal_after_a_5xx_is_ambiguous_and_the_token_is_not_presented_again() {
    for (lost, again) in [(true, false), (false, true)] {
        let mut till = Till::signed_in(NO_PROBE);
        till.rejects(RejectionClass::InvalidToken);
        assert!(is_refresh(till.next_request()));
        till.ends(Outcome::Refresh(TokenOutcome::Transient { retry_after: None, lost }));
        assert_eq!(till.holds(), Some(HoldCause::ServerTrouble));
        let request = till.next_request();
        assert!(is_refresh(request), "the same token, once more: the server may keep it alive for a retry");
        till.ends(REFUSED);
        assert_eq!(till.state(), "sign_in_required");
        let asked = requests(&till.pass(3 * HOUR));
        assert_eq!(asked.into_iter().any(is_refresh), again, "after a definite answer a hotfix may revive it: {lost}");
    }
}

#[test]
fn a_person_who_taps_is_exempt_from_pacing_on_every_rung() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    till.next_request();
    till.ends(DOWN);
    assert_eq!(till.state(), "holding");
    assert!(is_probe(requests(&till.tell(Event::TryNow))[0], ProbePurpose::FreshConnection));
    assert!(is_refresh(requests(&till.ends(REJECTED))[0]), "a tap waits for no gap");
}

#[test]
fn a_person_who_taps_while_offline_is_not_told_to_wait() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.now = till.now.plus(2 * HOUR);
    till.tell(Event::Tick);
    till.ends(Outcome::Refresh(TokenOutcome::Unreachable));
    assert_eq!(till.session.state(), State::SignedIn { connectivity: Connectivity::Offline });
    assert!(is_refresh(requests(&till.tell(Event::TryNow))[0]));
}

#[test]
fn a_busy_lock_is_no_rejection_and_needs_no_spread() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.now = till.now.plus(2 * HOUR);
    till.tell(Event::Tick);
    till.ends(Outcome::Refresh(TokenOutcome::LockBusy));
    assert_eq!(till.holds(), Some(HoldCause::LockBusy));
    assert!(till.session.wake_at().unwrap().since(till.now) <= 25 * SECOND);
    assert!(is_refresh(requests(&till.wake())[0]), "the retry is the refresh itself");
}

#[test]
fn holding_again_soon_lasts_longer() {
    let mut till = Till::signed_in(NO_PROBE);
    let mut dwell = |number: u64| {
        till.rejects(RejectionClass::InvalidToken);
        if till.session.attempt.is_none() {
            till.next_request();
        }
        till.ends(renewed(number));
        till.rejects(RejectionClass::InvalidToken);
        assert_eq!(till.holds(), Some(HoldCause::FreshTokensRejected));
        let State::Holding { retry_at, .. } = till.session.state() else { panic!("{}", till.state()) };
        let dwell = retry_at.since(till.now);
        till.next_request();
        till.ends(renewed(number + 1));
        assert_eq!(till.state(), "signed_in");
        till.pass(130 * SECOND);
        dwell
    };
    assert_eq!([dwell(2), dwell(4), dwell(6)], [MINUTE, 2 * MINUTE, 4 * MINUTE]);
}

#[test]
fn a_healthy_status_never_postpones_a_retry() {
    let mut till = Till::signed_in(Policy { has_status: true, ..NO_DEVICE_KEY });
    till.tell(Event::StatusRead { healthy: None, spread: Some(HOUR) });
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    till.next_request();
    till.ends(DOWN);
    let State::Holding { retry_at, .. } = till.session.state() else { panic!("{}", till.state()) };
    till.tell(Event::StatusRead { healthy: Some(true), spread: Some(24 * HOUR) });
    till.now = till.now.plus(30 * SECOND);
    till.tell(Event::StatusRead { healthy: Some(true), spread: Some(24 * HOUR) });
    let State::Holding { retry_at: later, .. } = till.session.state() else { panic!("{}", till.state()) };
    assert!(later <= retry_at.max(till.now));
}

#[test]
fn a_status_document_without_a_spread_takes_an_earlier_one_back() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.tell(Event::StatusRead { healthy: Some(false), spread: Some(24 * HOUR) });
    till.tell(Event::StatusRead { healthy: Some(true), spread: None });
    till.rejects(RejectionClass::InvalidToken);
    till.ends(REJECTED);
    assert!(till.session.wake_at().unwrap().since(till.now) <= 300 * SECOND);
}

#[test]
fn a_403_to_the_probe_says_nothing_about_the_token() {
    for class in [RejectionClass::Forbidden, RejectionClass::StepUp, RejectionClass::UseDpopNonce] {
        let mut till = Till::signed_in(NO_DEVICE_KEY);
        till.rejects(RejectionClass::InvalidToken);
        till.ends(REJECTED);
        till.next_request();
        till.ends(renewed(2));
        till.next_request();
        till.ends(Outcome::Probe(ProbeOutcome::Rejected(class)));
        assert_eq!((till.state(), till.hands_out()), ("signed_in", Some(generation(2))), "{class:?}");
    }
}

#[test]
fn a_rung_that_was_never_refused_comes_before_a_person() {
    let mut till = Till::signed_in(Policy { can_reauthenticate: true, ..NO_PROBE });
    let without_refresh_token = |number| NewGeneration { has_refresh_token: false, ..credentials(number) };
    till.rejects(RejectionClass::InvalidToken);
    till.next_request();
    assert!(is_reauthentication(requests(&till.ends(REFUSED))[0]));
    till.ends(Outcome::Reauthentication(TokenOutcome::Renewed(without_refresh_token(2))));
    till.pass(5 * SECOND);
    assert!(till.state() == "signed_in" && till.session.in_episode(), "nobody could be asked about the new token");
    assert!(is_reauthentication(till.next_request()), "it expires, and what helped before is tried again");
}
