//! Full disks, and power that goes at any moment (P8).

use std::sync::Arc;

use mainstay::{
    Error, HoldCause, Session, State,
    host::FileError,
    test_support::{FaultyFiles, Survivors},
};
use mainstay_mock_server::{Endpoint, Fault, Rotation};

use crate::till::{A_WHILE, Setup, TOKEN_LIFE, Till, codes, generation, is_signed_in, prompts_raised};

async fn on(disk: &FaultyFiles, rotation: Rotation) -> (Till, Session) {
    let setup = Setup::new().disk(disk.clone()).server(move |server| server.profile(rotation));
    let (till, session) = setup.signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    (till, session)
}

/// C9
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_cannot_be_stored_live_in_memory_and_are_stored_later() {
    let disk = FaultyFiles::new();
    let (mut till, session) = on(&disk, Rotation::Strict).await;
    let first = generation(&session);
    till.control().hold(Endpoint::Refresh);
    till.wait_for(session.try_now()).await.unwrap();
    till.control().wait_for_held(1).await;
    till.settle().await;
    disk.fail_after(0, FileError::NoSpace);
    till.control().clear_faults();
    till.settle().await;

    assert!(session.state().unsaved, "{:?}", codes(&session));
    let token = session.access_token().await.unwrap();
    assert!(token.generation() > first, "what was paid for is used");
    till.assert_sells(&session).await;
    till.pass(std::time::Duration::from_secs(15)).await;
    assert!(!session.state().unsaved, "storing is retried");

    let session = till.restart().await.unwrap();
    assert_eq!(generation(&session), token.generation());
    till.assert_sells(&session).await;
    assert_eq!(till.control().observations().reuse_detections, 0);
    assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_found_before_the_refresh_token_is_spent() {
    let disk = FaultyFiles::new();
    let (till, session) = on(&disk, Rotation::Strict).await;
    let before = till.credential_files().await;
    disk.set_full(true);
    till.pass(TOKEN_LIFE).await;
    assert_eq!(till.total(Endpoint::Refresh), 0, "{:?}", codes(&session));
    let refused = till.call(&session).await.unwrap_err();
    assert!(matches!(refused, Error::TryLater { .. }), "{refused}");
    assert!(matches!(session.state().state, State::Holding { cause: HoldCause::StorageFull, .. }));
    assert_eq!(till.credential_files().await, before);

    disk.set_full(false);
    till.pass(std::time::Duration::from_secs(600)).await;
    assert!(is_signed_in(&session), "{:?}", codes(&session));
    till.assert_sells(&session).await;
    assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0));
}

/// C16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_may_be_cut_off_at_any_change_of_the_disk() {
    for rotation in [Rotation::Grace, Rotation::UntilUsed] {
        for survivors in Survivors::ALL {
            let mut changes = 0;
            while refresh_cut_after(changes, rotation, survivors).await {
                changes += 1;
                assert!(changes < 60, "the disk never had enough changes");
            }
            assert!(changes > 6, "a refresh changes the disk: {changes}");
        }
    }
}

/// Whether the cut hit the refresh.
async fn refresh_cut_after(changes: usize, rotation: Rotation, survivors: Survivors) -> bool {
    let case = format!("{changes} {rotation:?} {survivors:?}");
    let disk = FaultyFiles::new();
    let (mut till, session) = on(&disk, rotation).await;
    let before = disk.log().len();
    disk.cut_after(changes);
    let _may_fail = till.wait_for(session.try_now()).await;
    till.settle().await;
    till.kill().await;
    let hit = disk.log().len() >= before + changes;

    till.machine.files = Arc::new(disk.reopen(survivors));
    let session = till.restart().await.unwrap_or_else(|| panic!("{case}: no session"));
    assert!(is_signed_in(&session), "{case} {:?}", session.state());
    till.assert_sells(&session).await;
    assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0), "{case}");
    assert_eq!(till.control().observations().reuse_detections, 0, "{case}");
    hit
}

/// C1, C8: the server has rotated, and the answer was on its way when the process died.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_lost_with_the_process_is_asked_for_once_more() {
    for rotation in [Rotation::Grace, Rotation::UntilUsed, Rotation::Strict] {
        let disk = FaultyFiles::new();
        let (mut till, session) = on(&disk, rotation).await;
        let mut committed = Fault::hold().at(Endpoint::Refresh);
        committed.after_commit = true;
        till.control().set_fault(committed).unwrap();
        till.wait_for(session.try_now()).await.unwrap();
        till.control().wait_for_held(1).await;
        till.kill().await;
        till.control().clear_faults();

        let session = till.restart().await.unwrap();
        let answer = till.call(&session).await;
        if rotation == Rotation::Strict {
            // Such a server takes it for theft and ends the session: one prompt, in place, and nothing is lost.
            assert_eq!(answer.unwrap_err(), Error::SignInRequired, "{:?}", codes(&session));
            till.sign_in_again(&session, "ada").await.unwrap();
        } else {
            assert_eq!(till.prompts(), 1);
        }
        till.assert_sells(&session).await;
    }
}
