//! The main job: a server's mistake is not the user's problem.

use mainstay::State;
use mainstay_mock_server::Endpoint;

use crate::till::{A_WHILE, Till};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_secret_costs_one_refresh_and_no_prompt() {
    let (till, session) = Till::signed_in().await;
    assert_eq!(till.call(&session).await.unwrap().status(), 200);
    till.pass(A_WHILE).await;
    let prompts = till.prompts();

    till.control().change_secret(false);
    till.assert_sells(&session).await;

    assert_eq!(till.prompts(), prompts);
    assert_eq!(till.total(Endpoint::Refresh), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn void_refresh_tokens_and_no_device_key_cost_one_prompt_in_place() {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;

    till.control().change_secret(false);
    till.control().wipe_sessions();
    let answer = till.call(&session).await;

    assert_eq!(answer.unwrap_err(), mainstay::Error::SignInRequired);
    assert!(matches!(session.state().state, State::SignInRequired { .. }));
    till.sign_in_again(&session, "ada").await.unwrap();
    till.assert_sells(&session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_survives_a_restart() {
    let (mut till, _session) = Till::signed_in().await;
    let session = till.restart().await.unwrap();
    till.assert_sells(&session).await;
    assert_eq!(till.prompts(), 1);
}
