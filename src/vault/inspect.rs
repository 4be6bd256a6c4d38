//! Looking at a vault without changing anything in it, for people who help other people.

use std::sync::Arc;

use mainstay_core::{Generation, Timestamp};

use super::{
    AccountKey, Closed, Epoch, Fingerprinter, LockedReason, Outcome, UnreadableReason, Vault, VaultHost,
    install::Install,
    keys::Keys,
    names::{self, Of, Part, Single},
    payload::{self, GenerationV1, IntentV1, RevocationV1},
    record::{self, Kind, NO_ACCOUNT, Sealed},
    still::{NoLocks, Still},
};
use crate::{
    Identity,
    host::{FileError, FileName},
};

/// How often everything is read again because the vault was sealed anew just while its key was asked for.
const LOOKS: u8 = 5;

/// Why a vault could not be looked at. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// The folder cannot be listed.
    #[error(transparent)]
    Files(FileError),
    /// It changed again and again while it was read: look again.
    #[error("the vault is being written to all the time")]
    Restless,
    /// No vault is that large.
    #[error("the folder holds more than a vault can")]
    TooLarge,
}

/// A vault as it stood in one moment. Holds no secret, but names of people.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What opening it came to. Accounts and files have outcomes of their own.
    pub opened: Outcome<()>,
    /// Where its key is, as a status display calls the place.
    pub key_store: &'static str,
    /// Whether it belongs to this machine.
    pub machine: MachineBinding,
    /// Whether it is being sealed anew under another key, or that was cut short.
    pub resealing: bool,
    /// Everybody that something is stored of, or who was signed out here, in order of their keys.
    pub accounts: Vec<InspectedAccount>,
    /// Every file that a vault keeps, in order of their names.
    pub files: Vec<InspectedFile>,
    /// How many files are locks, or just being written, or left behind by somebody who died while writing.
    pub passing: usize,
    /// How many files are none of a vault's. They were not opened.
    pub foreign: usize,
    /// Makes pseudonyms that only somebody with this vault's key can check; `None` as long as it cannot be opened.
    pub fingerprinter: Option<Fingerprinter>,
}

/// Whether a vault belongs to the machine that it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineBinding {
    /// There is no vault yet, or its installation's file cannot be read.
    NotBorn,
    /// The platform did not tell the machine's name when the vault was born: it may move.
    Unbound,
    /// It was born here.
    Here,
    /// It was born on a machine whose name was known; what this one is called, the platform does not tell.
    Unknown,
    /// It was copied here from another machine, and opens nothing.
    Elsewhere,
}

/// One account.
#[derive(Clone, Debug)]
pub struct InspectedAccount {
    /// Its key.
    pub key: AccountKey,
    /// What reading it came to.
    pub outcome: Outcome<()>,
    /// How often it was signed out here.
    pub epoch: Epoch,
    /// Whom its newest credentials name; `None` without the vault's key.
    pub identity: Option<Identity>,
    /// Its generations, the newest first. More than one: no server has accepted the newest yet.
    pub generations: Vec<InspectedGeneration>,
    /// Whether a refresh was begun whose end nobody saw.
    pub open_intent: bool,
    /// Whether a device key is stored here.
    pub device_key: bool,
    /// What the driver saved last, for [`support`](crate::support).
    pub(crate) session: Option<Vec<u8>>,
}

/// One generation. Without the vault's key its number is what the file says of itself.
#[derive(Clone, Debug)]
pub struct InspectedGeneration {
    /// Its number.
    pub generation: Generation,
    /// When it was stored, in milliseconds of wall time, if the platform tells.
    pub written_at: Option<u64>,
    /// What is in it; `None` if it could not be opened.
    pub content: Option<InspectedTokens>,
}

/// What of a generation may be told.
#[derive(Clone, Debug)]
pub struct InspectedTokens {
    /// Whether there is a refresh token.
    pub refresh_token: bool,
    /// The access tokens, the session's own audience first.
    pub access_tokens: Vec<InspectedToken>,
}

/// What of an access token may be told.
#[derive(Clone, Debug)]
pub struct InspectedToken {
    /// The audience it was asked for; `None` is the session's own.
    pub audience: Option<String>,
    /// When it was received, on the session's time line.
    pub received_at: Timestamp,
    /// When it stops being handed out, on the session's time line.
    pub expires_at: Timestamp,
}

/// One file.
#[derive(Clone, Debug)]
pub struct InspectedFile {
    /// Its name.
    pub name: FileName,
    /// What it is.
    pub kind: FileKind,
    /// Whose it is; `None` for a file of the whole vault.
    pub account: Option<AccountKey>,
    /// Its length in bytes; `None` if it could not be read.
    pub size: Option<usize>,
    /// When it was last written, in milliseconds of wall time, if the platform tells.
    pub written_at: Option<u64>,
    /// What is known about its content.
    pub verdict: Verdict,
}

