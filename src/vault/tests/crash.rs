//! The power is cut at every change; the vault opens to the previous or the next generation, never to none (P8).

use super::{
    careless::{CarelessFiles, Carelessness},
    *,
};
use crate::host::FileError;

/// What was there after a power cut, and should not have been.
#[derive(Debug)]
struct Harm {
    /// After how many changes the power was cut, and what the disk remembered.
    cut: (usize, Survivors),
    /// Whether the writer had said that it was done.
    done: bool,
    outcome: Outcome<Stored>,
    /// Why one could neither sign in nor refresh after it, if so.
    stuck: Option<String>,
}

/// Cuts a first save, or a rotation, after every change in turn, and looks at what each kind of disk remembers.
/// Returns everything that was wrong, and how many cuts there were.
async fn cut_everywhere(start: Option<u64>, careless: Option<Carelessness>, torn: bool) -> (Vec<Harm>, usize) {
    let (mut harm, mut tried) = (Vec::new(), 0);
    for change in 0.. {
        let machine = match start {
            Some(number) => Machine::signed_in(number).await,
            None => Machine::new(),
        };
        let vault = match careless {
            Some(how) => machine.process_over(Arc::new(CarelessFiles { disk: machine.files.clone(), how })),
            None => machine.process(),
        };
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
            let stuck = goes_on(&rebooted, found).await.err().map(|error| error.to_string());
            if !expected || stuck.is_some() {
                harm.push(Harm { cut: (change, survivors), done: done.is_ok(), outcome, stuck });
            }
            tried += 1;
        }
        if done.is_ok() {
            break;
        }
    }
    (harm, tried)
}

/// The same, by a careful writer.
async fn survives_every_cut(start: Option<u64>) {
    for torn in [false, true] {
        let (harm, tried) = cut_everywhere(start, None, torn).await;
        let stuck: Vec<_> = harm.iter().filter(|harm| harm.stuck.is_some()).collect();
        assert!(stuck.is_empty(), "one can neither sign in nor refresh: {stuck:#?}");
        assert!(harm.is_empty(), "{harm:#?}");
        assert!(tried > 50, "{tried}");
    }
}

/// After every crash the vault is not only readable: one can sign in, or refresh.
async fn goes_on(machine: &Machine, found: Option<u64>) -> Result<(), VaultError> {
    let vault = machine.process();
    match found {
        Some(_) => rotate(&vault).await,
        None => vault.first_save(till(), &credentials(1), Epoch::default()).await.map(drop),
    }
}

/// C16
#[tokio::test]
async fn a_power_cut_at_any_point_of_the_first_save_leaves_nothing_or_all() {
    survives_every_cut(None).await;
}

/// C16
#[tokio::test]
async fn a_power_cut_at_any_point_of_a_rotation_leaves_the_previous_or_the_next_generation() {
    survives_every_cut(Some(3)).await;
}

// The negative controls: each step left out, or taken at the wrong time, must be found, and do the harm that it stands for.

#[tokio::test]
async fn a_rename_that_overtakes_its_content_leaves_a_till_without_a_readable_generation() {
    let (harm, _) = cut_everywhere(Some(3), Some(Carelessness::RenamesWithoutSync), false).await;
    let unreadable = |harm: &&Harm| matches!(harm.outcome, Outcome::Unreadable(_));
    assert!(harm.iter().any(|harm| harm.done && unreadable(&harm)), "{harm:#?}");
    // It takes a disk that loses contents: with its names alone nothing is lost.
    assert!(harm.iter().filter(unreadable).all(|harm| harm.cut.1 != Survivors::Everything), "{harm:#?}");
}

#[tokio::test]
async fn a_file_that_is_removed_before_the_next_takes_its_place_leaves_a_till_without_any_generation() {
    let (harm, _) = cut_everywhere(Some(3), Some(Carelessness::RemovesBeforeRename), false).await;
    let nothing = |harm: &&Harm| !harm.done && matches!(harm.outcome, Outcome::Empty);
    // Even a process that is only killed, on a machine that keeps its power, is found with nothing.
    assert!(harm.iter().filter(nothing).any(|harm| harm.cut.1 == Survivors::Everything), "{harm:#?}");
}

#[tokio::test]
async fn a_folder_that_is_not_synced_forgets_a_generation_that_was_reported_as_stored() {
    let (harm, _) = cut_everywhere(Some(3), Some(Carelessness::ForgetsTheFolder), false).await;
    let forgotten = |harm: &&Harm| harm.done && current(&harm.outcome) == Some(3);
    assert!(harm.iter().filter(forgotten).any(|harm| harm.cut.1 == Survivors::Durable), "{harm:#?}");
}

/// The survivors that know nothing of the intent of a rotation that has begun.
async fn intent_is_missing_after(careless: Option<Carelessness>) -> Vec<Survivors> {
    let machine = Machine::signed_in(1).await;
    let vault = match careless {
        Some(how) => machine.process_over(Arc::new(CarelessFiles { disk: machine.files.clone(), how })),
        None => machine.process(),
    };
    let guard = vault.lock_account(till()).await.unwrap();
    let _rotation = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
    let mut missing = Vec::new();
    for survivors in Survivors::ALL {
        let stored = machine.reboot(survivors).process().load_once(till()).await.value().unwrap();
        if stored.intent.is_none() {
            missing.push(survivors);
        }
    }
    missing
}

#[tokio::test]
async fn the_intent_is_durable_before_a_rotation_has_begun() {
    assert_eq!(intent_is_missing_after(None).await, []);
}

/// The negative control: the refresh token would be spent, and nobody would know.
#[tokio::test]
async fn an_intent_in_a_folder_that_is_not_synced_is_forgotten() {
    let missing = intent_is_missing_after(Some(Carelessness::ForgetsTheFolder)).await;
    assert_eq!(missing, [Survivors::Durable, Survivors::Contents]);
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
