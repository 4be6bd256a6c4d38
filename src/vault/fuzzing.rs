//! What fuzzers do to a vault's files, and what must hold whatever they do (`fuzz/`). For tests only.
//!
//! An input is a file as it stands in a vault's folder. Behind a checksum and a seal a fuzzer would get nowhere, so
//! [`Hostile::mutate`] changes what is behind them and closes the file again, with the key of the frozen vaults in
//! `tests/fixtures/vault`: these are the first inputs. [`Hostile::decode`] then reads the file in every way that there is,
//! and [`Hostile::survive`] puts it into the vault of a busy till and starts that.

use std::sync::Arc;

use futures_util::FutureExt;
use mainstay_core::{Generation, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    AccountKey, Epoch, Outcome, Revocable, Revocation, Spends, Vault, VaultError, VaultHost,
    epoch::parse_epoch,
    install::Install,
    keys::Keys,
    names::{self, Part},
    payload::{self, GenerationV1, IntentV1, RevocationV1},
    record::{self, Header, Kind, NO_ACCOUNT, Sealed},
};
use crate::{
    Credentials, Identity, Secret, StoredAccessToken,
    host::{
        FileName, SecretStore,
        memory::{MemoryLock, MemorySecretStore},
    },
    test_support::{FaultyFiles, SeededEntropy, Survivors, VirtualClock},
};

/// The installation of every frozen vault, the key that was in its key store, and what that was called.
const INSTALL: &[u8] = include_bytes!("../../tests/fixtures/vault/v1/signed-in/vault.install");
const CANARY: &[u8] = include_bytes!("../../tests/fixtures/vault/v1/signed-in/vault.canary");
const KEY: &[u8] =
    include_bytes!("../../tests/fixtures/vault/v1/signed-in/key-mainstay-vault-783825822a6f9e62da2190e828e4c9d2");
const KEY_NAME: &str = "mainstay-vault-783825822a6f9e62da2190e828e4c9d2";

/// Magic, version and algorithm: what a mutation of the header leaves alone, so that it stays one.
const FIXED: usize = 11;
/// Up to the key's name: kind, installation, account, generation and epoch.
const WHOSE: usize = 60;
const CHECKSUM: usize = 8;

const SEALED: [Kind; 8] = [
    Kind::Canary,
    Kind::Credentials,
    Kind::Intent,
    Kind::Session,
    Kind::DeviceKey,
    Kind::Revocation,
    Kind::Accounts,
    Kind::SignIns,
];

/// A vault that anything may be put into.
pub struct Hostile {
    files: FaultyFiles,
    keys: Arc<Keys>,
    /// Files that a start reads, by name; one of them is replaced.
    places: Vec<FileName>,
}

impl Hostile {
    /// A till that was signed out once, is signed in again with two generations, and has one of each file.
    ///
    /// # Errors
    /// What went wrong: the frozen vault cannot be opened.
    pub fn new() -> Result<Self, String> {
        let files = FaultyFiles::new();
        files.put(&names::install(), INSTALL.to_vec());
        files.put(&names::canary(), CANARY.to_vec());
        let vault = vault(&files)?;
        now(fill(&vault))?.map_err(said)?;
        let keys = now(vault.keys())?.map_err(|closed| format!("{closed:?}"))?;
        let mut places: Vec<_> = files.contents().into_keys().collect();
        // Space that is reserved means nothing, whatever is in it.
        places.retain(|name| names::Of(till()).part(name) != Some(Part::Temporary));
        Ok(Self { files, keys, places })
    }

