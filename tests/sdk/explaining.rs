//! What people are told, while it happens: from the same table in every state, with times that come true.

use std::time::Duration;

use mainstay::{Action, HoldCause, Situation, State};
use mainstay_mock_server::{Endpoint, Fault};

use crate::till::{A_WHILE, EVENING_MS, Setup, Till, is_signed_in};

/// D1, E, A6 and the like, as they look at the till: what is said to happen in so many seconds happens then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_to_happen_by_itself_happens_then() {
    let (till, session) = Till::signed_in().await;
    let said = session.explain();
    assert_eq!(said.situation, Situation::Online);
    assert_eq!((said.next.code, said.needs_person), ("next.renew", false));
    let renewed = till.total(Endpoint::Refresh);
    till.pass(Duration::from_secs(said.next.seconds.unwrap() - 2)).await;
    assert_eq!(till.total(Endpoint::Refresh), renewed, "not before");
    till.pass(Duration::from_secs(3)).await;
    assert_eq!(till.total(Endpoint::Refresh), renewed + 1, "{said:?}");

    // The authorization server goes down, and a rejected token cannot be renewed.
    till.pass(A_WHILE).await;
    till.control().set_fault(Fault::status(503).at(Endpoint::Refresh)).unwrap();
    till.control().change_secret(false);
    till.call(&session).await.unwrap_err();
    assert!(matches!(session.state().state, State::Holding { cause: HoldCause::ServerTrouble, .. }));
    for _ in 0..12 {
        till.settle().await;
        let said = session.explain();
        assert_eq!(said.situation.as_str(), "explain.holding.server_trouble");
        assert_eq!(said.code.unwrap().as_str(), "cause.server_trouble");
        assert!(!said.needs_person && said.may.contains(&Action::SignIn), "P13");
        let (seconds, asked) = (said.next.seconds.unwrap(), requests(&till));
        assert!(said.next.sentence.contains(&mainstay::in_words(Duration::from_secs(seconds))), "{said:?}");
        till.pass(Duration::from_secs(seconds.saturating_sub(2))).await;
        assert_eq!(requests(&till), asked, "not before: {said:?}");
        till.pass(Duration::from_secs(seconds.min(2) + 1)).await;
        assert!(requests(&till) > asked, "{said:?}");
    }
    till.control().clear_faults();
    while !is_signed_in(&session) {
        let said = session.explain();
        till.pass(Duration::from_secs(said.next.seconds.unwrap().max(1))).await;
    }
    till.assert_sells(&session).await;
}

fn requests(till: &Till) -> usize {
    till.control().requests().len()
}

/// A shop that waits for a person says so, and never that it goes on by itself where it does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_person_says_so() {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    till.control().change_secret(false);
    till.control().wipe_sessions();
    till.call(&session).await.unwrap_err();
    till.settle().await;
    let said = session.explain();
    assert!(said.needs_person && said.may[0] == Action::SignIn, "{said:?}");
    assert_eq!(said.next.code, "next.retest", "what is kept is tested all the same: {said:?}");

    till.wait_for(session.sign_out()).await.unwrap();
    let said = session.explain();
    assert_eq!((said.situation, said.next.code), (Situation::SignedOutByUser, "next.person"));
    assert_eq!((said.next.seconds, said.next.time), (None, None));
    assert_eq!(said.next.sentence, "Waits for a person to sign in.");
}

/// The moment is one on the device's own clock, however wrong that is: it is shown beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_moment_is_told_by_the_device_s_own_clock() {
    let wall_ms = EVENING_MS - 86_400_000;
    let (_till, session) = Setup::new().device_clock(wall_ms).signed_in().await;
    let said = session.explain();
    let seconds = (said.next.time.unwrap() - wall_ms) / 1000;
    assert!(seconds.abs_diff(said.next.seconds.unwrap()) <= 1, "{said:?}");
}
