//! Storing generations.

use mainstay_core::Generation;

use super::{
    AccountKey, Epoch, Vault, VaultError,
    names::{self, Of, Part, Single},
    outcome::Closed,
    payload::{self, GenerationV1},
    reading::Reading,
    record::{self, Header, Kind, Sealed},
    shelf::Shelf,
};
use crate::{
    Credentials, Secret,
    host::{FileError, FileName},
};

/// How many older generations are kept when nobody says which of them were superseded.
const KEPT: usize = 3;

impl Vault {
    /// Stores what a person's sign-in brought, and returns the number it got: one more than what is
    /// there, and at least the one it has. What was there is kept until the new generation was accepted.
    ///
    /// `base` is the epoch when the sign-in began.
    ///
    /// # Errors
    /// [`VaultError::SignedOut`] if the account was signed out since. On every error what was there is still there.
    pub async fn first_save(
        &self,
        account: AccountKey,
        credentials: &Credentials,
        base: Epoch,
    ) -> Result<Generation, VaultError> {
        self.import(account, credentials, base, &[]).await
    }

    /// The same for an import. `tokens` are those that it came with; [`Stored::imported`](super::Stored::imported) knows
    /// them from then on, in the same step.
    ///
    /// # Errors
    /// As [`first_save`](Vault::first_save).
    pub async fn import(
        &self,
        account: AccountKey,
        credentials: &Credentials,
        base: Epoch,
        tokens: &[Secret],
    ) -> Result<Generation, VaultError> {
        let keys = self.keys_or_birth().await?;
        self.clear_void(account).await?;
        let _held = self.files_lock(account).await?;
        let mut shelf = self.shelf_unlocked(account).await?;
        shelf.repeated.imported.extend(tokens.iter().map(|token| keys.fingerprinter.fingerprint(token).0));
        if shelf.epoch > base {
            return Err(VaultError::SignedOut);
        }
        let generation = match shelf.current()? {
            Some(current) => current.next().max(credentials.generation),
            None => credentials.generation,
        };
        let fresh = self.disk.fresh_name(&Of(account).current());
        self.place(account, &shelf, base, generation, credentials, &fresh).await?;
        Ok(generation)
    }

    /// Destroys older generations, now that `accepted` was.
    ///
    /// # Errors
    /// [`VaultError::Superseded`] if `accepted` is not stored: nothing is destroyed then.
    pub async fn drop_superseded(&self, account: AccountKey, accepted: Generation) -> Result<(), VaultError> {
        let _held = self.files_lock(account).await?;
        let shelf = self.shelf_unlocked(account).await?;
        if shelf.current()?.is_none_or(|current| current < accepted) {
            return Err(shelf.superseded());
        }
        let older = |name: &FileName| matches!(Of(account).part(name), Some(Part::Kept(it)) if it < accepted);
        let names: Vec<_> = self.disk.files.list().await?.into_iter().filter(older).collect();
        Ok(self.disk.remove(&names).await?)
    }

    /// Writes a generation and makes it the current one. The caller holds the files lock.
    ///
    /// The old one moves aside to be kept, then the new one moves in; between the two, readers find the kept one.
    pub(super) async fn place(
        &self,
        account: AccountKey,
        shelf: &Shelf,
        epoch: Epoch,
        generation: Generation,
        credentials: &Credentials,
        reserved: &FileName,
    ) -> Result<(), VaultError> {
        let mut kept: Vec<_> = shelf.generations.iter().map(|book| book.credentials.generation).collect();
        let too_many = kept.split_off(kept.len().min(KEPT));
        let content = payload::encode(&GenerationV1::new(credentials, generation, kept, shelf.repeated.clone()))?;
        let header = Header { kind: Kind::Credentials, account, generation: generation.number(), epoch };
        let keys = self.keys_for_records().await?;
        let file = record::seal(&keys, &header, self.disk.draw_bytes(), &content)?;

        self.fill(reserved, file).await?;
        self.disk.files.sync(reserved).await?;
        self.make_room(account, shelf).await?;
        let current = Of(account).current();
        self.disk.files.rename_durably(reserved, &current).await?;

        self.confirm(account, epoch, &current).await?;
        for generation in too_many {
            self.disk.discard(&Of(account).kept(generation)).await;
        }
        // Its generation is no longer current, which already makes it void.
        self.disk.discard(&Of(account).single(Single::Intent)).await;
        Ok(())
    }

