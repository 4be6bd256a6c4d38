//! Vaults of every released format, frozen as folders with their keys: every later release opens all of them for ever.
//!
//! `MAINSTAY_FREEZE_VAULT=v2 cargo test -p mainstay --lib freezing` writes the next ones, and never over one that is there.

use std::{collections::BTreeSet, fs, path::PathBuf};

use super::{
    resealing::{over, put_one_of_everything},
    *,
};
use crate::driver::{noted, read_noted};

/// What stood in a vault when it was frozen. A kind is never taken away; a later format may add some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    SignedIn,
    OlderGenerations,
    OpenIntent,
    DeviceKey,
    SignedOutWithQueue,
    SignedOutWhileLocked,
    SetAside,
    OnAMachine,
    HalfResealed,
    EnrolledDeviceKey,
    SignedOutWithDeviceKey,
    SeveralAccounts,
    BoundToAKey,
}

const ALL: [Kept; 13] = [
    Kept::SignedIn,
    Kept::OlderGenerations,
    Kept::OpenIntent,
    Kept::DeviceKey,
    Kept::SignedOutWithQueue,
    Kept::SignedOutWhileLocked,
    Kept::SetAside,
    Kept::OnAMachine,
    Kept::HalfResealed,
    Kept::EnrolledDeviceKey,
    Kept::SignedOutWithDeviceKey,
    Kept::SeveralAccounts,
    Kept::BoundToAKey,
];

/// The accounts of [`Kept::SeveralAccounts`] beside the till: somebody is signed in there, and somebody was.
fn colleague() -> AccountKey {
    AccountKey::from_name("grace")
}

fn gone() -> AccountKey {
    AccountKey::from_name("edith")
}

fn graces() -> Credentials {
    let mut hers = credentials(1);
    hers.identity.subject = Some("grace".to_owned());
    hers
}

fn open(machine: &Machine) -> Vault {
    over(machine, Arc::new(machine.files.clone()), false)
}

impl Kept {
    fn folder(self) -> String {
        let words = format!("{self:?}");
        let spell = |c: char| if c.is_uppercase() { format!("-{}", c.to_ascii_lowercase()) } else { c.to_string() };
        words.chars().map(spell).collect::<String>().trim_start_matches('-').to_owned()
    }

    /// Makes such a vault with this release.
    async fn make(self) -> Machine {
        let machine = Machine::new();
        machine.files.put_into((self == Self::OnAMachine).then_some("till-7"));
        let vault = open(&machine);
        if self == Self::HalfResealed {
            put_one_of_everything(&vault).await;
            machine.files.cut_after(25);
            vault.reseal().await.unwrap_err();
            return machine.reboot(Survivors::Durable);
        }
        let dpop_key = (self == Self::BoundToAKey).then(|| Secret::new(vec![7; 32]));
        let first = Credentials { dpop_key, ..credentials(1) };
        vault.first_save(till(), &first, Epoch::default()).await.unwrap();
        vault.save_session(till(), Epoch::default(), b"state").await.unwrap();
        match self {
            Self::SignedIn | Self::OnAMachine | Self::HalfResealed | Self::BoundToAKey => {}
            Self::OlderGenerations => {
                for number in [2, 3] {
                    vault.first_save(till(), &credentials(number), Epoch::default()).await.unwrap();
                }
            }
            Self::OpenIntent => {
                let guard = vault.lock_account(till()).await.unwrap();
                drop(vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap());
            }
            Self::DeviceKey => {
                vault.store_device_key(till(), Epoch::default(), &Secret::from_text("device"), "key-1").await.unwrap();
            }
            Self::SignedOutWithQueue => drop(vault.sign_out(till()).await.unwrap()),
            Self::SignedOutWhileLocked => {
                let locked = Vault::new(VaultHost {
                    secrets: Arc::new(machine.keyring.clone()),
                    files: Arc::new(machine.files.clone()),
                    lock: Arc::new(machine.lock.clone()),
                    clock: Arc::new(machine.clock.clone()),
                    entropy: machine.entropy.clone(),
                });
                machine.keyring.fail_with(crate::host::SecretStoreError::Locked);
                locked.sign_out(till()).await.unwrap();
            }
            Self::EnrolledDeviceKey | Self::SignedOutWithDeviceKey => {
                vault.store_device_key(till(), Epoch::default(), &Secret::from_text("device"), "key-1").await.unwrap();
                if self == Self::SignedOutWithDeviceKey {
                    vault.sign_out(till()).await.unwrap();
                }
            }
            Self::SeveralAccounts => {
                for account in [colleague(), gone()] {
                    vault.first_save(account, &graces(), Epoch::default()).await.unwrap();
                    vault.save_session(account, Epoch::default(), b"state").await.unwrap();
                }
                let index =
                    noted(&[(till(), &credentials(1).identity, "Ada"), (colleague(), &graces().identity, "Grace")]);
                vault.update_index(|_| Some(index)).await.unwrap();
                vault.sign_out(gone()).await.unwrap();
            }
            Self::SetAside => drop(vault.set_aside(till(), UnreadableReason::Damaged).await.unwrap()),
        }
        machine
    }

