//! One refresh at a time, whoever asks, however many ask, and whether or not they wait for the answer (P6).

use std::sync::Arc;

use bytes::Bytes;
use mainstay::{
    Session,
    driver::AccessToken,
    host::{ConnectionWish, Lane, Outbound},
};
use mainstay_mock_server::{Endpoint, Rotation};
use tokio::task::JoinSet;

use crate::{
    call::Call,
    till::{A_WHILE, Setup, TOKEN_LIFE, Till, generation},
};

/// A till whose access token has just expired, and whose server withholds its answer.
async fn with_an_expired_token() -> (Till, Session) {
    let (till, session) = Till::signed_in().await;
    // Without a network nothing is renewed before its time.
    session.network_changed(false);
    till.control().hold(Endpoint::Refresh);
    till.pass(TOKEN_LIFE).await;
    (till, session)
}

/// Asks for a token in a task of its own, which counts as under way.
fn ask(till: &Till, session: &Session) -> Call<Result<AccessToken, mainstay::Error>> {
    let session = session.clone();
    Call::start(&till.activity, async move { session.access_token().await })
}

/// Starts so many callers, and lets the server answer when all of them wait.
async fn callers_wait_together(till: &Till, session: &Session, callers: usize) -> Vec<AccessToken> {
    let waiting: Vec<_> = (0..callers).map(|_| ask(till, session)).collect();
    till.control().wait_for_held(1).await;
    till.settle().await;
    assert!(waiting.iter().all(Call::waits), "somebody did not wait");
    till.control().clear_faults();
    let mut tokens = Vec::new();
    for caller in waiting {
        tokens.push(till.wait_for(caller).await.unwrap());
    }
    tokens
}

/// C2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_callers_with_an_expired_token_cause_one_refresh() {
    let (till, session) = with_an_expired_token().await;
    let tokens = callers_wait_together(&till, &session, 50).await;
    assert!(tokens.iter().all(|token| token.generation() == generation(&session)));
    assert_eq!(till.total(Endpoint::Refresh), 1);
    till.assert_sells(&session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_concurrent_callers_cause_one_refresh() {
    let (till, session) = with_an_expired_token().await;
    let tokens = callers_wait_together(&till, &session, 1000).await;
    assert_eq!(tokens.len(), 1000);
    assert!(tokens.iter().all(|token| token.generation() == generation(&session)));
    assert!(tokens.iter().all(|token| token.expose() == tokens[0].expose()));
    assert_eq!(till.total(Endpoint::Refresh), 1);
}

/// The negative control: the server counts every caller that refreshes for itself, as is done without single flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_callers_that_refresh_for_themselves_are_counted_a_thousand_times() {
    let (till, _session) = Setup::new().server(|server| server.profile(Rotation::Off)).signed_in().await;
    till.pass(TOKEN_LIFE).await;
    let form = till.wire.sent().into_iter().find(|sent| sent.carries("grant_type=refresh_token")).unwrap();
    let before = till.total(Endpoint::Refresh);
    let network = Arc::clone(&till.machine.transport);
    // Forty at a time: a thousand open connections are more than some systems allow a process.
    let turns = Arc::new(tokio::sync::Semaphore::new(40));
    let mut callers = JoinSet::new();
    for _ in 0..1000 {
        let (network, form, turns) = (Arc::clone(&network), form.clone(), Arc::clone(&turns));
        callers.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            let request = http::Request::post(form.uri).header("content-type", "application/x-www-form-urlencoded");
            let request: http::Request<Bytes> = request.body(form.body).unwrap();
            let (connection, lane) = (ConnectionWish::Any, Lane::Own);
            let refresh = Outbound { request, connection, lane, body_limit: 10_000 };
            network.send(refresh).await.unwrap().response.status()
        });
    }
    assert!(callers.join_all().await.into_iter().all(|status| status == 200));
    assert_eq!(till.total(Endpoint::Refresh) - before, 1000);
}

/// C18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_cancels_nothing() {
    let (mut till, session) = with_an_expired_token().await;
    let before = generation(&session);
    let caller = ask(&till, &session);
    till.control().wait_for_held(1).await;
    till.settle().await;

    caller.abort().await;
    till.control().clear_faults();
    till.settle().await;

    assert!(generation(&session) > before);
    assert_eq!(till.total(Endpoint::Refresh), 1);
    let after = generation(&session);
    assert_eq!(generation(&till.restart().await.unwrap()), after, "and it was stored");
}

/// F1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_parallel_rejections_cause_one_refresh_and_one_replay_each() {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    let (sales, probes) = (till.total(Endpoint::Sales), till.total(Endpoint::Me));
    till.control().change_secret(false);
    till.control().hold(Endpoint::Sales);

    let mut calls = Vec::new();
    for number in 0..100 {
        let (session, sale) = (session.clone(), till.sale(Some(&number.to_string())));
        calls.push(Call::start(&till.activity, async move { session.send(sale).await }));
    }
    till.control().wait_for_held(100).await;
    till.control().clear_faults();
    for call in calls {
        assert_eq!(till.wait_for(call).await.unwrap().status(), 201);
    }
    till.settle().await;

    assert_eq!(till.total(Endpoint::Refresh), 1);
    assert_eq!(till.total(Endpoint::Sales) - sales, 200, "each call once, and each replay once");
    assert!(till.total(Endpoint::Me) - probes <= 2);
    assert_eq!(till.control().observations().duplicate_sales, 0);
    let refreshes = till.wire.sent().into_iter().filter(|sent| sent.is_to("/token")).collect::<Vec<_>>();
    assert!(refreshes.iter().all(|refresh| refresh.authorization.is_none()), "no refresh passed the interceptor");
}
