//! What cannot be read is kept, counted, and out of the way.

use super::{
    careless::{CarelessFiles, Carelessness},
    *,
};
use crate::host::FileError;

/// B6
#[tokio::test]
async fn a_damaged_account_set_aside_leaves_room_for_a_sign_in_and_can_come_back() {
    let machine = Machine::signed_in(1).await;
    let name = names::Of(till()).current();
    let good = machine.file(&name);
    machine.files.put(&name, b"torn".to_vec());
    let vault = machine.process();
    let Outcome::Unreadable(reason) = vault.load_once(till()).await else { panic!("readable") };
    assert_eq!(vault.set_aside(till(), reason).await.unwrap(), 1);
    assert!(matches!(vault.load(till()).await, Outcome::Empty));

    let aside = vault.set_aside_list().await.unwrap();
    let at = machine.clock_millis();
    let expected = SetAside { at, reason: UnreadableReason::Damaged, account: Some(till()), original: name.clone() };
    assert_eq!(aside, [expected]);
    vault.first_save(till(), &credentials(7), Epoch::default()).await.unwrap();
    assert!(matches!(vault.restore(at).await, Err(VaultError::Occupied)));

    assert_eq!(vault.set_aside(till(), UnreadableReason::Damaged).await.unwrap(), 1);
    machine.files.put(&names::aside(5, UnreadableReason::Damaged, &name), good);
    assert_eq!(vault.restore(5).await.unwrap(), 1);
    assert_eq!(current(&vault.load(till()).await), Some(1));
}

/// B3
#[tokio::test]
async fn a_vault_without_its_key_is_set_aside_whole_and_a_new_one_is_born() {
    let old = Machine::signed_in(1).await;
    let machine = Machine { keyring: SwitchableSecretStore::new(), ..old.clone() };
    let vault = machine.process();
    let Outcome::Unreadable(reason) = vault.load_once(till()).await else { panic!("readable") };
    assert_eq!(vault.set_aside(till(), reason).await.unwrap(), 3, "install, canary and record");
    assert!(matches!(vault.load(till()).await, Outcome::Empty));
    vault.first_save(till(), &credentials(2), Epoch::default()).await.unwrap();
    assert_eq!(current(&machine.process().load(till()).await), Some(2));

    let at = machine.clock_millis();
    machine.clock.advance(std::time::Duration::from_secs(1));
    vault.set_vault_aside(UnreadableReason::KeyMissing).await.unwrap();
    assert_eq!(vault.restore(at).await.unwrap(), 3);
    assert_eq!(current(&old.process().load(till()).await), Some(1), "with its key it opens again");
}

#[tokio::test]
async fn setting_a_vault_aside_can_be_cut_short_anywhere_and_finished_later() {
    for change in 0..4 {
        let machine = Machine { keyring: SwitchableSecretStore::new(), ..Machine::signed_in(1).await };
        machine.files.cut_after(change);
        machine.process().set_aside(till(), UnreadableReason::KeyMissing).await.unwrap_err();
        let machine = machine.reboot(Survivors::Everything);
        let vault = machine.process();
        assert!(matches!(vault.load_once(till()).await, Outcome::Unreadable(_) | Outcome::Empty), "{change}");
        if !matches!(vault.load_once(till()).await, Outcome::Empty) {
            vault.set_aside(till(), UnreadableReason::KeyMissing).await.unwrap();
        }
        vault.first_save(till(), &credentials(2), Epoch::default()).await.unwrap();
        assert_eq!(current(&machine.process().load(till()).await), Some(2), "{change}");
    }
}

#[tokio::test]
async fn what_was_signed_out_is_not_restored() {
    let machine = Machine::signed_in(1).await;
    let vault = machine.process();
    vault.set_aside(till(), UnreadableReason::Damaged).await.unwrap();
    vault.sign_out(till()).await.unwrap();
    assert!(vault.set_aside_list().await.unwrap().is_empty(), "sign-out destroys what was set aside too");
}

impl Machine {
    fn clock_millis(&self) -> u64 {
        u64::try_from(crate::host::Clock::wall(&self.clock).as_millis()).unwrap()
    }
}

/// What is tried at a till that is signed in with generation 1; cut short, it is undone by putting everything back.
#[derive(Clone, Copy, Debug)]
enum Move {
    Account,
    Vault,
    Back,
    VaultBack,
}

impl Move {
    async fn prepare(self, vault: &Vault) {
        match self {
            Self::Account | Self::Vault => {}
            Self::Back => drop(vault.set_aside(till(), UnreadableReason::Damaged).await.unwrap()),
            Self::VaultBack => drop(vault.set_vault_aside(UnreadableReason::KeyMissing).await.unwrap()),
        }
    }

    async fn make(self, vault: &Vault, at: u64) -> Result<usize, VaultError> {
        match self {
            Self::Account => vault.set_aside(till(), UnreadableReason::Damaged).await,
            Self::Vault => vault.set_vault_aside(UnreadableReason::KeyMissing).await,
            Self::Back | Self::VaultBack => vault.restore(at).await,
        }
    }
}

