//! Handles, streams and tasks: what lives how long, and what a late subscriber sees.

use std::time::Duration;

use mainstay::{Connectivity, SignedOutReason, State};
use mainstay_mock_server::Endpoint;

use crate::till::{A_WHILE, Till, codes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_handle_ends_every_task() {
    let (till, session) = Till::signed_in().await;
    let Till { client, process, activity, clock, .. } = till;
    assert!(process.alive() > 0);
    drop(client);
    activity.quiescent().await;
    assert!(process.alive() > 0, "a session lives without its client");
    assert!(session.access_token().await.is_ok());
    drop(session);
    process.ended().await;
    assert_eq!((process.alive(), clock.next_deadline()), (0, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_has_something_to_revoke_ends_with_its_last_handle_too() {
    let (till, session) = Till::signed_in().await;
    till.wire.unplug();
    till.wait_for(session.sign_out()).await.unwrap();
    till.settle().await;
    let Till { client, process, clock, .. } = till;
    drop((client, session));
    // It waits for its next try, and finds nobody to try for.
    clock.advance(Duration::from_secs(3600));
    process.ended().await;
    assert_eq!((process.alive(), clock.next_deadline()), (0, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_comes_late_sees_the_present_state_first() {
    let (till, session) = Till::signed_in().await;
    let mut states = session.states();
    let signed_in = State::SignedIn { connectivity: Connectivity::Online };
    assert_eq!(states.next().await.unwrap().state, signed_in);

    session.network_changed(false);
    till.settle().await;
    assert_eq!(states.next().await.unwrap().state, State::SignedIn { connectivity: Connectivity::Offline });
    till.wait_for(session.sign_out()).await.unwrap();
    let signed_out = State::SignedOut { reason: SignedOutReason::User };
    assert_eq!(states.next().await.unwrap().state, signed_out);
    assert_eq!(session.states().next().await.unwrap().state, signed_out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_stream_ends_when_nobody_holds_the_session() {
    let (till, session) = Till::signed_in().await;
    let mut states = session.states();
    assert!(states.next().await.is_some());
    let Till { client, process, .. } = till;
    drop((client, session));
    process.ended().await;
    assert_eq!(states.next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeline_is_replayed_from_its_beginning_and_goes_on() {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    till.control().change_secret(false);
    till.assert_sells(&session).await;
    till.settle().await;
    let mut stream = session.timeline_stream();
    let seen: Vec<_> = stream.next().await.unwrap();
    assert_eq!(seen, session.timeline());
    assert!(seen.windows(2).all(|pair| pair[0].at <= pair[1].at));
    let story = ["evidence.invalid_token", "rung.probe", "evidence.probe_rejected", "step.spread", "rung.refresh"];
    assert_eq!(codes(&session)[..story.len()], story);
    assert_eq!(codes(&session).last(), Some(&"verdict.recovered"));

    till.wait_for(session.sign_out()).await.unwrap();
    let more = stream.next().await.unwrap();
    assert_eq!(more.last().unwrap().code.as_str(), "destroy.sign_out");
    assert_eq!([seen, more].concat(), session.timeline());
    assert_eq!(till.total(Endpoint::Refresh), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_timeline_survives_a_restart() {
    let (mut till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    till.control().change_secret(false);
    till.assert_sells(&session).await;
    till.settle().await;
    let before = session.timeline();
    let session = till.restart().await.unwrap();
    assert_eq!(session.timeline()[..], before[..session.timeline().len()]);
    assert!(codes(&session).contains(&"rung.refresh"));
}