    /// Fills the reserved file, or one that is new because nothing was reserved or a sign-out swept it away.
    async fn fill(&self, reserved: &FileName, file: Vec<u8>) -> Result<(), FileError> {
        match self.disk.files.overwrite(reserved, file.clone()).await {
            Err(FileError::Missing) => self.disk.files.create(reserved, file).await,
            done => done,
        }
    }

    /// Moves what is in the place of the current generation: a whole one is kept, a damaged one set aside.
    async fn make_room(&self, account: AccountKey, shelf: &Shelf) -> Result<(), VaultError> {
        let current = Of(account).current();
        let whole = shelf.generations.iter().find(|book| book.name == current);
        let damaged = shelf.damaged.iter().find(|damage| damage.file == current);
        let elsewhere = match (whole, damaged) {
            (Some(book), _) => Of(account).kept(book.credentials.generation),
            (None, Some(damage)) => names::aside(self.wall_millis(), damage.reason, &current),
            (None, None) => return Ok(()),
        };
        Ok(self.disk.files.rename(&current, &elsewhere).await?)
    }

    /// Finishes a sign-out that was cut short, so that nothing void is taken for a generation to be kept.
    async fn clear_void(&self, account: AccountKey) -> Result<(), VaultError> {
        let shelf = self.shelf(account).await?;
        if shelf.void { self.destroy_void(account, shelf.epoch).await } else { Ok(()) }
    }

    /// Seals and puts in place a record that an account has one of.
    pub(super) async fn save_record(
        &self,
        account: AccountKey,
        single: Single,
        epoch: Epoch,
        content: &[u8],
    ) -> Result<(), VaultError> {
        self.keys_or_birth().await?;
        let _held = self.files_lock(account).await?;
        // Asked for under the lock: the vault may have been sealed anew meanwhile.
        let name = Of(account).single(single);
        let mut reading = self.read_ahead(account, [Of(account).epoch(), name.clone()]).await;
        let keys = reading.keys().await?;
        let header = Header { kind: single.kind(), account, generation: 0, epoch };
        let file = record::seal(&keys, &header, self.disk.draw_bytes(), content)?;
        self.refuse_replacing(&mut reading, &name, epoch).await?;
        self.disk.replace(&name, file).await?;
        self.confirm(account, epoch, &name).await
    }

    /// Whether a record of `epoch` may take the place of what is there. The caller holds the files lock.
    pub(super) async fn refuse_replacing(
        &self,
        reading: &mut Reading<'_>,
        name: &FileName,
        epoch: Epoch,
    ) -> Result<(), VaultError> {
        if self.read_epoch_of(reading).await? > epoch {
            return Err(VaultError::SignedOut);
        }
        match reading.read(name).await? {
            Some(there) => refuse_too_new(&there),
            None => Ok(()),
        }
    }
}

/// A newer release's file is never replaced.
pub(super) fn refuse_too_new(file: &[u8]) -> Result<(), VaultError> {
    match Sealed::parse(file) {
        Err(too_new @ Closed::TooNew(_)) => Err(too_new.into()),
        _ => Ok(()),
    }
}

impl Shelf {
    /// Why a generation that should be there cannot be worked with.
    pub(super) fn refuse_unless_current(&self, generation: Generation) -> Result<(), VaultError> {
        match self.current()? {
            Some(current) if current == generation => Ok(()),
            _ => Err(self.superseded()),
        }
    }
}