/// What is wrong after a power cut in `step`, by a writer who may be careless. Put back, everything must be as it was; and
/// what was reported as done must be done.
async fn cut_everywhere(step: Move, careless: Option<Carelessness>, torn: bool) -> Vec<String> {
    let mut harm = Vec::new();
    for change in 0.. {
        let machine = Machine::signed_in(1).await;
        let at = machine.clock_millis();
        step.prepare(&machine.process()).await;
        let vault = match careless {
            Some(how) => machine.process_over(Arc::new(CarelessFiles { disk: machine.files.clone(), how })),
            None => machine.process(),
        };
        if torn {
            machine.files.tear_after(change);
        } else {
            machine.files.cut_after(change);
        }
        let done = step.make(&vault, at).await.is_ok();
        for survivors in Survivors::ALL {
            let machine = machine.reboot(survivors);
            let vault = machine.process();
            let is_aside = !vault.set_aside_list().await.unwrap().is_empty();
            if done && is_aside == matches!(step, Move::Back | Move::VaultBack) {
                harm.push(format!("{step:?} {change} {survivors:?}: reported as done, and forgotten"));
            }
            if let Err(what) = put_back(&vault, at).await {
                harm.push(format!("{step:?} {change} {survivors:?}: {what}"));
            }
        }
        if done {
            assert!(change > 1 || careless.is_some(), "{step:?} changes the disk");
            break;
        }
    }
    harm
}

/// Restores, reads and refreshes.
async fn put_back(vault: &Vault, at: u64) -> Result<(), String> {
    vault.restore(at).await.map_err(|error| error.to_string())?;
    let outcome = vault.load_once(till()).await;
    if !matches!(&outcome, Outcome::Value(stored) if stored.credentials.refresh_token == Some(refresh_token(1))) {
        return Err(format!("{outcome:?}"));
    }
    rotate(vault).await.map_err(|error| error.to_string())
}

const MOVES: [Move; 4] = [Move::Account, Move::Vault, Move::Back, Move::VaultBack];

#[tokio::test]
async fn what_is_set_aside_or_restored_survives_a_power_cut_at_any_point() {
    for step in MOVES {
        for torn in [false, true] {
            assert_eq!(cut_everywhere(step, None, torn).await, [""; 0]);
        }
    }
}

/// The negative controls: a move that is no rename loses what it moves, and one that nobody made durable is forgotten.
#[tokio::test]
async fn a_move_that_removes_first_or_forgets_the_folder_is_noticed() {
    for step in [Move::Account, Move::Vault] {
        let harm = cut_everywhere(step, Some(Carelessness::RemovesBeforeRename), false).await;
        assert!(harm.iter().any(|harm| harm.contains("Everything: Empty")), "{step:?}: {harm:#?}");
    }
    for step in MOVES {
        let harm = cut_everywhere(step, Some(Carelessness::ForgetsTheFolder), false).await;
        assert!(harm.iter().any(|harm| harm.contains("Durable: reported as done")), "{step:?}: {harm:#?}");
    }
}

#[tokio::test]
async fn a_move_that_the_disk_refuses_anywhere_can_be_undone() {
    for error in [FileError::NoSpace, FileError::NoAccess, FileError::Io("bad sector".to_owned())] {
        for step in MOVES {
            for change in 0.. {
                let machine = Machine::signed_in(1).await;
                let (vault, at) = (machine.process(), machine.clock_millis());
                step.prepare(&vault).await;
                let before = machine.files.log().len();
                machine.files.fail_after(change, error.clone());
                let made = step.make(&vault, at).await;
                if machine.files.log().len() - before <= change {
                    made.unwrap();
                    assert!(change > 1);
                    break;
                }
                put_back(&vault, at).await.unwrap_or_else(|what| panic!("{error:?} {step:?} {change}: {what}"));
            }
        }
    }
}

#[tokio::test]
async fn a_restore_that_the_disk_refuses_can_be_done_again() {
    for error in [FileError::NoSpace, FileError::NoAccess] {
        for change in 0..4 {
            let machine = Machine::signed_in(1).await;
            let (vault, at) = (machine.process(), machine.clock_millis());
            Move::VaultBack.prepare(&vault).await;
            machine.files.fail_after(change, error.clone());
            vault.restore(at).await.unwrap_err();
            vault.restore(at).await.unwrap();
            assert_eq!(current(&machine.process().load_once(till()).await), Some(1), "{error:?} {change}");
        }
    }
}

/// 1. Somebody is storing a sign-in, and has the files' lock. 2. A restore waits for him. 3. It finds his generation in the
/// place, and leaves it there.
#[tokio::test]
async fn a_restore_never_overtakes_a_sign_in_that_is_being_stored() {
    let machine = Machine::signed_in(1).await;
    let (vault, at) = (machine.process(), machine.clock_millis());
    vault.set_aside(till(), UnreadableReason::Damaged).await.unwrap();
    let held = vault.files_lock(till()).await.unwrap();
    let mut restore = Box::pin(vault.restore(at));
    assert!(is_pending(restore.as_mut()), "a restore takes no lock");
    let other = Machine::signed_in(7).await;
    machine.files.put(&names::Of(till()).current(), other.file(&names::Of(till()).current()));
    let before = machine.files.contents();
    drop(held);
    assert!(matches!(restore.await, Err(VaultError::Occupied)));
    assert_eq!(machine.files.contents(), before);
}

/// I4
#[tokio::test]
async fn what_a_newer_release_moved_aside_is_left_to_it() {
    let machine = Machine::signed_in(1).await;
    let name = names::Of(till()).current();
    let newer = super::reading::newer(&machine.file(&name));
    machine
        .files
        .put(&names::aside(5, UnreadableReason::Damaged, &names::Of(till()).single(names::Single::Session)), newer);
    let before = machine.files.contents();
    assert!(matches!(machine.process().restore(5).await, Err(VaultError::TooNew { version: 2 })));
    assert_eq!(machine.files.contents(), before);
}
