//! P7: the load that one device puts on the servers, whatever they do.

use core::time::Duration;

use super::till::*;
use crate::*;

#[test]
fn calls_do_not_hasten_the_probe_of_an_unverified_token() {
    let unverified = NewGeneration { identity: IdentityProof::Unverified, ..credentials(1) };
    let mut till = Till::signed_in_with(EVERYTHING, unverified);
    let start = till.now;
    let mut probes = 0;
    while till.now.since(start) < HOUR {
        let mut effects = till.tell(Event::CallWaiting);
        effects.extend(till.pass(SECOND));
        let asked = requests(&effects).len();
        probes += asked;
        if till.session.attempt.is_some() {
            till.ends(SILENT);
        }
    }
    assert!(probes <= 60, "{probes} probes in an hour");
}

#[test]
fn an_accepted_access_token_does_not_revive_a_refused_renewal() {
    let mut till = Till::signed_in(EVERYTHING);
    till.now = till.now.plus(50 * MINUTE);
    till.tell(Event::Tick);
    till.ends(REFUSED);
    let mut asked = 0;
    for _ in 0..300 {
        if till.session.attempt.is_some() {
            asked += 1;
            till.ends(Outcome::Reauthentication(TokenOutcome::Refused { revoked: false }));
        }
        till.tell(Event::Accepted { generation: generation(1) });
        till.pass(SECOND);
    }
    assert_eq!((till.state(), asked), ("signed_in", 1));
}

#[test]
fn a_probe_that_accepts_says_nothing_about_the_authorization_server() {
    let mut till = Till::signed_in(EVERYTHING);
    till.now = till.now.plus(50 * MINUTE);
    till.tell(Event::Tick);
    let retry_after = Some(30 * MINUTE / 60);
    till.ends(Outcome::Refresh(TokenOutcome::Transient { retry_after, lost: false }));
    assert!(till.issuer.is_failing());
    till.rejects(RejectionClass::InvalidToken);
    till.ends(ACCEPTED);
    assert!(till.issuer.is_failing());
}

#[test]
fn a_server_that_rejects_every_call_while_its_probe_accepts_is_asked_a_bounded_number_of_times() {
    for connection_known in [true, false] {
        let mut till = Till::signed_in(EVERYTHING);
        let (mut probes, mut calls) = (0, 0);
        let mut latest = 1;
        let start = till.now;
        while till.now.since(start) < 10 * HOUR {
            let mut effects = till.pass(SECOND);
            if let Some(generation) = till.hands_out() {
                let class = RejectionClass::Unauthorized;
                effects.extend(till.tell(Event::Rejected(Rejection {
                    generation,
                    own_audience: true,
                    class,
                    connection_known,
                })));
            }
            effects.extend(till.tell(Event::CallWaiting));
            for request in requests(&effects) {
                if matches!(request, Effect::Probe { .. }) {
                    probes += 1;
                    till.ends(ACCEPTED);
                } else {
                    calls += 1;
                    latest += 1;
                    let outcome = TokenOutcome::Renewed(credentials(latest));
                    till.ends(if is_refresh(request) {
                        Outcome::Refresh(outcome)
                    } else {
                        Outcome::Reauthentication(outcome)
                    });
                }
            }
        }
        assert!(probes <= 10 * 60, "{probes} probes in ten hours");
        assert!(calls <= 10 * 14, "{calls} token requests in ten hours");
    }
}

#[test]
fn a_token_that_expires_at_once_is_renewed_at_a_bounded_rate() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.now = till.now.plus(50 * MINUTE);
    till.tell(Event::Tick);
    let start = till.now;
    let mut refreshes = 0;
    while till.now.since(start) < HOUR && refreshes < 1000 {
        if till.session.attempt.is_some() {
            refreshes += 1;
            let new = NewGeneration { lives_for: Some(SECOND), ..credentials(1 + refreshes) };
            till.ends(Outcome::Refresh(TokenOutcome::Renewed(new)));
        } else {
            till.wake();
        }
    }
    assert!(refreshes <= 180, "{refreshes} refreshes");
}

#[test]
fn a_vault_that_calls_the_same_generation_newer_is_not_asked_in_a_loop() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.now = till.now.plus(2 * HOUR);
    till.tell(Event::Tick);
    let start = till.now;
    let mut refreshes = 0;
    while till.now.since(start) < HOUR && refreshes < 1000 {
        if till.session.attempt.is_some() {
            refreshes += 1;
            till.ends(Outcome::Refresh(TokenOutcome::Adopted(credentials(1))));
        } else {
            till.wake();
        }
    }
    assert!(refreshes <= 13, "{refreshes} refreshes");
}

#[test]
fn a_proactive_renewal_waits_for_the_network() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    till.tell(Event::NetworkChanged { online: false });
    assert_eq!(requests(&till.pass(56 * MINUTE)), [], "the token lives still");
    till.tell(Event::NetworkChanged { online: true });
    assert!(is_refresh(till.next_request()));
}

#[test]
fn a_network_that_comes_and_goes_does_not_multiply_probes() {
    let unverified = NewGeneration { identity: IdentityProof::Unverified, ..credentials(1) };
    let mut till = Till::signed_in_with(EVERYTHING, unverified);
    let start = till.now;
    let mut probes = 0;
    while till.now.since(start) < HOUR {
        for online in [false, true] {
            till.tell(Event::NetworkChanged { online });
            probes += requests(&till.pass(SECOND)).len();
            if till.session.attempt.is_some() {
                till.ends(SILENT);
            }
        }
    }
    assert!(probes <= 60, "{probes} probes in an hour");
}

