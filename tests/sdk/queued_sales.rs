//! What was sold while nobody could be asked.

use mainstay::Error;

use crate::till::{A_WHILE, Till, needs_a_person};

/// A9. 1. Three sales are taken while the network is gone. 2. The server loses every session, and comes back. 3. Nothing
/// of the app's is touched, a person signs in, and each sale arrives once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sales_that_wait_when_the_session_is_lost_are_sent_after_the_sign_in_exactly_once() {
    let (till, session) = Till::signed_in().await;
    let before = till.app_data().await;
    till.pass(A_WHILE).await;
    till.wire.unplug();
    for key in ["sale-1", "sale-2", "sale-3"] {
        assert!(till.wait_for(session.send(till.sale(Some(key)))).await.is_err());
    }
    till.control().change_secret(false);
    till.control().wipe_sessions();
    till.wire.repair();
    let refused = till.wait_for(session.send(till.sale(Some("sale-1")))).await;
    assert_eq!(refused.err(), Some(Error::SignInRequired));
    till.settle().await;
    assert!(needs_a_person(&session));
    assert_eq!(till.app_data().await, before);
    assert!(!till.credential_files().await.is_empty(), "what the server no longer takes is kept all the same");

    till.sign_in_again(&session, "ada").await.unwrap();
    for key in ["sale-1", "sale-2", "sale-3", "sale-3"] {
        let sent = till.wait_for(session.send(till.sale(Some(key)))).await.unwrap();
        assert!(sent.status().is_success(), "{}", sent.status());
    }
    let seen = till.control().observations();
    // The last was sent twice by this test, and answered from the first time.
    assert_eq!((seen.sales.len(), seen.duplicate_sales), (3, 1), "{:?}", seen.sales);
    assert_eq!((till.app_data().await, till.prompts()), (before, 2));
}