    /// What is wrong with what this release reads there, if anything is.
    async fn check(self, machine: &Machine) -> Result<(), String> {
        machine.files.put_into((self == Self::OnAMachine).then_some("till-7"));
        let vault = open(machine);
        if self == Self::SetAside {
            let list = vault.set_aside_list().await.map_err(|error| error.to_string())?;
            let at = list.first().ok_or("nothing is set aside")?.at;
            vault.restore(at).await.map_err(|error| error.to_string())?;
        }
        let outcome = vault.load_once(till()).await;
        if matches!(self, Self::SignedOutWithQueue | Self::SignedOutWhileLocked) {
            let queue = vault.due_revocations().await;
            let queued = matches!(&queue, Outcome::Value(queue)
                if queue.len() == 1 && queue[0].revocation.token == refresh_token(1));
            let out = matches!(outcome, Outcome::Empty) && vault.epoch(till()).await.ok() == Some(Epoch::new(1));
            return if out && queued { Ok(()) } else { Err(format!("{outcome:?} {queue:?}")) };
        }
        if self == Self::SignedOutWithDeviceKey {
            return withdraws(&vault).await;
        }
        if self == Self::SeveralAccounts {
            knows_everybody(&vault).await?;
        }
        let Outcome::Value(stored) = outcome else { return Err(format!("{outcome:?}")) };
        let previous: Vec<_> = stored.previous.iter().map(|it| it.generation.number()).collect();
        let (newest, older) = match self {
            Self::OlderGenerations => (3, vec![2, 1]),
            Self::HalfResealed => (2, vec![1]),
            _ => (1, vec![]),
        };
        let intent = matches!(self, Self::OpenIntent | Self::HalfResealed);
        let whole = stored.credentials.generation.number() == newest
            && stored.credentials.identity == credentials(newest).identity
            && stored.credentials.refresh_token == Some(refresh_token(newest))
            && stored.credentials.dpop_key.is_some() == (self == Self::BoundToAKey)
            && previous == older
            && stored.intent.is_some() == intent
            && stored.session.as_deref() == Some(b"state".as_slice())
            && stored.damaged.is_empty();
        if !whole {
            return Err(format!("{stored:?}"));
        }
        let device = vault.load_device_key(till()).await;
        let expected = matches!(self, Self::DeviceKey | Self::HalfResealed | Self::EnrolledDeviceKey);
        if matches!(device, Outcome::Value(_)) != expected {
            return Err(format!("{device:?}"));
        }
        vault.finish_reseal().await.map_err(|error| error.to_string())?;
        rotate(&vault).await.map_err(|error| error.to_string())?;
        match current(&open(machine).load_once(till()).await) {
            Some(number) if number == newest + 1 && self == Self::EnrolledDeviceKey => {
                vault.sign_out(till()).await.map_err(|error| error.to_string())?;
                withdraws(&vault).await
            }
            Some(number) if number == newest + 1 => Ok(()),
            other => Err(format!("after a refresh: {other:?}")),
        }
    }
}

