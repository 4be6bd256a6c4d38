//! Everything is sealed anew while somebody reads: the key changes under the reader, who takes no lock, at any point.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll, Waker},
};

use tokio::task::unconstrained;

use super::{
    resealing::{over, put_one_of_everything},
    *,
};
use crate::host::{BoxFuture, FileError, MachineId};

/// What somebody may want to know of a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Account,
    Session,
    DeviceKey,
    Queue,
    Index,
    Fingerprints,
}

impl Look {
    const ALL: [Self; 6] =
        [Self::Account, Self::Session, Self::DeviceKey, Self::Queue, Self::Index, Self::Fingerprints];

    /// What is wrong with what is found; nothing may be.
    async fn at(self, vault: &Vault) -> Result<(), String> {
        let found = match self {
            Self::Account => return whole(vault.load_once(till()).await),
            Self::Session => vault.load_session(till()).await.is(|state| state == b"state"),
            Self::DeviceKey => vault.load_device_key(till()).await.is(|key| *key == Secret::from_text("device")),
            Self::Queue => vault.due_revocations().await.is(|queue| !queue.is_empty()),
            Self::Index => vault.load_index().await.is(|index| index == b"index"),
            Self::Fingerprints => vault.fingerprinter().await.is(|_| true),
        };
        found.map_err(|error| format!("{self:?}: {error}"))
    }
}

/// Two generations, an intent, a session, and no word of damage.
fn whole(outcome: Outcome<Stored>) -> Result<(), String> {
    outcome.is(|stored| {
        let numbers: Vec<_> = stored.previous.iter().map(|it| it.generation.number()).collect();
        (stored.credentials.generation.number(), numbers) == (2, vec![1])
            && stored.intent.is_some()
            && stored.session.as_deref() == Some(b"state")
            && stored.damaged.is_empty()
    })
}

trait Is<T> {
    fn is(self, right: impl FnOnce(&T) -> bool) -> Result<(), String>;
}

impl<T: std::fmt::Debug> Is<T> for Outcome<T> {
    fn is(self, right: impl FnOnce(&T) -> bool) -> Result<(), String> {
        match &self {
            Self::Value(value) if right(value) => Ok(()),
            _ => Err(format!("{self:?}")),
        }
    }
}

/// When another process gets to go on with its re-seal: `steps` changes before one read, and the rest before the next one,
/// or never, because it was killed.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    read: usize,
    steps: usize,
    is_killed: bool,
}

/// A disk on which another process seals everything anew while this one reads.
struct Meanwhile {
    disk: FaultyFiles,
    schedule: Schedule,
    reads: Mutex<usize>,
    reseal: Mutex<Option<BoxFuture<'static, Result<(), VaultError>>>>,
    /// What must not be: whoever looks again sees what they saw before.
    seen: Option<Mutex<BTreeMap<FileName, Option<Vec<u8>>>>>,
}

impl Meanwhile {
    fn on(machine: &Machine, schedule: Schedule, sees_the_same: bool) -> Arc<Self> {
        let other = over(machine, Arc::new(Halting(machine.files.clone())), false);
        Arc::new(Self {
            disk: machine.files.clone(),
            schedule,
            reads: Mutex::default(),
            reseal: Mutex::new(Some(Box::pin(unconstrained(async move { other.reseal().await })))),
            seen: sees_the_same.then(Mutex::default),
        })
    }

    /// Somebody is about to read.
    fn go_on(&self) {
        let mut reads = self.reads.lock().unwrap();
        let Schedule { read, steps, is_killed } = self.schedule;
        if *reads == read {
            self.reseal_for(steps);
        } else if *reads == read + 1 && !is_killed {
            self.reseal_for(usize::MAX);
        }
        *reads += 1;
    }

    fn reseal_for(&self, steps: usize) {
        let mut reseal = self.reseal.lock().unwrap();
        for _ in 0..steps {
            let Some(going) = reseal.as_mut() else { return };
            if let Poll::Ready(done) = poll(going.as_mut()) {
                done.unwrap();
                *reseal = None;
            }
        }
    }

    fn reads(&self) -> usize {
        *self.reads.lock().unwrap()
    }

    fn read_now(&self, name: &FileName) -> Option<Vec<u8>> {
        let now = || self.disk.contents().get(name).cloned();
        match &self.seen {
            Some(seen) => seen.lock().unwrap().entry(name.clone()).or_insert_with(now).clone(),
            None => now(),
        }
    }
}

fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

