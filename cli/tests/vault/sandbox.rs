//! A folder with vaults in it, and the program in that folder.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mainstay::{
    Credentials, Generation, Identity, Secret, StoredAccessToken, Timestamp,
    host::{MachineId, memory::MemoryLock},
    native::{FileSecretStore, FolderFiles},
    test_support::{SeededEntropy, VirtualClock},
    vault::{AccountKey, Epoch, UnreadableReason, Vault, VaultHost},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Handle;

/// In every token, so that it can be searched for.
pub const CANARY: &str = "canary-7f3a";
/// What a person is called whose name a terminal would obey.
pub const HOSTILE: &str = "ada\x1b[2J\u{9b}31m\u{202e}";
/// When things were stored, before now: two hours, and a little that no output shows.
const AGE: Duration = Duration::from_secs(7205);
/// Where the session's time line stood then.
const LINE_MS: u64 = 1_700_000_005_000;

const SNAPSHOTS: &str = include_str!("../../../core/tests/fixtures/snapshots_v1.jsonl");
const PACING: &str = include_str!("../../../core/tests/fixtures/issuer_pacing_v1.json");

/// A folder, and how many vaults were opened in it: each draws other numbers, and the same ones in every run.
pub struct Sandbox(TempDir, AtomicU64);

pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("it was killed"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Sandbox {
    /// Empty.
    pub fn new() -> Self {
        Self(TempDir::new().unwrap(), AtomicU64::new(1))
    }

    /// With `till`, a vault whose key is in `keys`.
    pub async fn with_till() -> Self {
        let sandbox = Self::new();
        sandbox.sign_in("till", "ada").await;
        sandbox
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn vault(&self, folder: &str, machine: Option<&str>) -> Vault {
        let handle = Handle::current();
        let files = |folder: &str| FolderFiles::new(self.path(folder), handle.clone());
        let machine = machine.map(|machine| MachineId(machine.to_owned()));
        Vault::new(VaultHost {
            files: Arc::new(files(folder).on_machine(machine)),
            secrets: Arc::new(FileSecretStore::unprotected(Arc::new(files("keys")))),
            lock: Arc::new(MemoryLock::new()),
            clock: Arc::new(VirtualClock::default()),
            entropy: Arc::new(SeededEntropy::new(self.1.fetch_add(1, Ordering::Relaxed))),
        })
    }

    /// A till in a folder of its own: generation 3, which no server has accepted yet, 2, and what the session remembers.
    pub async fn sign_in(&self, folder: &str, subject: &str) {
        let vault = self.vault(folder, None);
        for number in [2, 3] {
            vault.first_save(till(), &credentials(number, subject), Epoch::default()).await.unwrap();
        }
        vault.save_session(till(), Epoch::default(), &memory(subject)).await.unwrap();
        self.age(folder);
    }

    /// Moves the till of a folder aside, on 1 January 2026.
    pub async fn set_aside(&self, folder: &str) {
        self.vault(folder, None).set_aside(till(), UnreadableReason::Damaged).await.unwrap();
        self.age(folder);
    }

    /// Changes a byte of a file.
    pub fn damage(&self, folder: &str, ending: &str) {
        let path = self.file(folder, ending);
        let mut content = fs::read(&path).unwrap();
        content[60] ^= 1;
        fs::write(&path, content).unwrap();
        self.age(folder);
    }

    /// The file whose name ends so.
    pub fn file(&self, folder: &str, ending: &str) -> PathBuf {
        let mut files = fs::read_dir(self.path(folder)).unwrap().map(|file| file.unwrap().path());
        files.find(|path| path.to_string_lossy().ends_with(ending)).unwrap()
    }

    pub fn copy(&self, from: &Path, to: &str) {
        fs::create_dir_all(self.path(to)).unwrap();
        for file in fs::read_dir(from).unwrap() {
            let file = file.unwrap().path();
            fs::copy(&file, self.path(to).join(file.file_name().unwrap())).unwrap();
        }
        self.age(to);
    }

    /// Makes a folder look as if it had been left alone since.
    fn age(&self, folder: &str) {
        let at = SystemTime::now() - AGE;
        for file in fs::read_dir(self.path(folder)).unwrap() {
            File::options().write(true).open(file.unwrap().path()).unwrap().set_modified(at).unwrap();
        }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay"));
        command.args(args).current_dir(self.0.path()).env_remove("COLUMNS").env("NO_COLOR", "1");
        command
    }

    pub fn mainstay(&self, args: &[&str]) -> Said {
        self.command(args).output().unwrap().into()
    }

    /// Every file and folder: its content, its rights, when it was written and where it is on the disk.
    pub fn everything(&self) -> BTreeMap<PathBuf, (Vec<u8>, u32, SystemTime, u64)> {
        let mut found = BTreeMap::new();
        collect(self.0.path(), &mut found);
        found
    }
}

fn collect(path: &Path, found: &mut BTreeMap<PathBuf, (Vec<u8>, u32, SystemTime, u64)>) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let content = if metadata.is_file() { fs::read(path).unwrap() } else { Vec::new() };
    let about = (content, metadata.permissions().mode(), metadata.modified().unwrap(), metadata.ino());
    found.insert(path.to_owned(), about);
    if metadata.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| collect(&entry.unwrap().path(), found));
    }
}

pub fn till() -> AccountKey {
    AccountKey::from_name("till")
}

pub fn credentials(number: u64, subject: &str) -> Credentials {
    Credentials {
        generation: Generation::new(number).unwrap(),
        identity: identity(subject),
        access_tokens: vec![StoredAccessToken {
            token: Secret::from_text(&format!("{CANARY}-access-{number}")),
            token_type: "Bearer".to_owned(),
            audience: None,
            scopes: vec!["pos".to_owned()],
            received_at: Timestamp::from_millis(1_700_000_000_000),
            expires_at: Timestamp::from_millis(1_700_003_600_000),
        }],
        refresh_token: Some(Secret::from_text(&format!("{CANARY}-refresh-{number}"))),
        dpop_key: None,
    }
}

fn identity(subject: &str) -> Identity {
    Identity {
        issuer: "https://login.example".to_owned(),
        subject: Some(subject.to_owned()),
        tenant: vec![("tenant".to_owned(), "cafe-7".to_owned())],
    }
}

/// What a session stored, in the frozen form of the first release.
fn memory(subject: &str) -> Vec<u8> {
    let wall = (SystemTime::now() - AGE).duration_since(UNIX_EPOCH).unwrap();
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let record = json!({
        "version": 1,
        "snapshot": parse(SNAPSHOTS.lines().next().unwrap()),
        "clock": {
            "boot_id": null, "monotonic_ms": 0, "wall_ms": u64::try_from(wall.as_millis()).unwrap(),
            "server_ahead_ms": 0, "line_ms": LINE_MS,
        },
        "pacing": parse(PACING),
        "last_accepted": LINE_MS,
        "identity": identity(subject),
        "notes": [
            { "at": LINE_MS - 4000, "code": "evidence.invalid_token", "generation": 2 },
            { "at": LINE_MS - 3000, "code": "rung.refresh", "generation": 2 },
            { "at": LINE_MS - 1000, "code": "evidence.renewed", "generation": 3 },
        ],
    });
    serde_json::to_vec(&record).unwrap()
}
