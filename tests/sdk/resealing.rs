//! The vault is sealed anew under another key while tills sell.

use mainstay::{
    Error,
    host::FileError,
    test_support::{FaultyFiles, Survivors},
};

use crate::till::{Setup, TOKEN_LIFE, Till, prompts_raised};

/// Whether the vault names two keys: then not everything is sealed with the new one yet.
fn is_resealing(disk: &FaultyFiles) -> bool {
    let name = mainstay::host::FileName::new("vault.install").unwrap();
    let file = &disk.contents()[&name];
    file[44..52] != file[52..60]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_sell_on_while_their_vault_is_sealed_anew() {
    let (mut till, session) = Till::signed_in().await;
    till.wait_for(session.enroll_device_key()).await.unwrap();
    let (other, process) = till.second_process().await;
    let second = other.session().unwrap();
    let before = till.credential_files().await;
    till.wait_for(till.client.reseal()).await.unwrap();
    let after = till.credential_files().await;
    assert!(before.keys().eq(after.keys()) && before.iter().all(|(name, hash)| after[name] != *hash));
    for _ in 0..2 {
        till.pass(TOKEN_LIFE).await;
        till.assert_sells(&session).await;
        till.assert_sells(&second).await;
    }
    process.kill().await;
    let session = till.restart().await.unwrap();
    till.control().wipe_sessions();
    till.pass(TOKEN_LIFE).await;
    till.assert_sells(&session).await;
    assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0), "the device key opens too");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reseal_that_a_full_disk_or_a_power_cut_stopped_is_finished_by_the_next_start() {
    let mut stopped = 0;
    for change in 0..40 {
        for cut in [false, true] {
            let disk = FaultyFiles::new();
            let (mut till, session) = Setup::new().disk(disk.clone()).signed_in().await;
            till.assert_sells(&session).await;
            if cut {
                disk.cut_after(change);
            } else {
                disk.fail_after(change, FileError::NoSpace);
            }
            if let Err(error) = till.wait_for(till.client.reseal()).await {
                assert!(matches!(error, Error::TryLater { .. }), "{error}");
            }
            let disk = disk.reopen(Survivors::Durable);
            stopped += u32::from(is_resealing(&disk));
            till.machine.files = std::sync::Arc::new(disk.clone());
            let session = till.restart().await.unwrap();
            assert!(!is_resealing(&disk), "{change}");
            till.assert_sells(&session).await;
            assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0), "{change}");
        }
    }
    assert!(stopped > 10, "{stopped}");
}

/// A newer release has been here. Waiting does not help, and the disk is not full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vault_of_a_newer_release_is_not_sealed_anew_and_the_app_is_told_why() {
    let disk = FaultyFiles::new();
    let (till, session) = Setup::new().disk(disk.clone()).signed_in().await;
    till.settle().await;
    let before = disk.contents();
    let (name, file) = before.iter().find(|(name, _)| name.as_str().ends_with(".session")).unwrap();
    let newer = crate::accounts::of_a_newer_release(file.clone());
    disk.put(name, newer.clone());
    let refused = till.wait_for(till.client.reseal()).await.unwrap_err();
    assert!(matches!(&refused, Error::Misconfigured(text) if text.contains("newer")), "{refused}");
    assert_eq!(disk.contents()[name], newer);
    assert!(!is_resealing(&disk));
    till.assert_sells(&session).await;
}
