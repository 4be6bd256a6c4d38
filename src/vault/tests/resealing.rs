//! Everything is sealed anew under a new key, and the power is cut, the disk fills up and other processes go on meanwhile.

use super::{
    careless::{CarelessFiles, Carelessness},
    *,
};
use crate::host::{BoxFuture, FileError, SecretStore, SecretStoreError};

/// Keys on the same disk as the vault, so that the power is cut between the two as well.
struct DiskKeys {
    files: Arc<dyn Files>,
    /// What must not be: a store that forgets every other key when one is stored.
    has_room_for_one: bool,
}

impl DiskKeys {
    async fn save(&self, name: &str, secret: Secret) -> Result<(), FileError> {
        let (file, temporary) = (key_file(name), key_file(&format!("{name}.new")));
        if self.has_room_for_one {
            for other in self.files.list().await?.iter().filter(|name| name.as_str().starts_with("key-")) {
                self.files.remove(other).await?;
            }
        }
        self.files.remove(&temporary).await?;
        self.files.create(&temporary, secret.expose().to_vec()).await?;
        self.files.sync(&temporary).await?;
        self.files.rename(&temporary, &file).await?;
        self.files.sync_folder().await
    }
}

fn key_file(name: &str) -> FileName {
    FileName::new(format!("key-{name}")).unwrap()
}

fn unavailable(_error: FileError) -> SecretStoreError {
    SecretStoreError::Unavailable
}

impl SecretStore for DiskKeys {
    fn load(&self, name: &str) -> BoxFuture<'_, Result<Option<Secret>, SecretStoreError>> {
        let file = key_file(name);
        Box::pin(async move { Ok(self.files.read(&file, 4096).await.map_err(unavailable)?.map(Secret::new)) })
    }

    fn store(&self, name: &str, secret: Secret) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        let name = name.to_owned();
        Box::pin(async move { self.save(&name, secret).await.map_err(unavailable) })
    }

    fn remove(&self, name: &str) -> BoxFuture<'_, Result<(), SecretStoreError>> {
        let file = key_file(name);
        Box::pin(async move {
            self.files.remove(&file).await.map_err(unavailable)?;
            self.files.sync_folder().await.map_err(unavailable)
        })
    }

    fn describe(&self) -> &'static str {
        "test disk"
    }
}

fn aside() -> AccountKey {
    AccountKey::from_name("set aside")
}

/// A vault over this disk and the keys on it, written to through `files`.
pub(super) fn over(machine: &Machine, files: Arc<dyn Files>, has_room_for_one: bool) -> Vault {
    Vault::new(VaultHost {
        secrets: Arc::new(DiskKeys { files: Arc::clone(&files), has_room_for_one }),
        files,
        lock: Arc::new(machine.lock.clone()),
        clock: Arc::new(machine.clock.clone()),
        entropy: machine.entropy.clone(),
    })
}

fn open(machine: &Machine) -> Vault {
    over(machine, Arc::new(machine.files.clone()), false)
}

/// A till with one of everything: two generations, an intent, a session, a device key, something to revoke, and another
/// account that was set aside.
async fn full_till() -> Machine {
    let machine = Machine::new();
    put_one_of_everything(&open(&machine)).await;
    machine
}

pub(super) async fn put_one_of_everything(vault: &Vault) {
    vault.first_save(aside(), &credentials(7), Epoch::default()).await.unwrap();
    vault.set_aside(aside(), UnreadableReason::Damaged).await.unwrap();
    vault.first_save(till(), &credentials(1), Epoch::default()).await.unwrap();
    let guard = vault.lock_account(till()).await.unwrap();
    let rotation = vault.begin_rotation(guard, generation(1), Spends::RefreshToken).await.unwrap();
    vault.commit(&rotation, &credentials(2)).await.unwrap();
    drop(rotation);
    let guard = vault.lock_account(till()).await.unwrap();
    drop(vault.begin_rotation(guard, generation(2), Spends::RefreshToken).await.unwrap());
    vault.save_session(till(), Epoch::default(), b"state").await.unwrap();
    vault.store_device_key(till(), Epoch::default(), &Secret::from_text("device"), "key-1").await.unwrap();
    let (issuer, token) = ("https://login.example".to_owned(), refresh_token(9));
    let revocation = Revocation { what: Revocable::RefreshToken, issuer, endpoint: None, token };
    vault.queue_revocation(&revocation).await.unwrap();
}

