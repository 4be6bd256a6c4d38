//! A person who wants to sign in always can, and the attempt risks nothing (P13).

use std::time::Duration;

use mainstay::{Error, LockReason, Session, State, host::SecretStoreError, test_support::SwitchableSecretStore};
use mainstay_mock_server::{Endpoint, Fault};

use crate::{
    browser::ClosedBrowser,
    call::Call,
    till::{A_WHILE, Setup, TOKEN_LIFE, Till, codes, generation, is_signed_in, needs_a_person},
};

/// Brings a till into a state in which a person may want to sign in.
async fn in_state(name: &str) -> (Till, Session) {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    match name {
        "offline" => {
            till.wire.unplug();
            till.pass(TOKEN_LIFE).await;
            till.wire.repair();
        }
        "holding" => {
            till.control().set_fault(Fault::status(503).at(Endpoint::Refresh)).unwrap();
            till.control().change_secret(false);
            let _not_now = till.call(&session).await;
        }
        "holding, fresh tokens rejected" => {
            till.control().set_fault(Fault::reject_all().at(Endpoint::Me)).unwrap();
            let _not_now = till.call(&session).await;
            till.control().clear_faults();
        }
        "sign-in required" => {
            till.control().change_secret(false);
            till.control().wipe_sessions();
            let _not_now = till.call(&session).await;
        }
        "quarantined" => {
            till.control().set_fault(Fault::foreign_identity("grace").at(Endpoint::Refresh)).unwrap();
            till.pass(TOKEN_LIFE - A_WHILE).await;
            till.control().clear_faults();
        }
        "signed out" => till.wait_for(session.sign_out()).await.unwrap(),
        other => panic!("no such state: {other}"),
    }
    till.settle().await;
    (till, session)
}

