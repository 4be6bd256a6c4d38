//! Moving aside what cannot be read: kept, counted, listed, and put back when it can be read again.

use std::collections::BTreeSet;

use super::{
    AccountKey, UnreadableReason, Vault, VaultError, WRITERS_PATIENCE,
    names::{self, Of, Part},
    outcome::Closed,
    record::Sealed,
    save::refuse_too_new,
};
use crate::host::{FileError, FileName};

/// A file that was moved aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// When, in milliseconds of wall time. Files that were moved together have the same.
    pub at: u64,
    /// Why.
    pub reason: UnreadableReason,
    /// The account it belongs to; `None` for a file of the whole vault.
    pub account: Option<AccountKey>,
    /// The name it had.
    pub original: FileName,
}

impl SetAside {
    /// The name it has now.
    #[must_use]
    pub fn name(&self) -> FileName {
        names::aside(self.at, self.reason, &self.original)
    }
}

impl Vault {
    /// Moves an account that cannot be read aside, so that a sign-in can be stored. If it is the vault's key that is
    /// the trouble, the whole vault moves, and a new one with a new key can be born. Returns how many files moved.
    ///
    /// # Errors
    /// [`VaultError::TooNew`]: a newer release's files are not moved. The file system's: some may have moved; call again.
    pub async fn set_aside(&self, account: AccountKey, reason: UnreadableReason) -> Result<usize, VaultError> {
        match self.keys_for_records().await {
            Err(Closed::Unreadable(_)) => self.set_unreadable_vault_aside().await,
            _ => self.set_account_aside(account, reason).await,
        }
    }

    /// Moves the whole vault aside, whatever state it is in; for "a new vault, please" while the old one is locked (P13).
    ///
    /// # Errors
    /// As [`set_aside`](Vault::set_aside).
    pub async fn set_vault_aside(&self, reason: UnreadableReason) -> Result<usize, VaultError> {
        let _held = self.lock_within(&names::vault_lock(), WRITERS_PATIENCE).await?;
        self.move_vault_aside(reason).await
    }

    /// The same, unless another process has done so meanwhile, and a new vault is in its place already.
    pub(super) async fn set_unreadable_vault_aside(&self) -> Result<usize, VaultError> {
        let _held = self.lock_within(&names::vault_lock(), WRITERS_PATIENCE).await?;
        match self.keys_for_records().await {
            Err(Closed::Unreadable(reason)) => self.move_vault_aside(reason).await,
            _ => Ok(0),
        }
    }

    async fn move_vault_aside(&self, reason: UnreadableReason) -> Result<usize, VaultError> {
        // Cut short, this is finished by the next call: as long as the canary is there without the installation's
        // name, nothing looks like a vault that was never born.
        let sealed = |name: &FileName| names::needs_install(name) && *name != names::canary();
        let mut moving = vec![names::install()];
        moving.extend(self.disk.files.list().await?.into_iter().filter(sealed));
        moving.push(names::canary());
        let moved = self.move_aside(&moving, reason).await;
        self.remember(None);
        moved
    }

    /// What was moved aside, the oldest first. Needs no key.
    ///
    /// # Errors
    /// The file system's.
    pub async fn set_aside_list(&self) -> Result<Vec<SetAside>, VaultError> {
        let entry = |name: &FileName| {
            let (at, reason, original) = names::aside_parts(name)?;
            Some(SetAside { at, reason, account: names::account_of(&original), original })
        };
        Ok(self.disk.files.list().await?.iter().filter_map(entry).collect())
    }

    /// Puts back everything that was moved aside at `at`. Returns how many files that was.
    ///
    /// # Errors
    /// [`VaultError::Occupied`] if one of the names is taken, [`VaultError::SignedOut`] if the account was signed out
    /// since, [`VaultError::TooNew`] if a newer release moved it: nothing is put back then.
    pub async fn restore(&self, at: u64) -> Result<usize, VaultError> {
        let _held = self.lock_within(&names::vault_lock(), WRITERS_PATIENCE).await?;
        // Nobody signs in, or out, between the look at a name and its taking. In order of the accounts, and whoever wants
        // more than one of these locks holds the vault's, so nobody waits in a circle.
        let accounts: BTreeSet<_> = self.batch(at).await?.iter().filter_map(|(_, it)| names::account_of(it)).collect();
        let mut _held_too = Vec::new();
        for account in accounts {
            _held_too.push(self.files_lock(account).await?);
        }
        let (names, mut batch) = (self.disk.files.list().await?, self.batch(at).await?);
        for (aside, original) in &batch {
            if names.contains(original) {
                return Err(VaultError::Occupied);
            }
            self.refuse_restoring(aside, original).await?;
        }
        // The installation's name comes last: until then nothing of a whole vault looks usable.
        batch.sort_by_key(|(_, original)| *original == names::install());
        for (aside, original) in &batch {
            self.disk.files.rename(aside, original).await?;
        }
        self.disk.files.sync_folder().await?;
        self.remember(None);
        Ok(batch.len())
    }

    /// What was moved aside at `at`, by both its names.
    async fn batch(&self, at: u64) -> Result<Vec<(FileName, FileName)>, VaultError> {
        let names = self.disk.files.list().await?.into_iter();
        let of_batch = |name: FileName| match names::aside_parts(&name) {
            Some((then, _, original)) if then == at => Some((name, original)),
            _ => None,
        };
        Ok(names.filter_map(of_batch).collect())
    }

    async fn refuse_restoring(&self, aside: &FileName, original: &FileName) -> Result<(), VaultError> {
        let file = match self.disk.read(aside).await {
            // What is no file at all is put back as it was: it was set aside because of that.
            Err(FileError::NotAFile) => return Ok(()),
            file => file?.unwrap_or_default(),
        };
        refuse_too_new(&file)?;
        let Some(account) = names::account_of(original) else { return Ok(()) };
        let epoch = self.read_epoch(account).await?;
        match Sealed::parse(&file) {
            Ok(record) if record.epoch < epoch => Err(VaultError::SignedOut),
            _ => Ok(()),
        }
    }

    async fn set_account_aside(&self, account: AccountKey, reason: UnreadableReason) -> Result<usize, VaultError> {
        let _held = self.files_lock(account).await?;
        let sealed =
            |name: &FileName| matches!(Of(account).part(name), Some(Part::Current | Part::Kept(_) | Part::Single(_)));
        let moving: Vec<_> = self.disk.files.list().await?.into_iter().filter(sealed).collect();
        self.move_aside(&moving, reason).await
    }

    async fn move_aside(&self, moving: &[FileName], reason: UnreadableReason) -> Result<usize, VaultError> {
        for name in moving {
            let file = self.disk.read(name).await.ok().flatten().unwrap_or_default();
            refuse_too_new(&file)?;
        }
        let at = self.wall_millis();
        let mut moved = 0usize;
        for name in moving {
            match self.disk.files.rename(name, &names::aside(at, reason, name)).await {
                Ok(()) => moved = moved.saturating_add(1),
                Err(FileError::Missing) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.disk.files.sync_folder().await?;
        tracing::warn!(name: "vault.set_aside", %reason, files = moved);
        Ok(moved)
    }
}
