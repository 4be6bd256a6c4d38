//! What of an account can be read, before anybody decides what it means.

use std::{cmp::Reverse, sync::Arc};

use mainstay_core::Generation;

use super::{
    AccountKey, Damage, Epoch, UnreadableReason, Vault, VaultError,
    install::Install,
    keys::Keys,
    names::{self, Of, Part},
    outcome::Closed,
    payload::{self, GenerationV1, Repeated},
    reading::{ATTEMPTS, Opened, Reading},
    record::Kind,
};
use crate::{Credentials, host::FileName};

/// An account's generations as they are on disk.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) epoch: Epoch,
    /// Whole, authentic and of this epoch; the newest first.
    pub(super) generations: Vec<Book>,
    /// Written before the last sign-out.
    pub(super) void: bool,
    /// Files that cannot be read.
    pub(super) damaged: Vec<Damage>,
    /// What the next generation repeats.
    pub(super) repeated: Repeated,
}

/// One generation, opened.
pub(super) struct Book {
    pub(super) name: FileName,
    /// Bytes that its file takes.
    pub(super) size: usize,
    pub(super) epoch: Epoch,
    pub(super) credentials: Credentials,
    pub(super) kept: Vec<Generation>,
    repeated: Repeated,
}

impl Shelf {
    /// The newest generation, if there is one; else why not.
    pub(super) fn newest(&self) -> Result<&Book, Closed> {
        match (self.generations.first(), self.damaged.first()) {
            (Some(book), _) => Ok(book),
            (None, Some(damage)) => Err(damage.reason.into()),
            (None, None) => Err(Closed::Empty),
        }
    }

    /// The number of the newest generation; `None` if nothing is there.
    pub(super) fn current(&self) -> Result<Option<Generation>, Closed> {
        match self.newest() {
            Ok(book) => Ok(Some(book.credentials.generation)),
            Err(Closed::Empty) => Ok(None),
            Err(closed) => Err(closed),
        }
    }

    /// As [`VaultError::Superseded`] tells it.
    pub(super) fn superseded(&self) -> VaultError {
        VaultError::Superseded { current: self.generations.first().map(|book| book.credentials.generation) }
    }

    /// The newest first. A record of a later epoch than the epoch's own file proves that the file was lost.
    fn arrange(&mut self) {
        self.epoch = self.generations.iter().map(|book| book.epoch).fold(self.epoch, Epoch::max);
        self.generations.retain(|book| book.epoch == self.epoch);
        self.generations.sort_by_key(|book| Reverse(book.credentials.generation));
        self.generations.dedup_by_key(|book| book.credentials.generation);
        self.repeated = self.generations.first().map(|book| book.repeated.clone()).unwrap_or_default();
    }

    fn is_blank(&self) -> bool {
        self.generations.is_empty() && self.damaged.is_empty()
    }
}

impl Vault {
    /// Reads an account. Takes no lock: a writer leaves the current or an older generation in place at every moment.
    /// Only "nothing there" is looked at twice, the second time while nobody writes.
    pub(super) async fn shelf(&self, account: AccountKey) -> Result<Shelf, Closed> {
        self.shelf_and_more(account, &[]).await.map(|(shelf, _)| shelf)
    }

    /// The same, and reads `more` ahead.
    pub(super) async fn shelf_and_more(
        &self,
        account: AccountKey,
        more: &[FileName],
    ) -> Result<(Shelf, Reading<'_>), Closed> {
        let (shelf, reading) = self.shelf_and_more_unlocked(account, more).await?;
        if !shelf.is_blank() || shelf.void {
            return Ok((shelf, reading));
        }
        if self.install().await == Err(Closed::Empty) {
            // Never born, unless only a part of it was set aside or restored yet.
            let remnant = self.disk.read(&names::canary()).await?;
            return if remnant.is_none() { Ok((shelf, reading)) } else { Err(UnreadableReason::InstallMissing.into()) };
        }
        // A writer that does not let go was stopped, and moves nothing while we look.
        let _held = self.files_lock_soon(account).await;
        self.shelf_and_more_unlocked(account, more).await
    }