#[test]
fn a_call_that_wants_more_life_than_tokens_have_is_renewed_for_at_a_bounded_rate() {
    let mut till = Till::signed_in(NO_DEVICE_KEY);
    let start = till.now;
    let mut refreshes = 0;
    while till.now.since(start) < HOUR {
        till.tell(Event::RenewEarly);
        if till.session.attempt.is_some() {
            refreshes += 1;
            till.ends(renewed(1 + refreshes));
        }
        till.pass(SECOND);
    }
    assert!((2..=30).contains(&refreshes), "{refreshes} refreshes in an hour");
}

/// How many of `tills` that failed in one moment come again in the busiest ten seconds, in percent.
fn busiest_ten_seconds_after(outcome: Outcome, failures: usize) -> usize {
    let tills = 400;
    let times: alloc::vec::Vec<_> = (0..tills)
        .map(|seed| {
            let mut till = Till::signed_in(NO_DEVICE_KEY);
            till.stir(seed);
            till.rejects(RejectionClass::InvalidToken);
            till.ends(REJECTED);
            let mut request = till.next_request();
            for failure in 0..failures {
                assert!(is_refresh(request));
                let earlier = till.now;
                till.ends(outcome);
                request = till.next_request();
                while !is_refresh(request) {
                    till.ends(REJECTED);
                    request = till.next_request();
                }
                if failure + 1 == failures {
                    return till.now.since(earlier);
                }
            }
            unreachable!("it fails at least once")
        })
        .collect();
    let within = |from: Duration| times.iter().filter(|at| (from..from + 10 * SECOND).contains(*at)).count();
    times.iter().map(|from| within(*from)).max().unwrap() * 100 / times.len()
}

#[test]
fn each_failure_spreads_those_who_failed_together_further() {
    let after: [usize; 3] = core::array::from_fn(|earlier| busiest_ten_seconds_after(DOWN, earlier + 1));
    assert!(after[0] >= 90, "once is no stampede yet, and a till alone is soon back: {after:?} %");
    assert!(after[1] <= 40 && after[2] <= 12, "the busiest ten seconds see {after:?} % of them");
}

#[test]
fn tills_that_were_sent_away_until_one_second_do_not_come_in_that_second() {
    let until = |pause| Outcome::Refresh(TokenOutcome::Transient { retry_after: Some(pause), lost: false });
    let busiest = busiest_ten_seconds_after(until(5 * MINUTE), 1);
    assert!(busiest <= 8, "{busiest} % of them in ten seconds of five minutes");
    let soon = busiest_ten_seconds_after(until(Duration::ZERO), 1);
    assert!(soon >= 90, "without a pause there is nothing to spread over: {soon} %");
}

/// A till whose server cannot be asked about tokens: a rejection opened an episode, and the refresh that answered it brought
/// tokens of one minute, of which nobody ever says anything. Every further renewal ends as `outcome` says.
fn renewals_in_an_open_episode(outcome: impl Fn(u64) -> Outcome) -> (Till, usize, Duration) {
    let mut till = Till::signed_in(NO_PROBE);
    till.rejects(RejectionClass::InvalidToken);
    till.next_request();
    till.ends(a_minute(2));
    let start = till.now;
    let (mut requests, mut latest, mut without) = (0, 2, Duration::ZERO);
    while till.now.since(start) < HOUR {
        till.pass(SECOND);
        if till.session.attempt.is_some() {
            requests += 1;
            latest += 1;
            till.ends(outcome(latest));
        }
        if till.hands_out().is_none() {
            without += SECOND;
        }
    }
    (till, requests, without)
}

fn a_minute(number: u64) -> Outcome {
    Outcome::Refresh(TokenOutcome::Renewed(NewGeneration { lives_for: Some(MINUTE), ..credentials(number) }))
}

#[test]
fn the_renewal_of_a_good_token_is_no_retry_and_no_till_starves_in_an_open_episode() {
    let (till, requests, without) = renewals_in_an_open_episode(a_minute);
    assert!(till.session.in_episode(), "nobody has accepted anything yet");
    assert_eq!(without, Duration::ZERO, "and the till sells all the while");
    assert!((60..=90).contains(&requests), "{requests} renewals of tokens that live for a minute");
}

#[test]
fn a_renewal_that_fails_in_an_open_episode_is_a_retry_from_then_on() {
    let (_, requests, _) = renewals_in_an_open_episode(|_| DOWN);
    assert!(requests <= 13, "{requests} requests in an hour");
}

#[test]
fn tokens_that_are_rejected_are_replaced_within_the_budget_however_short_they_live() {
    let mut till = Till::signed_in(NO_PROBE);
    let start = till.now;
    let (mut requests, mut latest) = (0, 1);
    while till.now.since(start) < HOUR {
        till.pass(SECOND);
        if till.session.attempt.is_some() {
            requests += 1;
            latest += 1;
            till.ends(a_minute(latest));
        }
        if till.hands_out().is_some() {
            till.rejects(RejectionClass::InvalidToken);
        }
    }
    assert!(requests <= 13, "{requests} requests in an hour");
}
