//! A till's disk is copied to another machine, with its key.

use std::sync::Arc;

use mainstay::{
    Error, Session, State,
    host::{SecretStore, memory::MemorySecretStore},
    test_support::{FaultyFiles, Survivors},
    vault::UnreadableReason,
};
use mainstay_mock_server::Rotation;

use crate::till::{Setup, TOKEN_LIFE, Till, codes, is_signed_in, needs_a_person};

/// A till on a strict server, and a second machine that starts from a copy of its disk and key.
async fn clones(first: Option<&str>, second: Option<&str>) -> ((Till, Session), (Till, Session)) {
    let (disk, keys) = (FaultyFiles::new(), MemorySecretStore::new());
    disk.put_into(first);
    let strict = Setup::new().server(|server| server.profile(Rotation::Strict));
    let (till, session) = strict.disk(disk.clone()).key_store(keys.clone()).signed_in().await;
    till.assert_sells(&session).await;
    let copy = disk.reopen(Survivors::Everything);
    copy.put_into(second);
    let mut clone = till.neighbour(8).await;
    clone.machine.files = Arc::new(copy);
    let keys: Arc<dyn SecretStore> = Arc::new(keys);
    clone.machine.secrets = keys;
    let cloned = clone.restart().await.unwrap();
    ((till, session), (clone, cloned))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cloned_till_asks_for_a_sign_in_and_the_first_one_sells_on() {
    let ((till, session), (clone, cloned)) = clones(Some("till-7"), Some("till-8")).await;
    clone.pass(std::time::Duration::from_secs(60)).await;
    assert!(needs_a_person(&cloned), "{:?} {:?}", cloned.state(), codes(&cloned));
    for _ in 0..3 {
        till.pass(TOKEN_LIFE).await;
        till.assert_sells(&session).await;
    }
    clone.sign_in_again(&cloned, "ada").await.unwrap();
    for _ in 0..3 {
        till.pass(TOKEN_LIFE).await;
        till.assert_sells(&session).await;
        clone.assert_sells(&cloned).await;
    }
    assert_eq!(till.control().observations().reuse_detections, 0);
    assert!(clone.files(|name| name.contains("-anothermachine-")).await.len() >= 3, "what was copied is kept");
}

/// The disk was in the wrong till, and comes back to its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_set_aside_is_listed_and_can_be_put_back_where_it_belongs() {
    let ((till, _session), (mut clone, cloned)) = clones(Some("till-7"), Some("till-8")).await;
    till.kill().await;
    clone.pass(std::time::Duration::from_secs(60)).await;
    assert!(needs_a_person(&cloned));
    let list = clone.client.set_aside_list().await.unwrap();
    assert!(list.len() >= 3 && list.iter().all(|it| it.reason == UnreadableReason::AnotherMachine), "{list:?}");
    let at = list[0].at;

    clone.sign_in_again(&cloned, "ada").await.unwrap();
    let refused = clone.client.restore(at).await.unwrap_err();
    assert!(matches!(refused, Error::Misconfigured(_)), "{refused}");
    clone.client.set_vault_aside().await.unwrap();
    assert_eq!(clone.client.restore(at).await.unwrap(), list.len());

    let home = FaultyFiles::new();
    for name in clone.machine.files.list().await.unwrap() {
        home.put(&name, clone.machine.files.read(&name, 1 << 20).await.unwrap().unwrap());
    }
    home.put_into(Some("till-7"));
    clone.machine.files = Arc::new(home);
    let session = clone.restart().await.unwrap();
    clone.assert_sells(&session).await;
    assert_eq!(clone.control().observations().reuse_detections, 0);
}

/// Negative control: where no machine is known, the clones take each other's session for stolen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clones_that_nobody_can_tell_apart_end_each_other_s_sessions() {
    let ((till, session), (clone, cloned)) = clones(None, None).await;
    assert!(is_signed_in(&cloned));
    for _ in 0..3 {
        till.pass(TOKEN_LIFE).await;
        let _ends_badly = (till.call(&session).await, clone.call(&cloned).await);
    }
    assert!(till.control().observations().reuse_detections > 0);
    assert!(matches!(session.state().state, State::SignInRequired { .. }) || needs_a_person(&cloned));
}
