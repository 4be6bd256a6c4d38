//! Destroying what may be destroyed, and nothing else.

use super::{
    careless::{CarelessFiles, Carelessness},
    *,
};
use crate::host::FileError;

/// A till whose generation 2 was stored and never accepted.
async fn unaccepted() -> (Machine, Vault) {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    let guard = vault.lock_account(till()).await.unwrap();
    let rotation = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
    vault.commit(&rotation, &credentials(2)).await.unwrap();
    drop(rotation);
    (machine, vault)
}

fn generations(stored: &Stored) -> Vec<u64> {
    let previous = stored.previous.iter().map(|it| it.generation.number());
    std::iter::once(stored.credentials.generation.number()).chain(previous).collect()
}

#[tokio::test]
async fn a_foreign_current_generation_is_destroyed_and_its_predecessor_takes_over() {
    let (machine, vault) = unaccepted().await;
    vault.destroy_generation(till(), generation(2)).await.unwrap();
    let stored = machine.reboot(Survivors::Durable).process().load(till()).await.value().unwrap();
    assert_eq!(generations(&stored), [1]);
}

#[tokio::test]
async fn it_is_destroyed_even_where_a_crash_left_no_current_file() {
    let (machine, vault) = unaccepted().await;
    let of = names::Of(till());
    machine.files.rename(&of.current(), &of.kept(generation(2))).await.unwrap();
    vault.destroy_generation(till(), generation(2)).await.unwrap();
    assert!(!machine.files.contents().contains_key(&of.kept(generation(2))));
    assert_eq!(generations(&vault.load(till()).await.value().unwrap()), [1]);
}

#[tokio::test]
async fn an_older_generation_is_destroyed_alone_and_an_unknown_one_not_at_all() {
    let (_machine, vault) = unaccepted().await;
    vault.destroy_generation(till(), generation(9)).await.unwrap();
    assert_eq!(generations(&vault.load(till()).await.value().unwrap()), [2, 1]);
    vault.destroy_generation(till(), generation(1)).await.unwrap();
    assert_eq!(generations(&vault.load(till()).await.value().unwrap()), [2]);
}

/// What is wrong after a power cut while a foreign current generation is destroyed, as quarantine does it.
async fn cut_everywhere(careless: Option<Carelessness>, torn: bool) -> Vec<String> {
    let mut harm = Vec::new();
    for change in 0.. {
        let (machine, careful) = unaccepted().await;
        let vault = match careless {
            Some(how) => machine.process_over(Arc::new(CarelessFiles { disk: machine.files.clone(), how })),
            None => careful,
        };
        if torn {
            machine.files.tear_after(change);
        } else {
            machine.files.cut_after(change);
        }
        let destroyed = vault.destroy_generation(till(), generation(2)).await.is_ok();
        for survivors in Survivors::ALL {
            let outcome = machine.reboot(survivors).process().load_once(till()).await;
            let found = current(&outcome);
            if !(found == Some(1) || (!destroyed && found == Some(2))) {
                harm.push(format!("{change} {survivors:?}, destroyed {destroyed}: {outcome:?}"));
            }
        }
        if destroyed {
            break;
        }
    }
    harm
}

#[tokio::test]
async fn a_power_cut_while_destroying_leaves_the_predecessor() {
    for torn in [false, true] {
        assert_eq!(cut_everywhere(None, torn).await, [""; 0]);
    }
}

/// The negative control: a foreign generation that was reported as destroyed is there again after the power came back.
#[tokio::test]
async fn destroying_without_syncing_the_folder_is_noticed() {
    let harm = cut_everywhere(Some(Carelessness::ForgetsTheFolder), false).await;
    assert!(harm.iter().any(|harm| harm.contains("Durable, destroyed true")), "{harm:#?}");
}

#[tokio::test]
async fn destroying_that_the_disk_refuses_anywhere_leaves_a_generation_that_can_be_read() {
    for error in [FileError::NoSpace, FileError::NoAccess, FileError::Io("bad sector".to_owned())] {
        for change in 0..3 {
            let (machine, vault) = unaccepted().await;
            machine.files.fail_after(change, error.clone());
            let _refused = vault.destroy_generation(till(), generation(2)).await;
            let found = current(&machine.process().load_once(till()).await);
            assert!(matches!(found, Some(1 | 2)), "{error:?} {change}: {found:?}");
            vault.destroy_generation(till(), generation(2)).await.unwrap();
            assert_eq!(current(&machine.process().load_once(till()).await), Some(1), "{error:?} {change}");
        }
    }
}

#[tokio::test]
async fn destroying_all_credentials_leaves_the_session_s_state() {
    let (_machine, vault) = unaccepted().await;
    vault.save_session(till(), Epoch::default(), b"state").await.unwrap();
    vault.destroy_credentials(till()).await.unwrap();
    assert!(matches!(vault.load(till()).await, Outcome::Empty));
    assert_eq!(vault.load_session(till()).await.value().as_deref(), Some(b"state".as_slice()));
}

#[tokio::test]
async fn a_newer_release_s_generation_is_not_destroyed() {
    let (machine, vault) = unaccepted().await;
    let name = names::Of(till()).current();
    machine.files.put(&name, super::reading::newer(&machine.file(&name)));
    let before = machine.files.contents();
    vault.destroy_credentials(till()).await.unwrap_err();
    vault.destroy_generation(till(), generation(1)).await.unwrap_err();
    assert_eq!(machine.files.contents(), before);
}
