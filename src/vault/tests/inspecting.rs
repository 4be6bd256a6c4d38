//! Looking at a vault: everything is told, of one moment, and nothing is changed.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{
    resealing::{over, put_one_of_everything},
    *,
};
use crate::{
    host::{BoxFuture, FileError, MachineId, Monotonic, WallTime},
    vault::still::Still,
};

type Folder = BTreeMap<FileName, Vec<u8>>;

/// A clock on which nobody waits.
struct Hasty(VirtualClock);

impl Clock for Hasty {
    fn monotonic(&self) -> Monotonic {
        self.0.monotonic()
    }

    fn wall(&self) -> WallTime {
        self.0.wall()
    }

    fn boot_id(&self) -> Option<crate::host::BootId> {
        self.0.boot_id()
    }

    fn sleep_until(&self, _deadline: Monotonic) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A folder in which somebody works while it is read: with each call one thing more has happened.
struct Moving {
    frames: Vec<Folder>,
    calls: AtomicUsize,
    /// The frame that the first call sees.
    first: usize,
    /// How many calls see that one.
    rests: usize,
    /// Whether it all happens again and again.
    for_ever: bool,
}

impl Moving {
    fn new(frames: &[Folder], first: usize, rests: usize) -> Self {
        Self { frames: frames.to_vec(), calls: AtomicUsize::new(0), first, rests, for_ever: false }
    }

    fn now(&self) -> &Folder {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let passed = self.first + (call + 1).saturating_sub(self.rests);
        let last = self.frames.len() - 1;
        &self.frames[if self.for_ever { passed % self.frames.len() } else { passed.min(last) }]
    }
}

fn never<'a>() -> BoxFuture<'a, Result<(), FileError>> {
    panic!("a look at a vault changes it")
}

impl Files for Moving {
    fn read(&self, name: &FileName, _limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        let content = self.now().get(name).cloned();
        Box::pin(std::future::ready(Ok(content)))
    }

    fn create(&self, _name: &FileName, _content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        never()
    }

    fn overwrite(&self, _name: &FileName, _content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        never()
    }

    fn sync(&self, _name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        never()
    }

    fn rename(&self, _from: &FileName, _to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        never()
    }

    fn remove(&self, _name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        never()
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        never()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        let names = self.now().keys().cloned().collect();
        Box::pin(std::future::ready(Ok(names)))
    }

    fn machine(&self) -> BoxFuture<'_, Option<MachineId>> {
        Box::pin(std::future::ready(None))
    }
}

/// What a process would make of it that sees `files`, under the keys of `machine`.
async fn look(machine: &Machine, files: Arc<dyn Files>) -> Result<Inspection, InspectError> {
    let vault = Vault::new(VaultHost {
        files,
        secrets: Arc::new(machine.keyring.clone()),
        lock: Arc::new(machine.lock.clone()),
        clock: Arc::new(Hasty(machine.clock.clone())),
        entropy: machine.entropy.clone(),
    });
    vault.inspect().await
}

fn still_life(folder: &Folder) -> Arc<dyn Files> {
    let files = FaultyFiles::new();
    folder.iter().for_each(|(name, content)| files.put(name, content.clone()));
    Arc::new(files)
}

async fn said_of(machine: &Machine, folder: &Folder) -> String {
    format!("{:?}", look(machine, still_life(folder)).await.unwrap())
}

#[tokio::test]
async fn everything_is_told_and_nothing_is_changed() {
    let machine = Machine::new();
    put_one_of_everything(&over(&machine, Arc::new(machine.files.clone()), false)).await;
    let (before, changes) = (machine.files.contents(), machine.files.log().len());
    let seen = over(&machine, Arc::new(machine.files.clone()), false).inspect().await.unwrap();
    assert_eq!((machine.files.contents(), machine.files.log().len()), (before, changes));

    assert_eq!((&seen.opened, seen.machine), (&Outcome::Value(()), MachineBinding::Unbound));
    let [account] = seen.accounts.as_slice() else { panic!("{seen:?}") };
    let numbers: Vec<_> = account.generations.iter().map(|it| it.generation.number()).collect();
    assert_eq!((account.key, &account.outcome, numbers), (till(), &Outcome::Value(()), vec![2, 1]));
    assert!(account.open_intent && account.device_key && account.session.is_some());
    let tokens = account.generations[0].content.as_ref().unwrap();
    assert_eq!((tokens.refresh_token, tokens.access_tokens.len()), (true, 1));
    assert!(seen.files.iter().any(|file| matches!(file.kind, FileKind::SetAside(_))));
    assert!(seen.files.iter().any(|file| matches!(file.kind, FileKind::Revocation(_))));
    assert!(seen.files.iter().all(|file| file.verdict == Verdict::Whole), "{:?}", seen.files);
    assert_eq!(seen.foreign, 1, "the key");
    assert!(!format!("{seen:?}").contains(CANARY), "a token");
}

