//! The power is cut at every change; the vault opens to the previous or the next generation, never to none (P8).

use super::*;
use crate::host::FileError;

/// Cuts a first save, or a rotation, after every change in turn, and looks at what each kind of disk remembers.
/// Returns the first thing that was wrong.
async fn cut_everywhere(start: Option<u64>, prepare: impl Fn(&FaultyFiles), torn: bool) -> Result<usize, String> {
    let mut tried = 0;
    for change in 0.. {
        let machine = match start {
            Some(number) => Machine::signed_in(number).await,
            None => Machine::new(),
        };
        prepare(&machine.files);
        let vault = machine.process();
        if torn {
            machine.files.tear_after(change);
        } else {
            machine.files.cut_after(change);
        }
        let done = match start {
            Some(_) => rotate(&vault).await,
            None => vault.first_save(till(), &credentials(1), Epoch::default()).await.map(drop),
        };
        for survivors in Survivors::ALL {
            let rebooted = machine.reboot(survivors);
            let outcome = rebooted.process().load_once(till()).await;
            let found = current(&outcome);
            let expected = match (start, &done) {
                (None, Ok(())) => found == Some(1),
                (None, Err(_)) => found == Some(1) || matches!(outcome, Outcome::Empty),
                (Some(number), Ok(())) => found == Some(number + 1),
                (Some(number), Err(_)) => found == Some(number) || found == Some(number + 1),
            };
            if !expected {
                return Err(format!("cut after {change}, {survivors:?}: {outcome:?}"));
            }
            goes_on(&rebooted, found).await?;
            tried += 1;
        }
        if done.is_ok() {
            return Ok(tried);
        }
    }
    Err("never done".to_owned())
}

/// After every crash the vault is not only readable: one can sign in, or refresh.
async fn goes_on(machine: &Machine, found: Option<u64>) -> Result<(), String> {
    let vault = machine.process();
    let result = match found {
        Some(_) => rotate(&vault).await,
        None => vault.first_save(till(), &credentials(1), Epoch::default()).await.map(drop),
    };
    result.map_err(|error| format!("the vault does not go on: {error}"))
}

#[tokio::test]
async fn a_power_cut_at_any_point_of_the_first_save_leaves_nothing_or_all() {
    assert!(cut_everywhere(None, |_| {}, false).await.unwrap() > 50);
    assert!(cut_everywhere(None, |_| {}, true).await.unwrap() > 50);
}

#[tokio::test]
async fn a_power_cut_at_any_point_of_a_rotation_leaves_the_previous_or_the_next_generation() {
    assert!(cut_everywhere(Some(3), |_| {}, false).await.unwrap() > 50);
    assert!(cut_everywhere(Some(3), |_| {}, true).await.unwrap() > 50);
}

#[tokio::test]
async fn without_syncing_contents_a_power_cut_loses_credentials() {
    let lost = cut_everywhere(Some(3), FaultyFiles::ignore_content_syncs, false).await;
    assert!(lost.is_err(), "this test would not notice a missing sync");
}

#[tokio::test]
async fn without_syncing_the_folder_a_power_cut_loses_a_committed_generation() {
    let lost = cut_everywhere(Some(3), FaultyFiles::ignore_folder_syncs, false).await;
    assert!(lost.is_err(), "this test would not notice a missing folder sync");
}

#[tokio::test]
async fn the_intent_is_durable_before_a_rotation_has_begun() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    let guard = vault.lock_account(till()).await.unwrap();
    let _rotation = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
    for survivors in Survivors::ALL {
        let stored = machine.reboot(survivors).process().load_once(till()).await.value().unwrap();
        assert!(stored.intent.is_some(), "{survivors:?}");
    }
}

#[tokio::test]
async fn any_failing_change_leaves_the_previous_or_the_next_generation() {
    for error in [FileError::NoSpace, FileError::NoAccess, FileError::Io("bad sector".to_owned())] {
        for change in 0.. {
            let machine = Machine::signed_in(3).await;
            let vault = machine.process();
            let before = machine.files.log().len();
            machine.files.fail_after(change, error.clone());
            let rotated = rotate(&vault).await;
            let found = current(&machine.process().load_once(till()).await);
            assert!(found == Some(3) || found == Some(4), "{error:?} at {change}: {found:?}");
            let reached = machine.files.log().len() - before > change;
            goes_on(&machine.reboot(Survivors::Everything), found).await.unwrap();
            if rotated.is_ok() && !reached {
                break;
            }
        }
    }
}