const STATES: [&str; 6] =
    ["offline", "holding", "holding, fresh tokens rejected", "sign-in required", "quarantined", "signed out"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_can_sign_in_in_every_state() {
    for name in STATES {
        let (till, session) = in_state(name).await;
        let before = session.state().generation;
        till.sign_in_again(&session, "ada").await.unwrap_or_else(|error| panic!("{name}: {error}"));
        till.assert_sells(&session).await;
        assert!(session.state().generation > before, "{name}");
        assert_eq!(till.client.sessions().len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_is_given_up_changes_nothing() {
    for name in STATES {
        let (till, session) = in_state(name).await;
        let (before, state) = (till.keepsake().await, session.state().state);
        let given_up = till.wait_for(session.sign_in_again(&ClosedBrowser)).await;
        assert_eq!(given_up, Err(Error::Cancelled), "{name}");
        till.settle().await;
        assert_eq!(till.keepsake().await, before, "{name}");
        assert_eq!(session.state().state, state, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_else_who_signs_in_is_refused_and_their_tokens_are_revoked() {
    for name in STATES.into_iter().filter(|name| *name != "signed out") {
        let (till, session) = in_state(name).await;
        let (before, sessions) = (till.keepsake().await, till.control().observations().sessions);
        assert_eq!(till.sign_in_again(&session, "grace").await, Err(Error::IdentityMismatch), "{name}");
        assert_eq!(till.keepsake().await, before, "{name}");
        assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"), "{name}");
        assert_eq!(till.control().observations().sessions, sessions, "{name}: the server forgot grace's session");
        assert_eq!(till.control().observations().revoked, 1, "{name}");
    }
}

/// The vault is not read yet, so nobody knows whose session it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_else_is_refused_also_before_the_vault_was_read() {
    let (mut till, _session) = Till::signed_in().await;
    let before = till.credential_files().await;
    till.control().script_sign_in("grace");
    till.restart_unsettled().await;
    let session = till.client.session().unwrap();
    assert_eq!(till.wait_for(session.sign_in_again(&till.browser())).await, Err(Error::IdentityMismatch));
    till.settle().await;
    assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
    assert_eq!(till.credential_files().await, before);
}

/// A `sign_in` right after the start is no second account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_before_the_vault_was_read_finds_the_account() {
    let (mut till, _session) = Till::signed_in().await;
    till.restart_unsettled().await;
    let session = till.sign_in("ada").await;
    assert_eq!(till.client.sessions().len(), 1);
    assert_eq!(generation(&session).number(), 2);
    till.assert_sells(&session).await;
}

/// A locked vault offers to unlock. It is never written over, whoever signs in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_vault_is_not_written_over_by_a_sign_in() {
    let keys = SwitchableSecretStore::new();
    let (mut till, _session) = Setup::new().key_store(keys.clone()).signed_in().await;
    let before = till.credential_files().await;
    keys.fail_with(SecretStoreError::Locked);
    let session = till.restart().await.unwrap();
    assert_eq!(session.state().state, State::Locked { reason: LockReason::KeyStoreLocked });
    for person in ["ada", "grace"] {
        assert_eq!(till.sign_in_again(&session, person).await, Err(Error::VaultLocked), "{person}");
        till.pass(Duration::from_secs(60)).await;
    }
    assert_eq!(till.credential_files().await, before);
    assert_eq!(till.prompts(), 1, "nobody was sent to a sign-in that could not be kept");

    keys.recover();
    till.pass(Duration::from_secs(60)).await;
    assert!(is_signed_in(&session), "{:?}", codes(&session));
    till.assert_sells(&session).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quick_taps_wait_a_minute_at_most() {
    let (till, session) = in_state("sign-in required").await;
    let mut waited = Duration::ZERO;
    for _ in 0..12 {
        match till.wait_for(session.sign_in_again(&ClosedBrowser)).await {
            Err(Error::Cancelled) => {}
            Err(Error::TryLater { retry_after, .. }) => {
                assert!(retry_after <= Duration::from_secs(60), "{retry_after:?}");
                waited += retry_after;
                till.pass(retry_after).await;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(waited > Duration::from_secs(60));
    assert!(needs_a_person(&session));
    till.pass(Duration::from_secs(60)).await;
    till.sign_in_again(&session, "ada").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_while_the_browser_is_open_wins() {
    let (till, session) = in_state("sign-in required").await;
    till.control().script_sign_in("ada");
    till.control().hold(Endpoint::Token);
    let (asking, browser) = (session.clone(), till.browser());
    let sign_in = Call::start(&till.activity, async move { asking.sign_in_again(&browser).await });
    till.control().wait_for_held(1).await;
    till.wait_for(session.sign_out()).await.unwrap();
    till.control().clear_faults();

    assert!(till.wait_for(sign_in).await.is_err());
    till.settle().await;
    assert!(matches!(session.state().state, State::SignedOut { .. }));
    assert!(till.credential_files().await.is_empty());
    assert_eq!(till.control().observations().sessions, 0, "what the sign-in brought is revoked");
}

/// The server forgets every session and every token.
async fn lose_the_session(till: &Till, session: &Session) {
    till.pass(A_WHILE).await;
    till.control().change_secret(false);
    till.control().wipe_sessions();
    assert_eq!(till.call(session).await.unwrap_err(), Error::SignInRequired);
    till.settle().await;
}

/// P9: closed once, it is a banner, whatever happens and however often the app starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dismissed_prompt_is_not_raised_again_in_its_episode() {
    let (mut till, session) = Till::signed_in().await;
    assert!(!session.state().prompting);
    let mut states = session.states();
    states.next().await.unwrap();
    lose_the_session(&till, &session).await;
    assert!(session.state().prompting && needs_a_person(&session));
    let session = till.restart().await.unwrap();
    assert!(session.state().prompting, "nobody has seen to it yet");

    session.dismiss_prompt();
    till.settle().await;
    assert!(!session.state().prompting && needs_a_person(&session));
    till.pass(Duration::from_secs(7200)).await;
    assert_eq!(till.call(&session).await.unwrap_err(), Error::SignInRequired);
    let session = till.restart().await.unwrap();
    till.wait_for(session.try_now()).await.unwrap();
    till.pass(Duration::from_secs(60)).await;
    assert!(!session.state().prompting && needs_a_person(&session), "{:?}", codes(&session));

    till.sign_in_again(&session, "ada").await.unwrap();
    till.assert_sells(&session).await;
    assert!(!session.state().prompting);
    lose_the_session(&till, &session).await;
    assert!(session.state().prompting, "another episode");
    till.sign_in_again(&session, "ada").await.unwrap();
    assert!(!session.state().prompting, "done, so it is withdrawn");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_prompt_to_dismiss_while_all_is_well() {
    let (till, session) = Till::signed_in().await;
    let (state, before) = (session.state(), till.keepsake().await);
    session.dismiss_prompt();
    till.settle().await;
    assert_eq!((session.state(), till.keepsake().await), (state, before));
    till.assert_sells(&session).await;
}