#[tokio::test]
async fn without_the_key_files_say_what_they_say_of_themselves() {
    let machine = Machine::signed_in(1).await;
    rotate(&machine.process()).await.unwrap();
    let guard = machine.process().lock_account(till()).await.unwrap();
    drop(machine.process().begin_rotation(guard, generation(2), Spends::RefreshToken).await.unwrap());
    machine.keyring.fail_with(crate::host::SecretStoreError::Locked);
    let seen = machine.process().inspect().await.unwrap();
    assert_eq!(seen.opened, Outcome::Locked(LockedReason::KeyStoreLocked));
    let account = &seen.accounts[0];
    assert_eq!(account.outcome, Outcome::Locked(LockedReason::KeyStoreLocked));
    assert_eq!((account.generations[0].generation, account.open_intent), (generation(2), true));
    assert!(account.identity.is_none() && account.generations[0].content.is_none());
    let sealed = seen.files.iter().filter(|file| file.kind != FileKind::Install);
    assert!(sealed.clone().count() > 1 && sealed.clone().all(|file| file.verdict == Verdict::SealUnchecked));
}

/// The folder after each change that a refresh makes, from before the first to after the last.
async fn frames_of_a_refresh() -> (Machine, Vec<Folder>) {
    let mut frames = Vec::new();
    for change in 0.. {
        let machine = Machine::signed_in(1).await;
        machine.files.cut_after(change);
        let done = rotate(&machine.process()).await;
        frames.push(machine.files.contents());
        if done.is_ok() {
            return (machine.reboot(Survivors::Everything), frames);
        }
    }
    unreachable!()
}

/// 1. A refreshes. 2. B looks at the vault meanwhile: with each of its reads A is one step further. 3. Whenever A began, what
/// B tells was so at one moment.
#[tokio::test]
async fn what_is_told_of_a_vault_in_use_was_so_at_one_moment() {
    let (machine, frames) = frames_of_a_refresh().await;
    let mut moments = Vec::new();
    for frame in &frames {
        moments.push(said_of(&machine, frame).await);
    }
    for (first, rests) in (0..frames.len()).flat_map(|first| (1..8).map(move |rests| (first, rests))) {
        let told = format!("{:?}", look(&machine, Arc::new(Moving::new(&frames, first, rests))).await.unwrap());
        assert!(moments.contains(&told), "from {first} after {rests} reads: {told}");
    }
}

/// The negative control: reading everything just once tells of moments that never were.
#[tokio::test]
async fn a_single_reading_of_a_vault_in_use_tells_what_never_was() {
    let (machine, frames) = frames_of_a_refresh().await;
    let mut torn = 0;
    for first in 0..frames.len() {
        let once = Still::read_once(&Moving::new(&frames, first, 1)).await.unwrap();
        let files = once.files().map(|(name, content)| (name.clone(), content.unwrap().to_vec())).collect::<Folder>();
        let lasting = |frame: &Folder| {
            let names = frame.iter().filter(|(name, _)| names::has_content(name));
            names.map(|(name, content)| (name.clone(), content.clone())).collect::<Folder>()
        };
        torn += u32::from(!frames.iter().any(|frame| lasting(frame) == files));
    }
    assert!(torn > 0, "{} frames of {:?}", frames.len(), machine.files);
}

#[tokio::test]
async fn a_vault_that_never_rests_is_given_up_and_said_so() {
    let machine = Machine::signed_in(1).await;
    let mut frames = vec![machine.files.contents()];
    for _ in 0..2 {
        rotate(&machine.process()).await.unwrap();
        frames.push(machine.files.contents());
    }
    let files = Moving { for_ever: true, ..Moving::new(&frames, 0, 1) };
    let seen = look(&machine, Arc::new(files)).await;
    assert!(matches!(seen, Err(InspectError::Restless)), "{seen:?}");
}

