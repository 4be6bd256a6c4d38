//! The driver on a host of one thread: its transport, files, key store, locks and tasks hold an [`Rc`](std::rc::Rc) each,
//! so that none of them, nor any future of theirs, is `Send`. It does the main job there against the real server, over
//! real HTTP, in virtual time.
#![cfg(all(feature = "single-threaded", feature = "test-support"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::arc_with_non_send_sync, reason = "the host's traits ask for an Arc wherever they are used")]

mod host;
mod http1;
mod stand;

use std::time::Duration;

use mainstay::{Error, SignedOutReason, State};
use mainstay_mock_server::Endpoint;

use stand::{Stand, TOKEN_LIFE, on_one_thread};

/// Old enough that a rejection is no rejection of a fresh token.
const A_WHILE: Duration = Duration::from_secs(180);

/// The negative control: were the machine `Send`, the tests below would show nothing that others do not.
#[test]
fn the_machine_belongs_to_its_thread() {
    use std::marker::PhantomData;
    struct Probe<T>(PhantomData<T>);
    impl<T: Send> Probe<T> {
        fn is_send(&self) -> bool {
            true
        }
    }
    trait Otherwise {
        fn is_send(&self) -> bool {
            false
        }
    }
    impl<T> Otherwise for &Probe<T> {}
    assert!(!(&Probe::<host::Machine>(PhantomData)).is_send());
    assert!(!(&Probe::<mainstay::host::BoxFuture<'static, ()>>(PhantomData)).is_send());
    assert!(Probe::<Error>(PhantomData).is_send());
}

#[test]
fn a_session_lives_through_a_changed_secret_on_one_thread() {
    on_one_thread(async {
        let mut stand = Stand::new().await;
        let session = stand.sign_in("ada").await;
        assert_eq!(stand.sell(&session, "1").await, 201);
        assert_eq!(stand.total(Endpoint::Refresh), 0);

        stand.pass(A_WHILE).await;
        stand.server.control().change_secret(false);
        assert_eq!(stand.sell(&session, "2").await, 201);
        stand.pass(Duration::from_secs(10)).await;
        assert!(matches!(session.state().state, State::SignedIn { .. }), "{:?}", session.state());
        assert_eq!((stand.total(Endpoint::Refresh), stand.seen().prompts_in_all()), (1, 1));
        assert_eq!(stand.seen().duplicate_sales, 0);

        let session = stand.restart().await.expect("the session is in the vault");
        assert_eq!(session.identity().unwrap().subject.as_deref(), Some("ada"));
        assert_eq!(stand.sell(&session, "3").await, 201);

        stand.wait_for(session.sign_out()).await.unwrap();
        assert_eq!(session.state().state, State::SignedOut { reason: SignedOutReason::User });
        assert_eq!(stand.wait_for(session.access_token()).await.unwrap_err(), Error::SignInRequired);
        stand.pass(Duration::from_secs(60)).await;
        assert_eq!((stand.seen().sessions, stand.seen().revoked), (0, 1));
        assert!(stand.machine.every_part_was_used(), "{:?}", stand.machine);
    });
}

#[test]
fn fifty_callers_on_one_thread_cause_one_refresh() {
    on_one_thread(async {
        let stand = Stand::new().await;
        let session = stand.with_an_expired_token().await;
        let callers: Vec<_> = (0..50).map(|_| stand.start_asking(&session)).collect();
        stand.server.control().wait_for_held(1).await;
        stand.settle().await;
        assert!(callers.iter().all(|caller| !caller.is_finished()), "somebody did not wait");
        stand.server.control().clear_faults();
        for caller in callers {
            let token = stand.wait_for(caller).await.unwrap().unwrap();
            assert_eq!(Some(token.generation()), session.state().generation);
        }
        assert_eq!(stand.total(Endpoint::Refresh), 1);
    });
}

#[test]
fn a_caller_on_one_thread_that_goes_away_cancels_nothing() {
    on_one_thread(async {
        let mut stand = Stand::new().await;
        let session = stand.with_an_expired_token().await;
        let before = session.state().generation;
        let caller = stand.start_asking(&session);
        stand.server.control().wait_for_held(1).await;
        stand.settle().await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());

        stand.server.control().clear_faults();
        stand.settle().await;
        let after = session.state().generation;
        assert!(after > before);
        assert_eq!(stand.total(Endpoint::Refresh), 1);
        assert_eq!(stand.restart().await.unwrap().state().generation, after, "and it was stored");
    });
}

#[test]
fn a_network_that_is_gone_ends_no_session_on_one_thread() {
    on_one_thread(async {
        let stand = Stand::new().await;
        let session = stand.sign_in("ada").await;
        stand.machine.unplug(true);
        stand.pass(TOKEN_LIFE * 2).await;
        let offline = stand.wait_for(session.access_token()).await.unwrap_err();
        assert!(matches!(offline, Error::TryLater { .. }), "{offline}");
        stand.machine.unplug(false);
        stand.pass(Duration::from_secs(600)).await;
        assert_eq!(stand.sell(&session, "1").await, 201);
        assert_eq!(stand.seen().prompts_in_all(), 1);
    });
}