    /// Reads an account, as whoever holds its files lock may.
    pub(super) async fn shelf_unlocked(&self, account: AccountKey) -> Result<Shelf, Closed> {
        self.shelf_and_more_unlocked(account, &[]).await.map(|(shelf, _)| shelf)
    }

    async fn shelf_and_more_unlocked(
        &self,
        account: AccountKey,
        more: &[FileName],
    ) -> Result<(Shelf, Reading<'_>), Closed> {
        let own = [Of(account).epoch(), Of(account).current()];
        let mut reading = self.read_ahead(account, own.into_iter().chain(more.iter().cloned())).await;
        let epoch = self.read_epoch_of(&mut reading).await?;
        let mut shelf = Shelf::default();
        for _ in 0..ATTEMPTS {
            shelf = Shelf { epoch, ..Shelf::default() };
            self.put_current(&mut shelf, &mut reading).await?;
            if shelf.generations.is_empty() && !shelf.void {
                self.put_kept(&mut shelf, &mut reading).await?;
            }
            if !shelf.is_blank() || shelf.void {
                break;
            }
        }
        shelf.arrange();
        Ok((shelf, reading))
    }

    /// The current generation and those that it says are kept.
    async fn put_current(&self, shelf: &mut Shelf, reading: &mut Reading<'_>) -> Result<(), Closed> {
        let files = Of(reading.account);
        self.put(shelf, reading, files.current()).await?;
        for generation in shelf.generations.first().map(|book| book.kept.clone()).unwrap_or_default() {
            self.put(shelf, reading, files.kept(generation)).await?;
        }
        Ok(())
    }

    /// Whatever older generation there is.
    async fn put_kept(&self, shelf: &mut Shelf, reading: &mut Reading<'_>) -> Result<(), Closed> {
        let files = Of(reading.account);
        let names = self.disk.files.list().await?;
        // The newest first, as they are dropped the oldest first: one that is gone tells that the older ones are too.
        for name in names.into_iter().rev().filter(|name| matches!(files.part(name), Some(Part::Kept(_)))) {
            self.put(shelf, reading, name).await?;
        }
        Ok(())
    }

    /// Opens one file, if it is there, onto the shelf.
    async fn put(&self, shelf: &mut Shelf, reading: &mut Reading<'_>, name: FileName) -> Result<(), Closed> {
        let book = match reading.open(&name, Kind::Credentials).await {
            Ok(None) => return Ok(()),
            Ok(Some(opened)) => Book::of(name.clone(), opened),
            Err(closed) => Err(closed),
        };
        match book {
            Ok(book) if book.epoch >= shelf.epoch => shelf.generations.push(book),
            Ok(_before_sign_out) => shelf.void = true,
            Err(Closed::Unreadable(reason)) => shelf.damaged.push(Damage { file: name, reason }),
            Err(closed) => return Err(closed),
        }
        Ok(())
    }

    /// The keys, where a record is there that needs them: a vault that was never born is then one that lost a file.
    pub(super) async fn keys_for_records(&self) -> Result<Arc<Keys>, Closed> {
        match self.keys().await {
            Err(Closed::Empty) => self.keys_for_records_of(self.install().await).await,
            keys => keys,
        }
    }

    /// The same, for whoever knows what the file of the installation says.
    pub(super) async fn keys_for_records_of(&self, install: Result<Install, Closed>) -> Result<Arc<Keys>, Closed> {
        let install = match install {
            Err(Closed::Empty) => return Err(UnreadableReason::InstallMissing.into()),
            install => install?,
        };
        match self.keys_of(install).await {
            Err(Closed::Empty) => Err(UnreadableReason::KeyMissing.into()),
            keys => keys,
        }
    }
}

impl Book {
    fn of(name: FileName, opened: Opened) -> Result<Self, Closed> {
        let Opened { generation, epoch, size, content } = opened;
        let payload: GenerationV1 = payload::decode(&content)?;
        let (kept, repeated) = (payload.kept.clone(), payload.repeated());
        let credentials = payload.into_credentials();
        if credentials.generation.number() != generation {
            return Err(UnreadableReason::Nonsense.into());
        }
        Ok(Self { name, size, epoch, credentials, kept, repeated })
    }
}
