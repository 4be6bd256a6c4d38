//! A device goes back to an older release.

use std::time::Duration;

use mainstay::{
    Error, LockReason, State,
    host::FileName,
    test_support::{FaultyFiles, Survivors},
};

use crate::{
    accounts::of_a_newer_release,
    till::{Setup, Till, is_signed_in},
};

/// A till whose files a newer release has written, those of the account or all of the vault's.
async fn downgraded(whole_vault: bool) -> (Till, FaultyFiles) {
    let disk = FaultyFiles::new();
    let (till, session) = Setup::new().disk(disk.clone()).signed_in().await;
    till.assert_sells(&session).await;
    till.kill().await;
    let newer = disk.reopen(Survivors::Everything);
    let written = |name: &FileName| {
        let of_vault = ["vault.install", "vault.canary"].contains(&name.as_str());
        name.as_str().ends_with(".current") || name.as_str().ends_with(".session") || (whole_vault && of_vault)
    };
    for (name, file) in newer.contents() {
        if written(&name) {
            newer.put(&name, of_a_newer_release(file));
        }
    }
    (till, newer)
}

/// I4. 1. A newer release has written the vault, and an older one is installed again. 2. It says so, which is no sign-in screen, and
/// whatever anybody does, nothing of the newer release's is written or removed. 3. The newer one is back, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_till_that_was_downgraded_says_too_new_and_leaves_everything_to_the_newer_release() {
    for whole_vault in [false, true] {
        let (mut till, newer) = downgraded(whole_vault).await;
        let before = newer.contents();
        till.machine.files = std::sync::Arc::new(newer.clone());
        let session = till.restart().await.unwrap();
        let too_new = State::Locked { reason: LockReason::TooNew };
        assert_eq!(session.state().state, too_new);
        assert_eq!(till.wait_for(session.access_token()).await.unwrap_err(), Error::VaultLocked);
        assert_eq!(till.sign_in_again(&session, "ada").await.unwrap_err(), Error::VaultLocked);
        till.pass(Duration::from_secs(3600)).await;
        assert_eq!((session.state().state, till.prompts()), (too_new, 1));
        let after = newer.contents();
        let lost: Vec<_> = before.iter().filter(|(name, file)| after.get(*name) != Some(*file)).collect();
        assert!(lost.is_empty(), "{whole_vault}: {lost:?}");
    }
}

/// The negative control: what this release has written, it opens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_till_that_was_not_downgraded_goes_on() {
    let (mut till, session) = Setup::new().disk(FaultyFiles::new()).signed_in().await;
    till.assert_sells(&session).await;
    assert!(is_signed_in(&till.restart().await.unwrap()));
}