/// What a file of a vault is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Which installation this is.
    Install,
    /// Tells a wrong key from damage.
    Canary,
    /// The index of accounts, which can be made anew from them.
    Accounts,
    /// Sign-ins that wait for their browser.
    SignIns,
    /// How often an account was signed out.
    Epoch,
    /// The current generation.
    Current,
    /// An older one.
    Kept,
    /// A refresh that was begun.
    Intent,
    /// The driver's state.
    Session,
    /// A device key.
    DeviceKey,
    /// An entry of the revocation queue, with its wall time in milliseconds.
    Revocation(u64),
    /// A signed-out generation whose refresh token still has to be queued, with the wall time of the sign-out in milliseconds.
    Parked(u64),
    /// Something that was moved aside.
    SetAside(super::SetAside),
}

/// What is known about a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Checksum, seal and content are right.
    Whole,
    /// The checksum is right. The seal was not checked: its key is not at hand.
    SealUnchecked,
    /// Whole, and of a session that was signed out since: it means nothing, and the next start removes it.
    Void,
    /// It cannot be read.
    Unreadable(UnreadableReason),
    /// A newer release wrote it.
    TooNew {
        /// The format version found.
        version: u16,
    },
    /// The operating system refuses access to it.
    Refused,
}

impl Vault {
    /// Looks at everything in the vault, of one moment, and changes nothing: takes no lock, writes no file, makes no key
    /// and no folder. Safe while any number of processes use the vault; none of them waits for it.
    ///
    /// # Errors
    /// [`InspectError::Files`] if the folder cannot be listed; [`InspectError::Restless`]: look again.
    pub async fn inspect(&self) -> Result<Inspection, InspectError> {
        for _ in 0..LOOKS {
            let still = Arc::new(Still::of(&*self.disk.files, &*self.clock).await?);
            let picture = self.picture(&still);
            let keys = picture.keys_of_picture().await;
            // The key was asked for after the picture was taken. It fits as long as no other key took its place since, and none
            // went: a re-seal lets go of the old one after it has replaced the canary.
            let files = &*self.disk.files;
            if still.still_holds(files, &names::canary()).await && still.still_holds(files, &names::install()).await {
                return Ok(Inspector { still: &still, vault: &picture, keys }.look().await);
            }
        }
        Err(InspectError::Restless)
    }

    /// A vault over the picture of this one.
    fn picture(&self, still: &Arc<Still>) -> Self {
        Self::new(VaultHost {
            files: Arc::new(Arc::clone(still)),
            secrets: Arc::clone(&self.secrets),
            lock: Arc::new(NoLocks),
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.disk.entropy),
        })
    }

    async fn keys_of_picture(&self) -> Result<Arc<Keys>, Closed> {
        let listed = self.disk.files.list().await?;
        if listed.iter().any(names::needs_install) { self.keys_for_records().await } else { self.keys().await }
    }
}

struct Inspector<'a> {
    still: &'a Still,
    /// Over the picture: it cannot change anything.
    vault: &'a Vault,
    keys: Result<Arc<Keys>, Closed>,
}

