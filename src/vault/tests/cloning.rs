//! A vault's folder that was copied to another machine together with its key, as a cloned disk is.

use super::*;

const ANOTHER: UnreadableReason = UnreadableReason::AnotherMachine;

/// A till that is signed in on `born`, and the copy of its disk and key on `now`.
async fn copied(born: Option<&str>, now: Option<&str>) -> (Machine, Machine) {
    let original = Machine::new();
    original.files.put_into(born);
    original.process().first_save(till(), &credentials(1), Epoch::default()).await.unwrap();
    let copy = original.reboot(Survivors::Everything);
    copy.files.put_into(now);
    (original, copy)
}

#[tokio::test]
async fn a_copy_on_another_machine_opens_nothing_is_set_aside_and_a_person_can_sign_in() {
    let (original, copy) = copied(Some("till-7"), Some("till-8")).await;
    let vault = copy.process();
    let before = copy.files.contents();
    let outcome = vault.load_once(till()).await;
    assert!(matches!(outcome, Outcome::Unreadable(ANOTHER)), "{outcome:?}");
    let saved = vault.first_save(till(), &credentials(2), Epoch::default()).await;
    assert!(matches!(saved, Err(VaultError::Unreadable(ANOTHER))), "{saved:?}");
    assert_eq!(copy.files.contents(), before, "nothing was touched");

    assert_eq!(vault.set_aside(till(), UnreadableReason::Damaged).await.unwrap(), 3, "install, canary and record");
    let aside = vault.set_aside_list().await.unwrap();
    assert!(aside.iter().all(|it| it.reason == ANOTHER), "{aside:?}");
    vault.first_save(till(), &credentials(2), Epoch::default()).await.unwrap();
    assert_eq!(current(&copy.process().load(till()).await), Some(2));
    assert_eq!(current(&original.process().load(till()).await), Some(1), "the keys of both are there");
}

#[tokio::test]
async fn a_copy_is_known_while_the_key_store_is_locked() {
    let (_original, copy) = copied(Some("till-7"), Some("till-8")).await;
    copy.keyring.fail_with(crate::host::SecretStoreError::Locked);
    let outcome = copy.process().load_once(till()).await;
    assert!(matches!(outcome, Outcome::Unreadable(ANOTHER)), "{outcome:?}");
}

/// A restart, a new operating system that calls the machine nothing, and an app that says it does not matter.
#[tokio::test]
async fn the_same_machine_and_one_that_nobody_knows_open_the_vault() {
    for (born, now) in [(Some("till-7"), Some("till-7")), (Some("till-7"), None), (None, Some("till-7")), (None, None)]
    {
        let (_original, copy) = copied(born, now).await;
        assert_eq!(current(&copy.process().load(till()).await), Some(1), "{born:?} {now:?}");
        rotate(&copy.process()).await.unwrap();
    }
}

#[tokio::test]
async fn two_vaults_of_one_machine_say_nothing_that_links_them() {
    let machines: Vec<_> = [1, 2]
        .map(|seed| Machine { entropy: Arc::new(SeededEntropy::new(seed)), ..Machine::new() })
        .into_iter()
        .collect();
    let mut tags = Vec::new();
    for machine in &machines {
        machine.files.put_into(Some("till-7"));
        machine.process().first_save(till(), &credentials(1), Epoch::default()).await.unwrap();
        let file = machine.file(&names::install());
        assert!(!file.windows(6).any(|part| part == b"till-7"));
        tags.push(file[28..44].to_vec());
    }
    assert_ne!(tags[0], tags[1]);
    assert!(tags.iter().all(|tag| tag.iter().any(|byte| *byte != 0)));
}

/// A till is set up, signed out, and its disk copied to a hundred others: there is nothing that anybody would miss.
#[tokio::test]
async fn a_copy_that_holds_nobody_s_session_makes_way_for_the_first_sign_in() {
    let (original, _) = copied(Some("till-7"), None).await;
    let base = original.process().sign_out(till()).await.unwrap();
    let copy = original.reboot(Survivors::Everything);
    copy.files.put_into(Some("till-8"));
    let vault = copy.process();
    assert!(matches!(vault.load(till()).await, Outcome::Empty));
    vault.first_save(till(), &credentials(2), base).await.unwrap();
    assert_eq!(current(&copy.process().load(till()).await), Some(2));
}

/// B3, of a till that was signed out.
#[tokio::test]
async fn a_backup_without_its_key_that_holds_nobody_s_session_makes_way_for_the_first_sign_in() {
    let old = Machine::signed_in(1).await;
    let base = old.process().sign_out(till()).await.unwrap();
    let machine = Machine { keyring: SwitchableSecretStore::new(), ..old };
    machine.process().first_save(till(), &credentials(2), base).await.unwrap();
    assert_eq!(current(&machine.process().load(till()).await), Some(2));
}