/// What is missing of the full till, for a process that was just started.
async fn missing(machine: &Machine) -> Result<(), String> {
    let vault = open(machine);
    let outcome = vault.load_once(till()).await;
    let Outcome::Value(stored) = outcome else { return Err(format!("{outcome:?}")) };
    let previous: Vec<_> = stored.previous.iter().map(|it| it.generation.number()).collect();
    let numbers = (stored.credentials.generation.number(), previous);
    if numbers != (2, vec![1]) || stored.intent.is_none() || stored.session.is_none() || !stored.damaged.is_empty() {
        return Err(format!("{stored:?}"));
    }
    let device = vault.load_device_key(till()).await;
    if !matches!(&device, Outcome::Value(key) if *key == Secret::from_text("device")) {
        return Err(format!("{device:?}"));
    }
    let queue = vault.due_revocations().await;
    if !matches!(&queue, Outcome::Value(queue) if !queue.is_empty()) {
        return Err(format!("{queue:?}"));
    }
    let list = vault.set_aside_list().await.map_err(|error| error.to_string())?;
    let [only] = list.as_slice() else { return Err(format!("{list:?}")) };
    let copy = machine.reboot(Survivors::Everything);
    open(&copy).restore(only.at).await.map_err(|error| error.to_string())?;
    match open(&copy).load_once(aside()).await {
        Outcome::Value(_) => Ok(()),
        outcome => Err(format!("set aside: {outcome:?}")),
    }
}

fn keys(machine: &Machine) -> Vec<FileName> {
    machine.files.contents().into_keys().filter(|name| name.as_str().starts_with("key-")).collect()
}

#[derive(Clone, Copy)]
enum Cut {
    Before,
    HalfWay,
}

/// Cuts a re-seal at every change, and lets a new process look and go on. Returns how many cases that were.
async fn cut_everywhere(
    cut: Cut,
    has_room_for_one: bool,
    disk: impl Fn(FaultyFiles) -> Arc<dyn Files>,
) -> Result<usize, String> {
    for (change, tried) in (0..).zip((0..).step_by(Survivors::ALL.len())) {
        let machine = full_till().await;
        let old = keys(&machine);
        match cut {
            Cut::Before => machine.files.cut_after(change),
            Cut::HalfWay => machine.files.tear_after(change),
        }
        let done = over(&machine, disk(machine.files.clone()), has_room_for_one).reseal().await;
        for survivors in Survivors::ALL {
            let case = |error: String| format!("cut at {change}, {survivors:?}: {error}");
            let machine = machine.reboot(survivors);
            missing(&machine).await.map_err(case)?;
            open(&machine).finish_reseal().await.map_err(|error| case(error.to_string()))?;
            missing(&machine).await.map_err(|error| case(format!("finished: {error}")))?;
            open(&machine).reseal().await.map_err(|error| case(error.to_string()))?;
            missing(&machine).await.map_err(|error| case(format!("again: {error}")))?;
            if keys(&machine).iter().any(|key| old.contains(key)) {
                return Err(case("the old key is still there".to_owned()));
            }
        }
        if done.is_ok() {
            return Ok(tried);
        }
    }
    Err("never done".to_owned())
}

fn careful(files: FaultyFiles) -> Arc<dyn Files> {
    Arc::new(files)
}

#[tokio::test]
async fn a_power_cut_at_any_point_of_a_reseal_loses_nothing_and_the_next_start_goes_on() {
    for cut in [Cut::Before, Cut::HalfWay] {
        assert!(cut_everywhere(cut, false, careful).await.unwrap() > 100);
    }
}

