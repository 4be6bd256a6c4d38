//! P9 over all processes: one prompt for each account and episode, whichever process raises it.

use std::{sync::Arc, time::Duration};

use mainstay::{Client, Error, Session, host::memory::MemoryLock};

use crate::{
    process::Process,
    till::{A_WHILE, Till, is_signed_in, needs_a_person},
};

/// Two processes that share ada's session.
async fn two() -> (Till, Session, (Client, Process), Session) {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    let second = till.second_process().await;
    let other = second.0.session().unwrap();
    (till, session, second, other)
}

/// The server forgets every session and every token, and every process notices.
async fn lose_the_session(till: &Till, sessions: &[&Session]) {
    till.pass(A_WHILE).await;
    till.control().change_secret(false);
    till.control().wipe_sessions();
    for session in sessions {
        assert_eq!(till.call(session).await.unwrap_err(), Error::SignInRequired);
        till.settle().await;
    }
    assert!(sessions.iter().all(|session| needs_a_person(session)));
}

fn showing(sessions: &[&Session]) -> usize {
    sessions.iter().filter(|session| session.state().prompting).count()
}

/// 1. Two processes share a session, and the server forgets it.
/// 2. The first one notices, and shows a prompt. The second one notices later, and shows the state alone.
/// 3. The person closes the prompt, in the first. The second one shows none either, not after a restart, and not hours later.
/// 4. They sign in, in either. The next incident is another episode, with one prompt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_show_one_prompt_and_one_that_is_dismissed_stays_so_in_both() {
    let (mut till, session, _second, other) = two().await;
    lose_the_session(&till, &[&session, &other]).await;
    assert!(session.state().prompting && !other.state().prompting);

    session.dismiss_prompt();
    till.pass(Duration::from_secs(7200)).await;
    assert_eq!(showing(&[&session, &other]), 0);
    assert_eq!(till.call(&other).await.unwrap_err(), Error::SignInRequired);
    let session = till.restart().await.unwrap();
    till.pass(A_WHILE).await;
    assert_eq!(showing(&[&session, &other]), 0, "and after a restart");

    till.sign_in_again(&session, "ada").await.unwrap();
    till.assert_sells(&other).await;
    lose_the_session(&till, &[&other, &session]).await;
    assert!(other.state().prompting && !session.state().prompting, "another episode, and one prompt in it");
}

/// Whoever shows the prompt dies: somebody has to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_whose_process_died_is_shown_by_the_other_one() {
    let (till, session, _second, other) = two().await;
    lose_the_session(&till, &[&session, &other]).await;
    assert!(session.state().prompting && !other.state().prompting);
    till.kill().await;
    till.settle().await;
    assert!(other.state().prompting);
}

/// A prompt that the server's repair has made needless in one process is not raised by the other, which learns of it later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_that_a_sign_in_ended_moves_nowhere() {
    let (till, session, _second, other) = two().await;
    lose_the_session(&till, &[&session, &other]).await;
    let mut states = other.states();
    till.sign_in_again(&session, "ada").await.unwrap();
    assert!(is_signed_in(&session) && is_signed_in(&other));
    while let Some(state) = futures_util::FutureExt::now_or_never(states.next()).flatten() {
        assert!(!state.prompting);
    }
}

/// The negative control: locks that exclude nobody, and each process believes that the other has died.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_lock_between_them_both_would_prompt() {
    let (mut till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    till.machine.lock = Arc::new(MemoryLock::new());
    let second = till.second_process().await;
    let other = second.0.session().unwrap();
    lose_the_session(&till, &[&session, &other]).await;
    assert_eq!(showing(&[&session, &other]), 2);
}
