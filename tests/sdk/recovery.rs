//! The main job: a server's mistake is not the user's problem.

use std::time::Duration;

use mainstay::State;
use mainstay_mock_server::Endpoint;

use crate::till::{Till, codes, is_signed_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_secret_costs_one_refresh_and_no_prompt() {
    let (till, session) = Till::signed_in().await;
    assert_eq!(till.call(&session).await.unwrap().status(), 200);
    till.pass(Duration::from_secs(180)).await;
    let prompts = till.prompts();

    till.control().change_secret(false);
    let answer = till.call(&session).await;

    assert_eq!(answer.unwrap_or_else(|error| panic!("{error}: {:?}", codes(&session))).status(), 200);
    till.settle().await;
    assert!(is_signed_in(&session), "{:?} {:?}", session.state(), codes(&session));
    assert_eq!(till.prompts(), prompts);
    assert_eq!(till.total(Endpoint::Refresh), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn void_refresh_tokens_and_no_device_key_cost_one_prompt_in_place() {
    let (till, session) = Till::signed_in().await;
    till.pass(Duration::from_secs(180)).await;

    till.control().change_secret(false);
    till.control().wipe_sessions();
    let answer = till.call(&session).await;

    assert_eq!(answer.unwrap_err(), mainstay::Error::SignInRequired);
    assert!(matches!(session.state().state, State::SignInRequired { .. }));
    till.control().script_sign_in("ada");
    till.wait_for(session.sign_in_again(&crate::till::ScriptedBrowser::new())).await.unwrap();
    assert_eq!(till.call(&session).await.unwrap().status(), 200);
    till.settle().await;
    assert!(is_signed_in(&session));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_survives_a_restart() {
    let (mut till, _session) = Till::signed_in().await;
    till.restart().await;
    let session = till.client.session().unwrap();
    assert_eq!(till.call(&session).await.unwrap().status(), 200);
    assert_eq!(till.prompts(), 1);
}
