//! A refresh, journaled: prepare, spend, store.

use futures_util::future::join;
use mainstay_core::Generation;

use super::{
    AccountKey, Epoch, Fingerprint, Vault, VaultError,
    names::{Of, Part, Single},
    payload::{self, IntentV1},
    record::{self, Header, Kind},
    shelf::Shelf,
};
use crate::{
    Credentials,
    host::{FileName, Held},
};

/// The least that is reserved for the next generation, in bytes. Twice the present one if that is more.
const RESERVE: usize = 16 * 1024;

/// The credential's lock: whoever has it is the only one, in any process, that may refresh this account.
pub struct AccountGuard {
    account: AccountKey,
    _held: Box<dyn Held>,
}

impl AccountGuard {
    /// The account that is locked.
    #[must_use]
    pub fn account(&self) -> AccountKey {
        self.account
    }
}

impl std::fmt::Debug for AccountGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AccountGuard").field(&self.account).finish()
    }
}

/// What a rotation uses up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spends {
    /// The refresh token: an intent is written first, and found after a crash.
    RefreshToken,
    /// Nothing that is stored, for example a signed assertion.
    Nothing,
}

/// A rotation under way. Holds the credential's lock.
///
/// Dropped without [`commit`](Vault::commit) or [`abandon`](Vault::abandon), it releases the lock and leaves its intent:
/// nobody knows then whether the refresh token was spent.
pub struct Rotation {
    guard: AccountGuard,
    credentials: Credentials,
    fingerprint: Option<Fingerprint>,
    epoch: Epoch,
    reserved: FileName,
    enrolled_as: Option<String>,
}

impl Rotation {
    /// The generation that is being replaced, as it is on disk: the refresh token to send is the one in here.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The fingerprint of the refresh token that is being spent.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }

    /// What the server calls the account's device key, if it has one.
    #[must_use]
    pub fn enrolled_as(&self) -> Option<&str> {
        self.enrolled_as.as_deref()
    }

    /// The number that the next generation gets.
    #[must_use]
    pub fn next(&self) -> Generation {
        self.credentials.generation.next()
    }
}