    /// The files that the till has, to begin with.
    #[must_use]
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        self.files.contents().into_values().collect()
    }

    /// Lets `change` change a part of `file`, and closes the file again so that it is read up to there. `seed` says which
    /// part: the file as it is, all of it behind a right checksum, its content behind a right seal, or the header that is
    /// sealed with it.
    pub fn mutate(&self, file: &[u8], seed: u32, change: &mut dyn FnMut(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
        let open = Sealed::parse(file).ok().and_then(|sealed| {
            let content = sealed.decrypt(self.keys.opening(sealed.key_id)?).ok()?;
            Some((file.get(..WHOSE)?.to_vec(), content.to_vec()))
        });
        let body = file.get(..file.len().saturating_sub(CHECKSUM)).unwrap_or_default().to_vec();
        match (seed % 8, open) {
            (0, _) => change(file.to_vec()),
            (1, _) | (_, None) => record::finish(change(body), &[]),
            (2, Some((whose, content))) => {
                let (fixed, rest) = whose.split_at(FIXED);
                let mut changed = change(rest.to_vec());
                changed.resize(rest.len(), 0);
                self.seal([fixed, &changed].concat(), seed, &content)
            }
            (_, Some((whose, content))) => self.seal(whose, seed, &change(content)),
        }
    }

    fn seal(&self, whose: Vec<u8>, seed: u32, content: &[u8]) -> Vec<u8> {
        let mut nonce = [0; 24];
        nonce.iter_mut().zip(seed.to_be_bytes()).for_each(|(to, from)| *to = from);
        record::seal_rest(&self.keys, whose, nonce, content).unwrap_or_default()
    }

    /// Reads a file as every kind of file, for every account. What opens has one spelling only, so that nobody can change
    /// a record and leave its meaning; what it says can be written again, and says the same then.
    ///
    /// # Errors
    /// What does not hold.
    pub fn decode(&self, file: &[u8]) -> Result<(), String> {
        let _no_panic = record::read_plain(file, Kind::Install).and_then(Install::parse);
        if let Ok(epoch) = parse_epoch(file) {
            same(&record::write_plain(Kind::Epoch, &epoch.number().to_be_bytes()), file, "an epoch")?;
        }
        let Ok(sealed) = Sealed::parse(file) else { return Ok(()) };
        for kind in SEALED {
            for account in [sealed.account, till(), NO_ACCOUNT] {
                let Ok(content) = sealed.open(&self.keys, kind, account) else { continue };
                let header = Header { kind, account, generation: sealed.generation, epoch: sealed.epoch };
                let again = record::seal(&self.keys, &header, sealed.nonce, &content).map_err(said)?;
                same(&again, file, "a record")?;
                match kind {
                    Kind::Credentials => written_again::<GenerationV1>(&content)?,
                    Kind::Intent => written_again::<IntentV1>(&content)?,
                    Kind::Revocation => written_again::<RevocationV1>(&content)?,
                    Kind::Install | Kind::Epoch | Kind::Canary | Kind::Session | Kind::DeviceKey => {}
                    Kind::Accounts | Kind::SignIns | Kind::Prompt => {}
                }
            }
        }
        Ok(())
    }

    /// Puts a file in the place of one of the till's and starts it: "nobody is signed in" is said only by an epoch, a
    /// newer release's file stays as it is, and whatever else happens, a person can sign in, refresh and sign out.
    ///
    /// # Errors
    /// What does not hold.
    pub fn survive(&self, file: &[u8]) -> Result<(), String> {
        self.survive_at(self.place_of(file)?, file)
    }

    /// The same, in the place of each of the till's files in turn.
    ///
    /// # Errors
    /// As [`survive`](Hostile::survive).
    pub fn survive_everywhere(&self, file: &[u8]) -> Result<(), String> {
        self.places.iter().try_for_each(|place| self.survive_at(place, file))
    }

    fn survive_at(&self, place: &FileName, file: &[u8]) -> Result<(), String> {
        let files = self.files.reopen(Survivors::Everything);
        files.put(place, file.to_vec());
        let vault = vault(&files)?;
        now(start(&vault, &files, place, file))?.map_err(|error| format!("{}: {error}", place.as_str()))
    }

    /// The checksum's last byte chooses the place, so that one input is always the same one.
    fn place_of(&self, file: &[u8]) -> Result<&FileName, String> {
        let at = file.last().map_or(0, |byte| usize::from(*byte)) % self.places.len().max(1);
        self.places.get(at).ok_or_else(|| "the till has no files".to_owned())
    }
}

impl std::fmt::Debug for Hostile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hostile").field("places", &self.places).finish_non_exhaustive()
    }
}

