//! A vault that cannot be opened is moved aside, and people sign in again.

use mainstay::{AccountKey, Client, State, host::SecretStoreError, test_support::SwitchableSecretStore};

use crate::till::{Setup, Till, is_signed_in, needs_a_person};

const CASHIERS: [&str; 3] = ["ada", "grace", "edith"];

/// Three cashiers were signed in. The key store locked itself for good, the app was started again, and somebody had the
/// vault moved aside; then the key store is good for a new key.
async fn moved_aside() -> Till {
    let keys = SwitchableSecretStore::new();
    let mut till = Setup::new().key_store(keys.clone()).till().await;
    for cashier in CASHIERS {
        till.sign_in(cashier).await;
    }
    keys.fail_with(SecretStoreError::Locked);
    till.restart().await;
    assert!(till.client.sessions().iter().all(|session| matches!(session.state().state, State::Locked { .. })));
    till.client.set_vault_aside().await.unwrap();
    keys.recover();
    till.settle().await;
    assert!(till.client.sessions().iter().all(needs_a_person));
    till
}

fn active(client: &Client) -> (Option<AccountKey>, Option<String>) {
    let session = client.session();
    let person = session.as_ref().and_then(|session| session.identity()).and_then(|identity| identity.subject);
    (session.map(|session| session.account_id()), person)
}

/// 1. The vault was moved aside; nobody knows any more whom the app worked with. 2. Somebody signs in, in the place of any
/// of the sessions. 3. That is the session that the app works with, now and after a restart: the next sale is on their name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_in_again_after_a_vault_was_set_aside_is_the_one_that_the_app_works_with() {
    for place in 0..CASHIERS.len() {
        let mut till = moved_aside().await;
        let session = till.client.sessions()[place].clone();
        till.sign_in_again(&session, "grace").await.unwrap();
        assert!(is_signed_in(&session));
        let theirs = (Some(session.account_id()), Some("grace".to_owned()));
        assert_eq!(active(&till.client), theirs, "the session in place {place}");
        drop(session);
        till.restart().await;
        assert_eq!(active(&till.client), theirs, "the session in place {place}, after a restart");
        till.assert_sells(&till.client.session().unwrap()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_in_anew_after_a_vault_was_set_aside_is_the_one_that_the_app_works_with() {
    for person in ["edith", "somebody else"] {
        let mut till = moved_aside().await;
        let session = till.sign_in(person).await;
        let theirs = (Some(session.account_id()), Some(person.to_owned()));
        assert_eq!(active(&till.client), theirs);
        drop(session);
        till.restart().await;
        assert_eq!(active(&till.client), theirs, "after a restart");
        till.assert_sells(&till.client.session().unwrap()).await;
    }
}

/// The control: looking at a session is not signing in to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_only_looked_at_is_not_the_one_that_the_app_works_with() {
    let till = moved_aside().await;
    let session = till.client.sessions()[1].clone();
    till.sign_in_again(&session, "grace").await.unwrap();
    for other in till.client.sessions() {
        let opened = till.client.open_account(other.account_id()).await.unwrap();
        assert_eq!(active(&till.client).0, Some(session.account_id()), "{opened:?}");
    }
}