impl std::fmt::Debug for Rotation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Rotation");
        debug.field("account", &self.guard.account).field("replaces", &self.credentials.generation);
        debug.field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl Vault {
    /// Waits for the credential's lock. Whoever gets it reads the account again before doing anything.
    ///
    /// # Errors
    /// [`VaultError::Lock`]: nobody refreshes without the lock.
    pub async fn lock_account(&self, account: AccountKey) -> Result<AccountGuard, VaultError> {
        let held = self.lock.acquire(&Of(account).rotation_lock()).await?;
        Ok(AccountGuard { account, _held: held })
    }

    /// Prepares for replacing `generation`: reserves the next record's space and writes the intent, both durably.
    /// Only after this may a refresh token be sent.
    ///
    /// # Errors
    /// [`VaultError::Files`] with [`NoSpace`](crate::host::FileError::NoSpace) while nothing is spent yet.
    /// [`VaultError::Superseded`] if `generation` is not the current one: adopt that. The lock is released.
    pub async fn begin_rotation(
        &self,
        guard: AccountGuard,
        generation: Generation,
        spends: Spends,
    ) -> Result<Rotation, VaultError> {
        let account = guard.account;
        let _held = self.files_lock(account).await?;
        let shelf = self.shelf_unlocked(account).await?;
        let newest = shelf.newest()?;
        if newest.credentials.generation != generation {
            return Err(shelf.superseded());
        }
        self.sweep(account).await?;
        let size = newest.size.saturating_mul(2).clamp(RESERVE, record::LIMIT);
        let spent = newest.credentials.refresh_token.as_ref().filter(|_| spends == Spends::RefreshToken);
        let (reserved, fingerprint) = match spent {
            Some(token) => {
                let fingerprint = self.keys_for_records().await?.fingerprinter.fingerprint(token);
                (self.reserve_and_intend(account, &shelf, size, generation, fingerprint).await?, Some(fingerprint))
            }
            None => (self.disk.reserve(&Of(account).current(), size).await?, None),
        };
        let credentials = newest.credentials.clone();
        let enrolled_as = shelf.repeated.enrolled_as;
        Ok(Rotation { guard, credentials, fingerprint, epoch: shelf.epoch, reserved, enrolled_as })
    }

    /// Stores what a rotation brought as the current generation, numbered [`Rotation::next`]. Only after this may its
    /// access token be handed out. The one replaced is kept until [`drop_superseded`](Vault::drop_superseded).
    ///
    /// # Errors
    /// [`VaultError::SignedOut`] and [`VaultError::Superseded`]: the new tokens lost; queue them for revocation.
    /// Anything else: keep the rotation, hand the token out as *unsaved* and try this call again.
    pub async fn commit(&self, rotation: &Rotation, credentials: &Credentials) -> Result<(), VaultError> {
        let account = rotation.guard.account;
        let _held = self.files_lock(account).await?;
        let shelf = self.shelf_unlocked(account).await?;
        if shelf.epoch > rotation.epoch {
            return Err(VaultError::SignedOut);
        }
        if holds(&shelf, rotation.next(), credentials) {
            return Ok(self.disk.files.sync_folder().await?);
        }
        shelf.refuse_unless_current(rotation.credentials.generation)?;
        self.place(account, &shelf, rotation.epoch, rotation.next(), credentials, &rotation.reserved).await
    }

    /// Gives a rotation up whose refresh token was certainly not spent, for example because no request ever left.
    ///
    /// # Errors
    /// The file system's. The intent may then still be there; it costs one early try of the same token after a restart.
    pub async fn abandon(&self, rotation: Rotation) -> Result<(), VaultError> {
        let account = rotation.guard.account;
        let _held = self.files_lock(account).await?;
        Ok(self.disk.remove(&[Of(account).single(Single::Intent), rotation.reserved.clone()]).await?)
    }

    /// Reserves space and writes the intent. Both wait for the disk at the same time, and for the folder once.
    async fn reserve_and_intend(
        &self,
        account: AccountKey,
        shelf: &Shelf,
        size: usize,
        generation: Generation,
        fingerprint: Fingerprint,
    ) -> Result<FileName, VaultError> {
        let (name, current) = (Of(account).single(Single::Intent), Of(account).current());
        let mut reading = self.read_ahead(account, [Of(account).epoch(), name.clone()]).await;
        self.refuse_replacing(&mut reading, &name, shelf.epoch).await?;
        let content = payload::encode(&IntentV1 { generation, fingerprint: fingerprint.0 })?;
        let header = Header { kind: Kind::Intent, account, generation: generation.number(), epoch: shelf.epoch };
        let keys = reading.keys().await?;
        let intent = record::seal(&keys, &header, self.disk.draw_bytes(), &content)?;

        let both = join(self.disk.reserve(&current, size), self.disk.prepare(&name, intent));
        let (reserved, intent) = match both.await {
            (Ok(reserved), Ok(intent)) => (reserved, intent),
            (Ok(left), Err(error)) | (Err(error), Ok(left)) => {
                self.disk.discard(&left).await;
                return Err(error.into());
            }
            (Err(error), Err(_same)) => return Err(error.into()),
        };
        let placed = async {
            self.disk.put(&intent, &name).await?;
            self.confirm(account, shelf.epoch, &name).await
        };
        if let Err(error) = placed.await {
            self.disk.discard(&reserved).await;
            return Err(error);
        }
        Ok(reserved)
    }

    /// Removes what somebody left who died while writing. The caller holds both locks, so nobody is writing now.
    async fn sweep(&self, account: AccountKey) -> Result<(), VaultError> {
        for name in self.disk.files.list().await? {
            if Of(account).part(&name) == Some(Part::Temporary) {
                self.disk.discard(&name).await;
            }
        }
        Ok(())
    }
}

/// Whether an earlier try of the same commit got as far as putting it in place.
fn holds(shelf: &Shelf, generation: Generation, credentials: &Credentials) -> bool {
    shelf.generations.first().is_some_and(|book| {
        let there = &book.credentials;
        let tokens = |it: &Credentials| it.access_tokens.iter().map(|token| token.token.clone()).collect::<Vec<_>>();
        there.generation == generation
            && there.refresh_token == credentials.refresh_token
            && tokens(there) == tokens(credentials)
    })
}