#[tokio::test]
async fn a_reseal_that_leaves_out_a_step_loses_something_at_a_power_cut() {
    for how in [Carelessness::RenamesWithoutSync, Carelessness::RemovesBeforeRename] {
        let disk = |disk| -> Arc<dyn Files> { Arc::new(CarelessFiles { disk, how }) };
        assert!(cut_everywhere(Cut::Before, false, disk).await.is_err(), "this test would not notice {how:?}");
    }
}

#[tokio::test]
async fn a_reseal_that_loses_the_old_key_too_early_loses_everything_at_a_power_cut() {
    let lost = cut_everywhere(Cut::Before, true, careful).await;
    assert!(lost.is_err(), "this test would not notice a key that goes before its records do");
}

#[tokio::test]
async fn any_failing_change_of_a_reseal_leaves_everything_readable_and_it_goes_on() {
    for error in [FileError::NoSpace, FileError::NoAccess, FileError::Io("bad sector".to_owned())] {
        for change in 0.. {
            let machine = full_till().await;
            let vault = open(&machine);
            let before = machine.files.log().len();
            machine.files.fail_after(change, error.clone());
            let resealed = vault.reseal().await;
            let reached = machine.files.log().len() - before > change;
            missing(&machine).await.unwrap_or_else(|what| panic!("{error:?} at {change}: {what}"));
            vault.finish_reseal().await.unwrap_or_else(|again| panic!("{error:?} at {change}: {again}"));
            missing(&machine).await.unwrap_or_else(|what| panic!("{error:?} at {change}, finished: {what}"));
            if resealed.is_ok() && !reached {
                break;
            }
        }
    }
}

/// 1. A and B have the vault open.
/// 2. A seals everything anew and destroys the old key.
/// 3. B, which knows the old key only, refreshes, saves and signs in: nothing of it is sealed with the old key.
#[tokio::test]
async fn a_process_that_was_there_before_a_reseal_goes_on_under_the_new_key() {
    let machine = Machine::signed_in(1).await;
    let (a, b) = (machine.process(), machine.process());
    let Outcome::Value(before) = b.fingerprinter().await else { panic!("closed") };
    assert_eq!(current(&b.load(till()).await), Some(1));
    a.reseal().await.unwrap();

    rotate(&b).await.unwrap();
    b.save_session(till(), Epoch::default(), b"state").await.unwrap();
    b.first_save(aside(), &credentials(5), Epoch::default()).await.unwrap();
    let fresh = machine.process();
    let stored = fresh.load_once(till()).await.value().unwrap();
    assert_eq!((stored.credentials.generation, stored.session.as_deref()), (generation(2), Some(b"state".as_slice())));
    assert!(stored.damaged.is_empty(), "{:?}", stored.damaged);
    assert!(matches!(fresh.load_once(aside()).await, Outcome::Value(_)));
    let Outcome::Value(after) = fresh.fingerprinter().await else { panic!("closed") };
    let token = refresh_token(1);
    assert_eq!(before.fingerprint(&token), after.fingerprint(&token), "an import is still known by its fingerprint");
}

#[tokio::test]
async fn a_vault_with_a_newer_release_s_record_is_not_sealed_anew() {
    let machine = full_till().await;
    let name = names::Of(till()).single(names::Single::Session);
    machine.files.put(&name, super::reading::newer(&machine.file(&name)));
    let before = machine.files.contents();
    let refused = open(&machine).reseal().await;
    assert!(matches!(refused, Err(VaultError::TooNew { version: 2 })), "{refused:?}");
    assert_eq!(machine.files.contents(), before, "and no key was made");
}

#[tokio::test]
async fn what_cannot_be_opened_stays_as_it_is_and_stops_no_reseal() {
    let machine = full_till().await;
    let name = names::Of(till()).single(names::Single::Session);
    machine.files.put(&name, b"torn".to_vec());
    open(&machine).reseal().await.unwrap();
    assert_eq!(machine.file(&name), b"torn");
    assert_eq!(current(&open(&machine).load_once(till()).await), Some(2));
}

#[tokio::test]
async fn there_is_nothing_to_reseal_where_nothing_was_ever_stored() {
    let machine = Machine::new();
    machine.process().reseal().await.unwrap();
    machine.process().finish_reseal().await.unwrap();
    assert!(machine.files.log().is_empty());
}