/// 1. B looks, and has read the folder. 2. A seals everything anew and destroys the old key. 3. B asks for the key. It does
/// not take that for a lost one.
#[tokio::test]
async fn a_reseal_between_the_folder_and_its_key_is_no_missing_key() {
    let machine = Machine::signed_in(1).await;
    let before = machine.files.contents();
    machine.process().reseal().await.unwrap();
    let after = machine.files.contents();
    // Two listings and readings see the old folder.
    let reads = 2 * (1 + before.keys().filter(|name| names::has_content(name)).count());
    let seen = look(&machine, Arc::new(Moving::new(&[before, after.clone()], 0, reads))).await.unwrap();
    assert_eq!(format!("{seen:?}"), said_of(&machine, &after).await);
    assert_eq!(seen.opened, Outcome::Value(()));
}

#[tokio::test]
async fn every_file_with_a_flipped_bit_anywhere_is_named_and_nothing_is_changed() {
    let machine = Machine::new();
    put_one_of_everything(&over(&machine, Arc::new(machine.files.clone()), false)).await;
    let epoch = over(&machine, Arc::new(machine.files.clone()), false).sign_out(AccountKey::from_name("other")).await;
    assert_eq!(epoch.unwrap(), Epoch::new(1));
    let healthy = machine.files.contents();
    for (name, content) in healthy.iter().filter(|(name, _)| names::has_content(name)) {
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 1 << (at % 8);
            let copy = machine.reboot(Survivors::Everything);
            copy.files.put(name, damaged);
            let before = copy.files.contents();
            let seen = over(&copy, Arc::new(copy.files.clone()), false).inspect().await.unwrap();
            let file = seen.files.iter().find(|file| file.name == *name).unwrap();
            assert!(matches!(file.verdict, Verdict::Unreadable(_)), "{} byte {at}: {:?}", name.as_str(), file.verdict);
            assert_eq!(copy.files.contents(), before);
        }
    }
}

#[tokio::test]
async fn what_a_sign_out_left_behind_is_void_and_a_newer_release_s_file_is_named() {
    let machine = Machine::signed_in(1).await;
    let current = names::Of(till()).current();
    let left = machine.file(&current);
    machine.process().sign_out(till()).await.unwrap();
    machine.files.put(&current, left.clone());
    let seen = machine.process().inspect().await.unwrap();
    let verdict = |seen: &Inspection| seen.files.iter().find(|file| file.name == current).unwrap().verdict;
    assert_eq!((verdict(&seen), &seen.accounts[0].outcome), (Verdict::Void, &Outcome::Empty));
    assert!(seen.accounts[0].generations.is_empty());

    machine.files.put(&current, super::reading::newer(&left));
    let seen = machine.process().inspect().await.unwrap();
    assert_eq!(verdict(&seen), Verdict::TooNew { version: 2 });
    assert_eq!(seen.accounts[0].outcome, Outcome::TooNew { version: 2 });
}

#[tokio::test]
async fn a_copy_on_another_machine_is_told_even_without_a_key() {
    let machine = Machine::new();
    machine.files.put_into(Some("till-7"));
    machine.process().first_save(till(), &credentials(1), Epoch::default()).await.unwrap();
    assert_eq!(machine.process().inspect().await.unwrap().machine, MachineBinding::Here);
    machine.keyring.fail_with(crate::host::SecretStoreError::Locked);
    machine.files.put_into(Some("till-8"));
    let seen = machine.process().inspect().await.unwrap();
    assert_eq!(seen.machine, MachineBinding::Elsewhere);
    assert_eq!(seen.opened, Outcome::Unreadable(UnreadableReason::AnotherMachine));
    machine.files.put_into(None);
    assert_eq!(machine.process().inspect().await.unwrap().machine, MachineBinding::Unknown);
}

#[tokio::test]
async fn a_folder_where_nothing_was_ever_stored_is_empty_and_stays_so() {
    let machine = Machine::new();
    let seen = machine.process().inspect().await.unwrap();
    assert_eq!((&seen.opened, seen.machine), (&Outcome::Empty, MachineBinding::NotBorn));
    assert!(seen.accounts.is_empty() && seen.files.is_empty() && machine.files.log().is_empty());
}