impl Inspector<'_> {
    async fn look(&self) -> Inspection {
        let install = self.vault.install().await;
        let machine = match &install {
            Ok(install) => self.vault.binding(install).await,
            Err(_) => MachineBinding::NotBorn,
        };
        let mut accounts = Vec::new();
        for resident in self.vault.residents().await.unwrap_or_default() {
            accounts.push(self.account(resident.account).await);
        }
        let epochs = |key: AccountKey| accounts.iter().find(|it| it.key == key).map(|it| it.epoch).unwrap_or_default();
        let files = self.still.files().filter_map(|(name, content)| self.file(name, content, &epochs)).collect();
        Inspection {
            opened: self.keys.as_ref().map(|_| ()).map_err(|closed| *closed).into(),
            key_store: self.vault.key_store(),
            machine,
            resealing: install.is_ok_and(|install| install.old_slot().is_some()),
            accounts,
            files,
            passing: self.still.passing,
            foreign: self.still.foreign,
            fingerprinter: self.keys.as_ref().ok().map(|keys| keys.fingerprinter.clone()),
        }
    }

    async fn account(&self, key: AccountKey) -> InspectedAccount {
        let names: Vec<_> = self.still.files().map(|(name, _)| name).collect();
        let has = |part: Part| names.iter().any(|name| Of(key).part(name) == Some(part));
        let is_generation = |name: &FileName| matches!(Of(key).part(name), Some(Part::Current | Part::Kept(_)));
        let has_generations = names.iter().any(|name| is_generation(name));
        let stored = match &self.keys {
            Err(closed) if has_generations => Err(*closed).into(),
            _ => self.vault.load_once(key).await,
        };
        let epoch = self.vault.read_epoch(key).await.unwrap_or_default();
        let session = match &self.keys {
            Ok(_) => self.vault.load_session(key).await.value(),
            Err(_) => None,
        };
        let (mut generations, identity, open_intent) = match &stored {
            Outcome::Value(stored) => {
                let all = [&stored.credentials].into_iter().chain(&stored.previous);
                let generations: Vec<_> = all
                    .map(|credentials| self.generation(key, credentials.generation, Some(tokens_of(credentials))))
                    .collect();
                (generations, Some(stored.credentials.identity.clone()), stored.intent.is_some())
            }
            _ => {
                let generations = self.generations_by_name(key, epoch);
                let current = generations.first().map(|it| it.generation.number());
                let intent = self.header(&Of(key).single(Single::Intent)).filter(|it| it.epoch >= epoch);
                let open = intent.is_some_and(|intent| Some(intent.generation) == current);
                (generations, None, open)
            }
        };
        generations.dedup_by_key(|it| it.generation);
        InspectedAccount {
            key,
            outcome: match stored {
                Outcome::Value(_) => Outcome::Value(()),
                Outcome::Empty => Outcome::Empty,
                Outcome::Locked(reason) => Outcome::Locked(reason),
                Outcome::Unreadable(reason) => Outcome::Unreadable(reason),
                Outcome::TooNew { version } => Outcome::TooNew { version },
            },
            epoch,
            identity,
            generations,
            open_intent,
            device_key: has(Part::Single(Single::DeviceKey)),
            session,
        }
    }

    /// What the files say of themselves.
    fn generations_by_name(&self, key: AccountKey, epoch: Epoch) -> Vec<InspectedGeneration> {
        let is_generation = |name: &&FileName| matches!(Of(key).part(name), Some(Part::Current | Part::Kept(_)));
        let files = self.still.files().map(|(name, _)| name).filter(is_generation);
        let headers = files.filter_map(|name| self.header(name)).filter(|header| header.epoch >= epoch);
        let numbers = headers.filter_map(|header| Generation::new(header.generation));
        let mut generations: Vec<_> = numbers.map(|generation| self.generation(key, generation, None)).collect();
        generations.sort_by_key(|it| std::cmp::Reverse(it.generation));
        generations
    }

    fn generation(
        &self,
        key: AccountKey,
        generation: Generation,
        content: Option<InspectedTokens>,
    ) -> InspectedGeneration {
        let kept = Of(key).kept(generation);
        let is_kept = self.header(&kept).is_some();
        let name = if is_kept { kept } else { Of(key).current() };
        InspectedGeneration { generation, written_at: self.still.written_at(&name), content }
    }

    fn header(&self, name: &FileName) -> Option<Sealed<'_>> {
        let (_, content) = self.still.files().find(|(it, _)| *it == name)?;
        Sealed::parse(content.ok()?).ok()
    }

    fn file(
        &self,
        name: &FileName,
        content: Result<&[u8], &FileError>,
        epochs: &dyn Fn(AccountKey) -> Epoch,
    ) -> Option<InspectedFile> {
        let (kind, account) = kind_of(name)?;
        let verdict = match content {
            Err(FileError::NoAccess) => Verdict::Refused,
            Err(_) => Verdict::Unreadable(UnreadableReason::Disk),
            Ok(content) => self.verdict(&kind, name, account, content, epochs),
        };
        let (size, written_at) = (content.ok().map(<[u8]>::len), self.still.written_at(name));
        Some(InspectedFile { name: name.clone(), kind, account, size, written_at, verdict })
    }

    fn verdict(
        &self,
        kind: &FileKind,
        name: &FileName,
        account: Option<AccountKey>,
        content: &[u8],
        epochs: &dyn Fn(AccountKey) -> Epoch,
    ) -> Verdict {
        let plain = match kind {
            FileKind::Install => {
                Some(record::read_plain(content, Kind::Install).and_then(|it| Install::parse(it).map(drop)))
            }
            FileKind::Epoch => Some(super::epoch::parse_epoch(content).map(drop)),
            FileKind::SetAside(aside) if aside.original == names::install() => {
                Some(record::read_plain(content, Kind::Install).map(drop))
            }
            _ => None,
        };
        if let Some(plain) = plain {
            return plain.map_or_else(Verdict::of, |()| Verdict::Whole);
        }
        let sealed = match Sealed::parse(content) {
            Ok(sealed) => sealed,
            Err(closed) => return Verdict::of(closed),
        };
        if account.is_some_and(|account| sealed.epoch < epochs(account)) && !matches!(kind, FileKind::Parked(_)) {
            return Verdict::Void;
        }
        let Ok(keys) = &self.keys else { return Verdict::SealUnchecked };
        let of = if let FileKind::SetAside(aside) = kind { &aside.original } else { name };
        match opens(&sealed, keys, of, account.unwrap_or(NO_ACCOUNT)) {
            Ok(()) => Verdict::Whole,
            // What was set aside with its whole vault was sealed by another installation, whose key is not this one.
            Err(UnreadableReason::Misplaced | UnreadableReason::WrongKey) if matches!(kind, FileKind::SetAside(aside) if aside.reason != UnreadableReason::Misplaced) => {
                Verdict::SealUnchecked
            }
            Err(reason) => Verdict::Unreadable(reason),
        }
    }
}

