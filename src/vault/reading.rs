//! Reading what belongs together with one question to the disk, and opening it with the key of its time.
//!
//! Readers take no lock. A re-seal that runs meanwhile changes the key under them: what they have read may be sealed with
//! one that is gone by the time they ask for it. So what speaks of a wrong key is looked at again before it is believed.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{
    AccountKey, Epoch, Vault,
    install::Install,
    keys::Keys,
    names,
    outcome::Closed,
    record::{self, Kind, Sealed},
};
use crate::host::{FileError, FileName};

/// How often reading starts again when somebody else is replacing files meanwhile.
pub(super) const ATTEMPTS: u8 = 3;

/// What was in a file, if it is there.
type Found = Result<Option<Vec<u8>>, FileError>;

/// Files that were read ahead, and the keys that open them.
pub(super) struct Reading<'a> {
    vault: &'a Vault,
    pub(super) account: AccountKey,
    /// What nobody asked for yet. Each is handed out once: whoever asks again wants to know what is there now.
    ahead: Vec<(FileName, Found)>,
    keys: Option<Arc<Keys>>,
}

/// A record, opened.
pub(super) struct Opened {
    pub(super) generation: u64,
    pub(super) epoch: Epoch,
    /// Bytes that its file takes.
    pub(super) size: usize,
    pub(super) content: Zeroizing<Vec<u8>>,
}

impl Vault {
    /// Reads these files in this order, and last which installation this is: its keys are then never older than the records.
    pub(super) async fn read_ahead(
        &self,
        account: AccountKey,
        names: impl IntoIterator<Item = FileName>,
    ) -> Reading<'_> {
        let names: Vec<_> = names.into_iter().chain([names::install()]).collect();
        let found = self.disk.files.read_each(&names, record::LIMIT).await;
        Reading { vault: self, account, ahead: names.into_iter().zip(found).collect(), keys: None }
    }

    /// Reads and opens one file.
    pub(super) async fn open_record(
        &self,
        account: AccountKey,
        name: &FileName,
        kind: Kind,
    ) -> Result<Option<Opened>, Closed> {
        self.read_ahead(account, [name.clone()]).await.open(name, kind).await
    }

    /// What the file of the installation says now, if `found` may be due to what it said before: to `install`.
    ///
    /// While that file stays the same, the old key goes only after the last record was sealed with the new one. So whoever
    /// asked for the keys first, and then read the record, has found what is true of it.
    pub(super) async fn moved_since<T>(
        &self,
        install: &Result<Install, Closed>,
        found: &Result<T, Closed>,
    ) -> Option<Result<Install, Closed>> {
        if !found.as_ref().is_err_and(speaks_of_the_key) {
            return None;
        }
        Some(self.install().await).filter(|now| now != install)
    }
}

impl Reading<'_> {
    /// The whole file, if there is one.
    pub(super) async fn read(&mut self, name: &FileName) -> Result<Option<Vec<u8>>, FileError> {
        match self.ahead.iter().position(|(read, _)| read == name) {
            Some(place) => self.ahead.swap_remove(place).1,
            None => self.vault.disk.read(name).await,
        }
    }

    /// Reads and opens a record of the account, if it is there.
    pub(super) async fn open(&mut self, name: &FileName, kind: Kind) -> Result<Option<Opened>, Closed> {
        let Some(file) = self.read(name).await? else { return Ok(None) };
        let mut found = self.open_file(&file, kind).await.map(Some);
        if !found.as_ref().is_err_and(speaks_of_the_key) {
            return found;
        }
        let mut install = self.vault.install().await;
        for _ in 1..ATTEMPTS {
            self.keys = None;
            found = self.open_anew(&install, name, kind).await;
            match self.vault.moved_since(&install, &found).await {
                Some(now) => install = now,
                None => break,
            }
        }
        found
    }

    async fn open_anew(
        &mut self,
        install: &Result<Install, Closed>,
        name: &FileName,
        kind: Kind,
    ) -> Result<Option<Opened>, Closed> {
        self.keys = Some(self.vault.keys_for_records_of(*install).await?);
        match self.vault.disk.read(name).await? {
            Some(file) => self.open_file(&file, kind).await.map(Some),
            None => Ok(None),
        }
    }

    async fn open_file(&mut self, file: &[u8], kind: Kind) -> Result<Opened, Closed> {
        let sealed = Sealed::parse(file)?;
        let content = sealed.open(&*self.keys().await?, kind, self.account)?;
        Ok(Opened { generation: sealed.generation, epoch: sealed.epoch, size: file.len(), content })
    }

    /// The keys, where a record is there that needs them: a vault that was never born is then one that lost a file.
    pub(super) async fn keys(&mut self) -> Result<Arc<Keys>, Closed> {
        if let Some(keys) = &self.keys {
            return Ok(Arc::clone(keys));
        }
        let install = match Install::read(self.read(&names::install()).await?.as_deref()) {
            // It may have been born since, or the record that needs it was not read ahead.
            Err(Closed::Empty) => self.vault.install().await,
            install => install,
        };
        let keys = self.vault.keys_for_records_of(install).await?;
        self.keys = Some(Arc::clone(&keys));
        Ok(keys)
    }
}

/// Whether a record, or the canary, was not of the key or the installation that it was opened with.
fn speaks_of_the_key(closed: &Closed) -> bool {
    matches!(closed, Closed::Unreadable(reason) if reason.is_of_the_key())
}
