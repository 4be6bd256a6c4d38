//! Key stores that have a bad moment.

use std::time::Duration;

use mainstay::{host::SecretStoreError, test_support::SwitchableSecretStore};

use crate::till::{Setup, codes, is_signed_in};

/// B1
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_store_that_fails_once_costs_a_moment_and_nothing_else() {
    let errors = [
        SecretStoreError::Unreadable("it threw".to_owned()),
        SecretStoreError::Unavailable,
        SecretStoreError::Locked,
        SecretStoreError::Timeout,
    ];
    for error in errors {
        let keys = SwitchableSecretStore::new();
        let (mut till, _session) = Setup::new().key_store(keys.clone()).signed_in().await;
        let before = till.keepsake().await;
        keys.fail_with(error.clone());
        let session = till.restart().await.unwrap();
        assert!(!is_signed_in(&session), "{error}");
        keys.recover();
        till.pass(Duration::from_secs(2)).await;
        assert!(is_signed_in(&session), "{error}: {:?} {:?}", session.state(), codes(&session));
        assert_eq!(till.keepsake().await, before, "{error}");
        assert_eq!(till.files(|name| name.starts_with("aside-")).await.len(), 0, "{error}");
        assert_eq!(till.prompts(), 1, "{error}");
    }
}
