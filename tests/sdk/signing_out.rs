//! Signing out: at once, durably, and without a network. The rest follows by itself.

use std::time::Duration;

use mainstay::{Error, SignedOutReason, State};
use mainstay_mock_server::Endpoint;

use crate::till::{A_WHILE, Till};

const OUT: State = State::SignedOut { reason: SignedOutReason::User };
const HOUR: Duration = Duration::from_secs(3600);

/// H5
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_without_network_is_local_at_once_and_revoked_later() {
    let (till, session) = Till::signed_in().await;
    till.wire.unplug();
    till.wait_for(session.sign_out()).await.unwrap();
    assert_eq!(session.state().state, OUT);
    assert_eq!(session.identity(), None);
    assert!(till.credential_files().await.is_empty());
    assert_eq!(till.wait_for(session.access_token()).await.unwrap_err(), Error::SignInRequired);
    assert_eq!(till.control().observations().sessions, 1);

    till.wire.repair();
    till.pass(HOUR).await;
    assert_eq!(till.control().observations().sessions, 0);
    assert_eq!(till.control().observations().revoked, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queued_revocation_and_the_reason_survive_a_restart() {
    let (mut till, session) = Till::signed_in().await;
    till.wire.unplug();
    till.wait_for(session.sign_out()).await.unwrap();
    till.settle().await;
    let session = till.restart().await.unwrap();
    assert_eq!(session.state().state, OUT);
    till.wire.repair();
    till.restart().await;
    till.pass(HOUR).await;
    assert_eq!(till.control().observations().sessions, 0);
    assert_eq!(till.total(Endpoint::Refresh), 0, "a session that was ended is never renewed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_during_a_refresh_wins() {
    let (till, session) = Till::signed_in().await;
    till.control().hold(Endpoint::Refresh);
    till.wait_for(session.try_now()).await.unwrap();
    till.control().wait_for_held(1).await;
    till.wait_for(session.sign_out()).await.unwrap();
    till.control().clear_faults();
    till.pass(HOUR).await;
    assert_eq!(session.state().state, OUT);
    assert!(till.credential_files().await.is_empty());
    assert_eq!(till.control().observations().sessions, 0);
}

/// H1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_in_next_sees_nothing_of_who_was_there_before() {
    let (till, ada) = Till::signed_in().await;
    let token = ada.access_token().await.unwrap().expose().to_owned();
    till.wait_for(ada.sign_out()).await.unwrap();
    till.pass(Duration::from_secs(1)).await;
    let (timeline, mut states) = (ada.timeline(), ada.states());
    assert_eq!(states.next().await.unwrap().state, OUT);
    let grace = till.sign_in("grace").await;
    assert_eq!(grace.identity().unwrap().subject.as_deref(), Some("grace"));
    assert_ne!(grace.access_token().await.unwrap().expose(), token);
    till.assert_sells(&grace).await;

    // Whatever the app still holds of ada's stays hers, and nothing of it has become grace's.
    assert_ne!(grace.account_id(), ada.account_id());
    assert_eq!((ada.state().state, ada.identity()), (OUT, None));
    assert_eq!(ada.timeline(), timeline);
    assert!(grace.timeline().iter().all(|note| note.at > timeline.last().unwrap().at), "{:?}", grace.timeline());
    assert_eq!(till.wait_for(ada.access_token()).await.unwrap_err(), Error::SignInRequired);
}

/// H1, in place: the account is ada's, also after she has signed out and the app has started again. She gets it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_else_does_not_get_the_account_of_who_signed_out() {
    for restarts in [false, true] {
        let (mut till, mut ada) = Till::signed_in().await;
        till.wait_for(ada.sign_out()).await.unwrap();
        till.settle().await;
        if restarts {
            ada = till.restart().await.unwrap();
        }
        assert_eq!(till.sign_in_again(&ada, "grace").await, Err(Error::IdentityMismatch), "{restarts}");
        till.pass(A_WHILE).await;
        assert_eq!((ada.state().state, ada.identity()), (OUT, None));
        assert_eq!(till.control().observations().sessions, 0, "what grace's sign-in brought was given back");
        till.sign_in_again(&ada, "ada").await.unwrap();
        till.assert_sells(&ada).await;
        assert_eq!(till.client.accounts().await.unwrap().len(), 1);
    }
}

/// The negative control: whoever only closes the window is still there, wherever the tests above look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_sign_out_is_found_by_the_next() {
    let (till, ada) = Till::signed_in().await;
    let token = ada.access_token().await.unwrap().expose().to_owned();
    let grace = till.sign_in("grace").await;
    assert_eq!(grace.identity().unwrap().subject.as_deref(), Some("grace"));
    assert_eq!(ada.identity().unwrap().subject.as_deref(), Some("ada"));
    assert_eq!(ada.access_token().await.unwrap().expose(), token);
    assert_eq!(till.credential_files().await.len(), 2);
}

/// The negative control of the revocation that comes later: without a network there is none, however long it takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_network_the_server_never_hears_of_a_sign_out() {
    let (till, session) = Till::signed_in().await;
    till.wire.unplug();
    till.wait_for(session.sign_out()).await.unwrap();
    till.pass(HOUR).await;
    let seen = till.control().observations();
    assert_eq!((seen.sessions, seen.revoked), (1, 0));
}

/// Rung 4 brings the session back, and nobody has to do anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enrolled_device_recovers_from_lost_sessions_without_a_prompt() {
    let (mut till, session) = Till::signed_in().await;
    till.wait_for(session.enroll_device_key()).await.unwrap();
    assert_eq!(till.control().observations().enrolments, 1);
    let session = till.restart().await.unwrap();
    for _ in 0..3 {
        till.pass(A_WHILE).await;
        till.control().change_secret(false);
        till.control().wipe_sessions();
        till.assert_sells(&session).await;
    }
    assert_eq!((till.prompts(), till.total(Endpoint::JwtBearer)), (1, 3));
}

/// Started without a network, a device knows nothing of its server but what it has stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_key_is_withdrawn_when_the_network_comes_back_after_a_start_without_one() {
    for restarts in [false, true] {
        let (mut till, session) = Till::signed_in().await;
        till.wait_for(session.enroll_device_key()).await.unwrap();
        assert_eq!(till.control().observations().enrolments, 1);
        till.wire.unplug();
        let session = till.restart().await.unwrap();
        till.settle().await;

        // Polled to its end without letting any time pass.
        till.activity.follow(session.sign_out()).await.unwrap();
        assert_eq!(session.state().state, OUT);
        assert!(till.credential_files().await.is_empty());
        till.settle().await;
        if restarts {
            till.restart().await;
        }
        till.pass(A_WHILE).await;
        assert_eq!(till.control().observations().enrolments, 1);

        till.wire.repair();
        till.pass(Duration::from_secs(600)).await;
        let seen = till.control().observations();
        assert_eq!((seen.enrolments, seen.sessions), (0, 0), "restarts: {restarts}");
    }
}

/// The key itself is gone at once, and the server no longer takes it, whatever order the queue is worked off in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_key_is_withdrawn_at_sign_out() {
    let (till, session) = Till::signed_in().await;
    till.wait_for(session.enroll_device_key()).await.unwrap();
    till.wait_for(session.sign_out()).await.unwrap();
    till.pass(Duration::from_secs(60)).await;
    let seen = till.control().observations();
    assert_eq!((seen.enrolments, seen.sessions), (0, 0));
}