/// What a start makes of it, and what a person can do then.
async fn start(vault: &Vault, files: &FaultyFiles, place: &FileName, file: &[u8]) -> Result<(), String> {
    let noted = vault.epoch(till()).await;
    let outcome = vault.load_once(till()).await;
    let _whatever = (vault.load_device_key(till()).await, vault.load_session(till()).await);
    let _whatever = (vault.due_revocations().await, vault.glance(till()).await, vault.residents().await);
    match &outcome {
        Outcome::Value(_) => {}
        // By a file that says so and needs no key, or by a record that is void.
        Outcome::Empty if parse_epoch(file).is_ok() || Sealed::parse(file).is_ok() => {}
        Outcome::Unreadable(reason) => {
            let moved = vault.set_aside(till(), *reason).await;
            moved.map_err(|error| format!("set aside, as {reason}: {error}"))?;
        }
        Outcome::TooNew { .. } => {
            let _refused = vault.first_save(till(), &credentials(1), Epoch::default()).await;
            let _refused = vault.set_aside(till(), super::UnreadableReason::Damaged).await;
            let _refused = (vault.reseal().await, vault.sign_out(till()).await);
            let there = files.contents().get(place).is_some_and(|there| there == file);
            return if there { Ok(()) } else { Err("a newer release's file is gone".to_owned()) };
        }
        outcome => return Err(format!("{outcome:?}")),
    }
    let base = match (outcome, noted) {
        (Outcome::Value(stored), _) => stored.epoch,
        (_, noted) => noted.map_err(|error| format!("epoch: {error}"))?,
    };
    let number = vault.first_save(till(), &credentials(1), base).await.map_err(|error| format!("sign-in: {error}"))?;
    let guard = vault.lock_account(till()).await.map_err(|error| format!("lock: {error}"))?;
    let rotation =
        vault.begin_rotation(guard, number, Spends::RefreshToken).await.map_err(|error| format!("intent: {error}"))?;
    vault.commit(&rotation, &credentials(1)).await.map_err(|error| format!("refresh: {error}"))?;
    let next = rotation.next();
    drop(rotation);
    match vault.load_once(till()).await {
        Outcome::Value(stored) if stored.credentials.generation == next => {}
        outcome => return Err(format!("after a sign-in: {outcome:?}")),
    }
    vault.sign_out(till()).await.map_err(|error| format!("sign-out: {error}"))?;
    match vault.load_once(till()).await {
        Outcome::Empty => Ok(()),
        outcome => Err(format!("after a sign-out: {outcome:?}")),
    }
}

/// A process that was just started, and a key store that has nothing but the frozen vaults' key.
fn vault(files: &FaultyFiles) -> Result<Vault, String> {
    let keyring = MemorySecretStore::new();
    now(keyring.store(KEY_NAME, Secret::new(KEY.to_vec())))?.map_err(said)?;
    Ok(Vault::new(VaultHost {
        files: Arc::new(files.clone()),
        secrets: Arc::new(keyring),
        lock: Arc::new(MemoryLock::new()),
        clock: Arc::new(VirtualClock::default()),
        entropy: Arc::new(SeededEntropy::new(7)),
    }))
}

async fn fill(vault: &Vault) -> Result<(), VaultError> {
    vault.first_save(till(), &credentials(1), Epoch::default()).await?;
    let epoch = vault.sign_out(till()).await?;
    vault.first_save(till(), &credentials(1), epoch).await?;
    vault.first_save(till(), &credentials(2), epoch).await?;
    vault.save_session(till(), epoch, b"state").await?;
    vault.store_device_key(till(), epoch, &Secret::from_text("device"), "key-1").await?;
    let (issuer, token) = ("https://login.example".to_owned(), Secret::from_text("spent"));
    vault.queue_revocation(&Revocation { what: Revocable::RefreshToken, issuer, endpoint: None, token }).await?;
    let guard = vault.lock_account(till()).await?;
    drop(vault.begin_rotation(guard, Generation::FIRST.next(), Spends::RefreshToken).await?);
    Ok(())
}

fn till() -> AccountKey {
    AccountKey::from_name("till")
}

fn credentials(number: u64) -> Credentials {
    Credentials {
        generation: Generation::new(number).unwrap_or(Generation::FIRST),
        identity: Identity { issuer: "https://login.example".to_owned(), subject: None, tenant: Vec::new() },
        access_tokens: vec![StoredAccessToken {
            token: Secret::from_text("access"),
            token_type: "Bearer".to_owned(),
            audience: None,
            scopes: Vec::new(),
            received_at: Timestamp::from_millis(1000),
            expires_at: Timestamp::from_millis(901_000),
        }],
        refresh_token: Some(Secret::from_text("refresh")),
        dpop_key: None,
    }
}

/// Nothing in here ever waits: files, locks and keys are in memory.
fn now<T>(future: impl Future<Output = T>) -> Result<T, String> {
    future.now_or_never().ok_or_else(|| "it waits".to_owned())
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn same(again: &[u8], file: &[u8], what: &str) -> Result<(), String> {
    if again == file { Ok(()) } else { Err(format!("{what} has another spelling: {file:02x?}")) }
}

/// What was read, if it could be, is written again and read again, and is the same.
fn written_again<T: Serialize + DeserializeOwned>(content: &[u8]) -> Result<(), String> {
    let Ok(read) = payload::decode::<T>(content) else { return Ok(()) };
    let written = match payload::encode(&read) {
        Err(VaultError::TooLarge) => return Ok(()),
        written => written.map_err(said)?,
    };
    let again: T = payload::decode(&written).map_err(said)?;
    let again = payload::encode(&again).map_err(said)?;
    if *again == *written { Ok(()) } else { Err("what was written is not what was read".to_owned()) }
}