/// Whether the till's device key is to be withdrawn, and with what.
async fn withdraws(vault: &Vault) -> Result<(), String> {
    let Outcome::Value(queue) = vault.due_revocations().await else { return Err("no queue".to_owned()) };
    let entries: Vec<_> = queue.iter().filter_map(|entry| Enrolment::read(&entry.revocation.token)).collect();
    match entries.as_slice() {
        [it] if it.key_id == "key-1" && !it.access_token.is_empty() && it.refresh_token.is_some() => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// Whether two are signed in, the index knows them by their names, and the third is signed out.
async fn knows_everybody(vault: &Vault) -> Result<(), String> {
    let Outcome::Value(index) = vault.load_index().await else { return Err("no index".to_owned()) };
    let known = read_noted(&index).ok_or("an index that nobody reads")?;
    let expected = [(till(), "ada", "Ada"), (colleague(), "grace", "Grace")]
        .map(|(key, subject, name)| (key, Some(subject.to_owned()), Some(name.to_owned())));
    if known.0 != Some(till()) || !expected.iter().all(|it| known.1.contains(it)) || known.1.len() != 2 {
        return Err(format!("{known:?}"));
    }
    let residents = vault.residents().await.map_err(|error| error.to_string())?;
    let signed_in: Vec<_> = residents.iter().filter(|it| it.has_credentials).map(|it| it.account).collect();
    let there = vault.load_once(colleague()).await;
    let hers = matches!(&there, Outcome::Value(stored) if stored.credentials.identity == graces().identity);
    let out = matches!(vault.load_once(gone()).await, Outcome::Empty);
    let out = out && vault.epoch(gone()).await.ok() == Some(Epoch::new(1));
    if signed_in.len() == 2 && hers && out { Ok(()) } else { Err(format!("{residents:?} {there:?}")) }
}

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vault")
}

fn entries(folder: &PathBuf) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries
        .retain(|path| path.is_dir() || path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
    entries.sort();
    entries
}

/// A frozen vault as it was, on a disk of its own.
fn thaw(folder: &PathBuf) -> Machine {
    let machine = Machine::new();
    for path in entries(folder) {
        let name = FileName::new(path.file_name().unwrap().to_string_lossy()).unwrap();
        machine.files.put(&name, fs::read(&path).unwrap());
    }
    machine
}

fn kind_of(folder: &std::path::Path) -> Kept {
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    ALL.into_iter().find(|kept| kept.folder() == name).unwrap_or_else(|| panic!("{name} is checked by nothing"))
}

/// B5
#[tokio::test]
async fn vaults_of_every_format_ever_released_open_and_go_on() {
    let versions = entries(&fixtures());
    assert!(versions.iter().any(|version| version.ends_with("v1")));
    for version in versions {
        let mut seen = BTreeSet::new();
        for folder in entries(&version) {
            let kept = kind_of(&folder);
            seen.insert(kept);
            let checked = kept.check(&thaw(&folder)).await;
            assert!(checked.is_ok(), "{}: {checked:?}", folder.display());
        }
        assert!(seen.len() >= 13, "{} has only {seen:?}", version.display());
    }
}

/// Negative control: the check above sees one changed byte in the till's credentials, wherever they are, and in the index.
#[tokio::test]
async fn a_frozen_vault_that_does_not_open_as_it_was_is_noticed() {
    for folder in entries(&fixtures().join("v1")) {
        let kept = kind_of(&folder);
        let names = thaw(&folder).files.contents().into_keys();
        let own = format!("{}.current", till());
        let tells = |name: &str| name.ends_with(&own) || name.starts_with("parked-") || name == "vault.accounts";
        for name in names.filter(|name| tells(name.as_str())) {
            let machine = thaw(&folder);
            let mut content = machine.file(&name);
            content[40] ^= 1;
            machine.files.put(&name, content);
            assert!(kept.check(&machine).await.is_err(), "{kept:?} {}", name.as_str());
        }
    }
}

#[tokio::test]
async fn what_this_release_would_freeze_passes_its_own_check() {
    for kept in ALL {
        let machine = kept.make().await;
        let checked = kept.check(&machine.reboot(Survivors::Durable)).await;
        assert!(checked.is_ok(), "{kept:?}: {checked:?}");
    }
}

#[tokio::test]
async fn freezing_writes_what_is_not_frozen_yet_and_nothing_else() {
    let Ok(version) = std::env::var("MAINSTAY_FREEZE_VAULT") else { return };
    for kept in ALL {
        let folder = fixtures().join(&version).join(kept.folder());
        if folder.exists() {
            continue;
        }
        fs::create_dir_all(&folder).unwrap();
        for (name, content) in kept.make().await.files.contents() {
            fs::write(folder.join(name.as_str()), content).unwrap();
        }
    }
}
