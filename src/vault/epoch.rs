//! Sign-out: an epoch that is raised without key or lock, and what is then destroyed.

use std::slice;

use super::{
    AccountKey, Epoch, UnreadableReason, Vault, VaultError,
    names::{self, Of, Part, Single},
    outcome::Closed,
    reading::Reading,
    record::{self, Kind, Sealed},
};
use crate::host::FileName;

impl Vault {
    /// The account's epoch: how often it was signed out here. Needs no key.
    ///
    /// # Errors
    /// [`VaultError::TooNew`] and the file system's errors. A damaged epoch file is no error: the epoch is then that of
    /// the newest record.
    pub async fn epoch(&self, account: AccountKey) -> Result<Epoch, VaultError> {
        Ok(self.read_epoch(account).await?)
    }

    /// Signs the account out, durably and at once: raises its epoch, then destroys its credentials, session, intent,
    /// device key and what of it was set aside. Its newest refresh token goes to the revocation queue.
    ///
    /// Works while the vault is locked, and never waits for a rotation. What cannot be destroyed at once is void all
    /// the same, and is destroyed when the account is next loaded.
    ///
    /// # Errors
    /// Only if the epoch could not be raised: the account is then still signed in.
    pub async fn sign_out(&self, account: AccountKey) -> Result<Epoch, VaultError> {
        let epoch = self.read_epoch(account).await?.max(self.latest_epoch(account).await).next();
        let content = record::write_plain(Kind::Epoch, &epoch.number().to_be_bytes());
        self.disk.replace(&Of(account).epoch(), content).await?;
        if let Err(error) = self.destroy_void(account, epoch).await {
            tracing::warn!(name: "vault.sign_out.leftover", %account, %error);
        }
        Ok(epoch)
    }

    /// The epoch, or that of the current record if the file was lost or damaged: it never goes back.
    pub(super) async fn read_epoch(&self, account: AccountKey) -> Result<Epoch, Closed> {
        let file = self.disk.read(&Of(account).epoch()).await?;
        self.epoch_noted(account, file).await
    }

    /// The same, where it may have been read ahead.
    pub(super) async fn read_epoch_of(&self, reading: &mut Reading<'_>) -> Result<Epoch, Closed> {
        let file = reading.read(&Of(reading.account).epoch()).await?;
        self.epoch_noted(reading.account, file).await
    }

    async fn epoch_noted(&self, account: AccountKey, file: Option<Vec<u8>>) -> Result<Epoch, Closed> {
        let noted = match file {
            None => Ok(Epoch::default()),
            Some(file) => parse_epoch(&file),
        };
        match noted {
            Err(Closed::Unreadable(_)) => self.epoch_of_current(account).await,
            noted => noted,
        }
    }

    async fn epoch_of_current(&self, account: AccountKey) -> Result<Epoch, Closed> {
        let current = self.disk.read(&Of(account).current()).await?;
        let epoch = current.as_deref().and_then(|file| Sealed::parse(file).ok()).map(|record| record.epoch);
        Ok(epoch.unwrap_or_default())
    }

    /// The latest epoch that a file of the account says it is of, proven or not: none of them may outlive a sign-out.
    async fn latest_epoch(&self, account: AccountKey) -> Epoch {
        let mut latest = Epoch::default();
        let names = self.disk.files.list().await.unwrap_or_default();
        for name in names.iter().filter(|name| belongs(account, name)) {
            let file = self.disk.read(name).await.ok().flatten();
            let epoch = file.as_deref().and_then(|file| Sealed::parse(file).ok()).map(|record| record.epoch);
            latest = latest.max(epoch.unwrap_or_default());
        }
        latest
    }

    /// Destroys what was written before `epoch`, except for one refresh token that is still to be revoked.
    pub(super) async fn destroy_void(&self, account: AccountKey, epoch: Epoch) -> Result<(), VaultError> {
        let Some(_held) = self.files_lock_soon(account).await else {
            tracing::info!(name: "vault.sign_out.busy", %account);
            return Ok(());
        };
        let names = self.disk.files.list().await?;
        let mut outcome = Ok(());
        // The credentials go last, as whoever finds void ones finishes this; and what they owe is queued while an intent still
        // tells whether the refresh token may have been spent.
        let rank = |name: &&FileName| match Of(account).part(name) {
            Some(Part::Current) => 1,
            Some(Part::Single(Single::Intent)) => 2,
            _ => 0,
        };
        let mut doomed: Vec<_> = names.iter().filter(|name| belongs(account, name)).collect();
        doomed.sort_by_key(rank);
        for name in doomed {
            if rank(&name) == 2 {
                outcome = outcome.and(self.settle_parked().await.map(drop));
            }
            outcome = outcome.and(self.destroy_if_void(account, epoch, name).await);
        }
        self.disk.files.sync_folder().await?;
        outcome.and(self.settle_parked().await.map(drop))
    }

    async fn destroy_if_void(&self, account: AccountKey, epoch: Epoch, name: &FileName) -> Result<(), VaultError> {
        let Some(file) = self.disk.read(name).await.unwrap_or_default() else {
            return Ok(self.disk.files.remove(name).await?);
        };
        match Sealed::parse(&file) {
            // A newer release's file is not ours to remove; by its own epoch it is void there too.
            Err(Closed::TooNew(_)) => Ok(()),
            Ok(record) if record.epoch >= epoch => Ok(()),
            Ok(_) if Of(account).part(name) == Some(Part::Current) => {
                let parked = names::parked(self.wall_millis(), account, self.disk.draw());
                Ok(self.disk.files.rename(name, &parked).await?)
            }
            _ => Ok(self.disk.files.remove(name).await?),
        }
    }

    /// Takes back what was just written, if the account was signed out while it was written.
    pub(super) async fn confirm(
        &self,
        account: AccountKey,
        epoch: Epoch,
        written: &FileName,
    ) -> Result<(), VaultError> {
        if self.read_epoch(account).await? <= epoch {
            return Ok(());
        }
        self.disk.remove(slice::from_ref(written)).await?;
        Err(VaultError::SignedOut)
    }
}

/// Whether a file of the account is one that a sign-out destroys.
fn belongs(account: AccountKey, name: &FileName) -> bool {
    let original = names::aside_parts(name).map(|(_, _, original)| original);
    let part = Of(account).part(original.as_ref().unwrap_or(name));
    part.is_some_and(|part| part != Part::Lasting)
}

/// The content of an epoch's file.
pub(super) fn parse_epoch(file: &[u8]) -> Result<Epoch, Closed> {
    let number = record::read_plain(file, Kind::Epoch)?;
    let nonsense = Closed::Unreadable(UnreadableReason::Nonsense);
    let number = number.try_into().map_err(|_length| nonsense)?;
    Some(Epoch::new(u64::from_be_bytes(number))).filter(|epoch| *epoch <= Epoch::LAST).ok_or(nonsense)
}
