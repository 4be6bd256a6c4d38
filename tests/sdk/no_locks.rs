//! Storage that has no locks between processes.

use std::sync::Arc;

use mainstay::{
    Client, Error,
    host::{BoxFuture, FileName, Held, Host, Lock, LockError},
};
use mainstay_mock_server::Endpoint;

use crate::till::Till;

/// What a network file system without a lock service makes of every lock.
struct Unsupported;

impl Lock for Unsupported {
    fn acquire(&self, _name: &FileName) -> BoxFuture<'_, Result<Box<dyn Held>, LockError>> {
        Box::pin(std::future::ready(Err(LockError::Unsupported)))
    }
}

async fn client_without_locks(till: &Till) -> Result<Client, Error> {
    let host = till.activity.track(Host { lock: Arc::new(Unsupported), ..till.machine.clone() });
    let client = Client::builder(till.server.issuer(), "till-app").profile(till.profile.clone()).host(host);
    till.wait_for(client.build()).await
}

fn says_where_the_fault_is(error: &Error) -> bool {
    matches!(error, Error::Misconfigured(text) if text.contains("without locks"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_on_storage_without_locks_is_an_error_before_anybody_is_asked_anything() {
    let till = Till::new().await;
    let client = client_without_locks(&till).await.unwrap();
    let error = till.wait_for(client.sign_in(&till.browser())).await.unwrap_err();
    assert!(says_where_the_fault_is(&error), "{error}");
    assert_eq!((till.prompts(), till.total(Endpoint::Token)), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_was_moved_to_such_storage_is_refused_and_kept() {
    let (till, _session) = Till::signed_in().await;
    let before = till.credential_files().await;
    till.kill().await;
    let error = client_without_locks(&till).await.unwrap_err();
    assert!(says_where_the_fault_is(&error), "{error}");
    assert_eq!(till.credential_files().await, before);
    assert_eq!(till.total(Endpoint::Refresh), 0);
}