impl Files for Meanwhile {
    fn read(&self, name: &FileName, _limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        let name = name.clone();
        Box::pin(async move {
            self.go_on();
            Ok(self.read_now(&name))
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        self.go_on();
        self.disk.list()
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.create(name, content)
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.overwrite(name, content)
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.sync(name)
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.remove(name)
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        self.disk.sync_folder()
    }

    fn machine(&self) -> BoxFuture<'_, Option<MachineId>> {
        self.disk.machine()
    }
}

/// A disk whose user lets others have a turn before every change.
struct Halting(FaultyFiles);

impl Halting {
    fn after_a_turn<'a, T: Send + 'a>(
        &'a self,
        change: impl FnOnce(&'a FaultyFiles) -> BoxFuture<'a, T> + Send + 'a,
    ) -> BoxFuture<'a, T> {
        Box::pin(async move {
            let mut has_halted = false;
            std::future::poll_fn(|_| {
                if std::mem::replace(&mut has_halted, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            change(&self.0).await
        })
    }
}

impl Files for Halting {
    fn read(&self, name: &FileName, limit: usize) -> BoxFuture<'_, Result<Option<Vec<u8>>, FileError>> {
        self.0.read(name, limit)
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<FileName>, FileError>> {
        self.0.list()
    }

    fn create(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        let name = name.clone();
        self.after_a_turn(move |disk| disk.create(&name, content))
    }

    fn overwrite(&self, name: &FileName, content: Vec<u8>) -> BoxFuture<'_, Result<(), FileError>> {
        let name = name.clone();
        self.after_a_turn(move |disk| disk.overwrite(&name, content))
    }

    fn sync(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        self.0.sync(name)
    }

    fn rename(&self, from: &FileName, to: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        let (from, to) = (from.clone(), to.clone());
        self.after_a_turn(move |disk| disk.rename(&from, &to))
    }

    fn remove(&self, name: &FileName) -> BoxFuture<'_, Result<(), FileError>> {
        let name = name.clone();
        self.after_a_turn(move |disk| disk.remove(&name))
    }

    fn sync_folder(&self) -> BoxFuture<'_, Result<(), FileError>> {
        self.0.sync_folder()
    }

    fn machine(&self) -> BoxFuture<'_, Option<MachineId>> {
        self.0.machine()
    }
}

async fn full_till() -> Machine {
    let machine = Machine::new();
    let vault = over(&machine, Arc::new(machine.files.clone()), false);
    put_one_of_everything(&vault).await;
    vault.update_index(|_| Some(b"index".to_vec())).await.unwrap();
    machine
}

/// Looks at a copy of `machine` with this schedule. Says what was wrong, and how often it read.
async fn look(machine: &Machine, what: Look, schedule: Schedule, sees_the_same: bool) -> (Result<(), String>, usize) {
    let machine = machine.reboot(Survivors::Everything);
    let disk = Meanwhile::on(&machine, schedule, sees_the_same);
    let files: Arc<dyn Files> = disk.clone();
    let found = what.at(&over(&machine, files, false)).await;
    (found.map_err(|error| format!("{schedule:?}: {error}")), disk.reads())
}

/// How many turns a re-seal takes.
fn turns(machine: &Machine) -> usize {
    let machine = machine.reboot(Survivors::Everything);
    let vault = over(&machine, Arc::new(Halting(machine.files.clone())), false);
    let mut reseal = std::pin::pin!(unconstrained(vault.reseal()));
    (1..).find(|_| poll(reseal.as_mut()).is_ready()).unwrap()
}

/// Every read is met by a re-seal that has got any number of steps far, and is finished before the next read or never.
async fn look_at_every_moment(what: Look, sees_the_same: bool) -> Result<usize, String> {
    let machine = full_till().await;
    let turns = turns(&machine);
    let mut tried = 0;
    for read in 0.. {
        for schedule in (0..=turns).flat_map(|steps| [false, true].map(|is_killed| Schedule { read, steps, is_killed }))
        {
            let (found, reads) = look(&machine, what, schedule, sees_the_same).await;
            found?;
            if reads <= read {
                return Ok(tried);
            }
            tried += 1;
        }
    }
    unreachable!("reads have an end")
}

/// 1. A reads an account's files, which the old key sealed.
/// 2. B seals everything anew, and destroys the old key.
/// 3. A asks for the key, and is given the new one: nothing that it has read can be opened.
/// 4. A looks again, and finds all of it.
#[tokio::test]
async fn a_reader_under_whom_the_key_changes_finds_everything_whole() {
    for what in Look::ALL {
        let tried = look_at_every_moment(what, false).await.unwrap();
        assert!(tried > 100, "{what:?}: {tried}");
    }
}

/// The negative control: who looks again and sees what they saw before takes a good record for a damaged one.
#[tokio::test]
async fn a_reader_who_learns_nothing_by_looking_again_takes_good_records_for_damaged_ones() {
    for what in Look::ALL {
        assert!(look_at_every_moment(what, true).await.is_err(), "this test would not notice that {what:?} is lost");
    }
}
