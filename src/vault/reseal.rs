//! Sealing everything anew under another key.
//!
//! First the new key is in the key store, then `vault.install` names both keys: from here on every writer seals with the
//! new one and every reader opens with either. Record after record is replaced; then the canary, and the old key goes.
//! Cut short anywhere, the next start goes on. Whoever seals a record asks for the key while he holds the lock of the
//! record's place, so none is sealed with the old key once its place was dealt with.

use std::collections::BTreeSet;

use super::{
    Epoch, Vault, VaultError, WRITERS_PATIENCE,
    install::Install,
    keys::Keys,
    names::{self, Of, Part},
    open::key_name,
    outcome::Closed,
    record::{self, Header, Kind, NO_ACCOUNT, Sealed},
    save::refuse_too_new,
};
use crate::host::{FileError, FileName};

impl Vault {
    /// Seals everything anew under a new key and destroys the old one: for a key that somebody may have seen. A re-seal
    /// that was cut short is finished instead. Nothing to do in a vault where nothing was ever stored.
    ///
    /// # Errors
    /// [`VaultError::TooNew`] if a newer release's file is among the records. On every error all of them can still be
    /// opened, and [`finish_reseal`](Vault::finish_reseal) goes on where this one stopped.
    pub async fn reseal(&self) -> Result<(), VaultError> {
        let _held = self.lock_within(&names::vault_lock(), WRITERS_PATIENCE).await?;
        match self.install().await {
            Err(Closed::Empty) => Ok(()),
            install => self.reseal_locked(install?).await,
        }
    }

    /// Goes on with a re-seal that was cut short, if there is one. Needs no key to know that there is none.
    ///
    /// # Errors
    /// As [`reseal`](Vault::reseal).
    pub async fn finish_reseal(&self) -> Result<(), VaultError> {
        if !self.is_resealing().await? {
            return Ok(());
        }
        let _held = self.lock_within(&names::vault_lock(), WRITERS_PATIENCE).await?;
        if !self.is_resealing().await? {
            return Ok(());
        }
        self.reseal_locked(self.install().await?).await
    }

    async fn is_resealing(&self) -> Result<bool, VaultError> {
        match self.install().await {
            Err(Closed::Empty) => Ok(false),
            install => Ok(install?.old_slot().is_some()),
        }
    }

    async fn reseal_locked(&self, install: Install) -> Result<(), VaultError> {
        let keys = match self.keys().await {
            // Its birth was cut short: there is nothing to seal.
            Err(Closed::Empty) => return Ok(()),
            keys => keys?,
        };
        let goes_on = install.old_slot().is_some() && keys.slot == install.slot;
        let install = if goes_on { install } else { self.move_to_new_key(install, &keys).await? };
        let keys = self.keys().await?;
        self.reseal_accounts(&keys).await?;
        self.reseal_queue(&keys).await?;
        self.reseal_index(&keys).await?;

        let header = Header { kind: Kind::Canary, account: NO_ACCOUNT, generation: 0, epoch: Epoch::default() };
        let canary = record::seal(&keys, &header, self.disk.draw_bytes(), keys.fingerprinter.expose())?;
        self.disk.replace(&names::canary(), canary).await?;
        if let Some(old_slot) = install.old_slot() {
            self.secrets.remove(&key_name(&install.id, old_slot)).await?;
        }
        self.write_install(&install.moved()).await?;
        self.remember(None);
        tracing::info!(name: "vault.resealed", slot = install.slot);
        Ok(())
    }

    /// The slot is a new one every time: what a key store did not confirm may still arrive in its slot later.
    async fn move_to_new_key(&self, install: Install, keys: &Keys) -> Result<Install, VaultError> {
        for name in self.disk.files.list().await?.iter().filter(|name| names::needs_install(name)) {
            if let Some(file) = self.read_regular(name).await? {
                refuse_too_new(&file)?;
            }
        }
        let slot = self.disk.draw().max(1);
        self.make_key(&install.id, slot).await?;
        let install = install.moving_to(slot, keys.slot);
        self.write_install(&install).await?;
        Ok(install)
    }

    /// Everything of every account, what was set aside included.
    async fn reseal_accounts(&self, keys: &Keys) -> Result<(), VaultError> {
        let original = |name: &FileName| names::aside_parts(name).map_or_else(|| name.clone(), |(_, _, it)| it);
        let listed = self.disk.files.list().await?;
        let accounts: BTreeSet<_> = listed.iter().filter_map(|name| names::account_of(&original(name))).collect();
        for account in accounts {
            let _held = self.files_lock(account).await?;
            for name in self.disk.files.list().await? {
                let part = Of(account).part(&original(&name));
                if part.is_some_and(|part| !matches!(part, Part::Lasting | Part::Temporary)) {
                    self.reseal_file(keys, &name).await?;
                }
            }
        }
        Ok(())
    }

    async fn reseal_queue(&self, keys: &Keys) -> Result<(), VaultError> {
        let _held = self.lock_within(&names::queue_lock(), WRITERS_PATIENCE).await?;
        for name in self.disk.files.list().await? {
            if names::revocation_time(&name).is_some() || names::parked_since(&name).is_some() {
                self.reseal_file(keys, &name).await?;
            }
        }
        Ok(())
    }

    async fn reseal_index(&self, keys: &Keys) -> Result<(), VaultError> {
        let _held = self.lock_within(&names::index_lock(), WRITERS_PATIENCE).await?;
        self.reseal_file(keys, &names::index()).await?;
        self.reseal_file(keys, &names::sign_ins()).await
    }

    /// What is half-written when the power goes has a name that somebody sweeps up.
    async fn reseal_file(&self, keys: &Keys, name: &FileName) -> Result<(), VaultError> {
        let Some(file) = self.read_regular(name).await? else { return Ok(()) };
        refuse_too_new(&file)?;
        let Ok(sealed) = Sealed::parse(&file) else { return Ok(()) };
        match sealed.reseal(keys, self.disk.draw_bytes())? {
            Some(file) => {
                let original = names::aside_parts(name).map(|(_, _, original)| original);
                let temporary = self.disk.prepare(original.as_ref().unwrap_or(name), file).await?;
                Ok(self.disk.put(&temporary, name).await?)
            }
            None => Ok(()),
        }
    }

    /// A file, unless something is in its place that is none: nothing is sealed in there.
    async fn read_regular(&self, name: &FileName) -> Result<Option<Vec<u8>>, VaultError> {
        match self.disk.read(name).await {
            Err(FileError::NotAFile) => Ok(None),
            read => Ok(read?),
        }
    }
}