impl Verdict {
    fn of(closed: Closed) -> Self {
        match closed {
            Closed::TooNew(version) => Self::TooNew { version },
            Closed::Unreadable(reason) => Self::Unreadable(reason),
            Closed::Locked(LockedReason::FolderRefused) => Self::Refused,
            Closed::Locked(_) | Closed::Empty => Self::SealUnchecked,
        }
    }
}

/// Opens a record and reads its content, as whoever needs it would.
fn opens(sealed: &Sealed<'_>, keys: &Keys, name: &FileName, account: AccountKey) -> Result<(), UnreadableReason> {
    match kind_of(name).map(|(kind, _)| kind) {
        Some(FileKind::Canary) => {
            let content = sealed.open(keys, Kind::Canary, NO_ACCOUNT)?;
            Fingerprinter::of_canary(&content).map(drop).ok_or(UnreadableReason::Nonsense)
        }
        Some(FileKind::Current | FileKind::Kept | FileKind::Parked(_)) => {
            let content = sealed.open(keys, Kind::Credentials, account)?;
            let credentials = payload::decode::<GenerationV1>(&content)?.into_credentials();
            let is_it = credentials.generation.number() == sealed.generation;
            if is_it { Ok(()) } else { Err(UnreadableReason::Nonsense) }
        }
        Some(FileKind::Intent) => payload::decode::<IntentV1>(&sealed.open(keys, Kind::Intent, account)?).map(drop),
        Some(FileKind::Revocation(_)) => {
            payload::decode::<RevocationV1>(&sealed.open(keys, Kind::Revocation, NO_ACCOUNT)?).map(drop)
        }
        Some(FileKind::DeviceKey) => sealed.open(keys, Kind::DeviceKey, account).map(drop),
        Some(FileKind::Session) => sealed.open(keys, Kind::Session, account).map(drop),
        Some(FileKind::Accounts) => sealed.open(keys, Kind::Accounts, NO_ACCOUNT).map(drop),
        Some(FileKind::SignIns) => sealed.open(keys, Kind::SignIns, NO_ACCOUNT).map(drop),
        Some(FileKind::Install | FileKind::Epoch | FileKind::SetAside(_)) | None => Err(UnreadableReason::Misplaced),
    }
}

fn tokens_of(credentials: &crate::Credentials) -> InspectedTokens {
    let token = |token: &crate::StoredAccessToken| InspectedToken {
        audience: token.audience.clone(),
        received_at: token.received_at,
        expires_at: token.expires_at,
    };
    InspectedTokens {
        refresh_token: credentials.refresh_token.is_some(),
        access_tokens: credentials.access_tokens.iter().map(token).collect(),
    }
}

/// What a file is, and whose.
fn kind_of(name: &FileName) -> Option<(FileKind, Option<AccountKey>)> {
    if let Some((at, reason, original)) = names::aside_parts(name) {
        let account = names::account_of(&original);
        return Some((FileKind::SetAside(super::SetAside { at, reason, account, original }), account));
    }
    if let Some((at, account)) = names::parked_since(name) {
        return Some((FileKind::Parked(at), Some(account)));
    }
    if let Some(at) = names::revocation_time(name) {
        return Some((FileKind::Revocation(at), None));
    }
    if *name == names::install() {
        return Some((FileKind::Install, None));
    }
    if *name == names::canary() {
        return Some((FileKind::Canary, None));
    }
    if *name == names::index() {
        return Some((FileKind::Accounts, None));
    }
    if *name == names::sign_ins() {
        return Some((FileKind::SignIns, None));
    }
    let account = names::account_of(name)?;
    let kind = match Of(account).part(name)? {
        Part::Current => FileKind::Current,
        Part::Kept(_) => FileKind::Kept,
        Part::Single(Single::Intent) => FileKind::Intent,
        Part::Single(Single::Session) => FileKind::Session,
        Part::Single(Single::DeviceKey) => FileKind::DeviceKey,
        Part::Lasting if *name == Of(account).epoch() => FileKind::Epoch,
        Part::Lasting | Part::Temporary => return None,
    };
    Some((kind, Some(account)))
}
