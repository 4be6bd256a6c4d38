//! Opening a vault, and its birth.

use std::sync::Arc;

use super::{
    Epoch, UnreadableReason, Vault, VaultError, WRITERS_PATIENCE,
    install::Install,
    keys::{Fingerprinter, InstallId, Key, Keys, Slot},
    names,
    outcome::Closed,
    reading::ATTEMPTS,
    record::{self, Header, Kind, NO_ACCOUNT, Sealed},
};
use crate::Secret;

impl Vault {
    /// The keys of this vault. `Empty`: it was never born, or its birth was cut short.
    pub(super) async fn keys(&self) -> Result<Arc<Keys>, Closed> {
        let mut install = self.install().await;
        for _ in 1..ATTEMPTS {
            let keys = self.keys_of(install?).await;
            match self.moved_since(&install, &keys).await {
                Some(now) => install = now,
                None => return keys,
            }
        }
        self.keys_of(install?).await
    }

    /// The keys of this vault, whose file of the installation says this.
    pub(super) async fn keys_of(&self, install: Install) -> Result<Arc<Keys>, Closed> {
        if let Some(keys) = self.remembered().filter(|keys| keys.install == install.id && keys.slot == install.slot) {
            return Ok(keys);
        }
        self.refuse_elsewhere(&install).await?;
        let found = self.load_keys(&install).await?;
        // Asked for later: a re-seal replaces the canary before it lets go of the old key.
        let canary = self.disk.read(&names::canary()).await?;
        let mut keys = match found {
            Some(keys) => keys,
            None => return Err(canary.map_or(Closed::Empty, |canary| without_key(&canary))),
        };
        match open_canary(&canary.ok_or(Closed::Empty)?, &keys) {
            Ok(Some(fingerprinter)) => keys.fingerprinter = fingerprinter,
            // A damaged canary says nothing about the key; every record still carries the key's name.
            Ok(None) | Err(Closed::Unreadable(UnreadableReason::Damaged)) => {}
            Err(closed) => return Err(closed),
        }
        let keys = Arc::new(keys);
        self.remember(Some(Arc::clone(&keys)));
        Ok(keys)
    }

    /// What the key store has for this installation. Of a re-seal that was cut short both keys are needed; if the new one
    /// did not survive in the key store, nothing did that was sealed with it.
    async fn load_keys(&self, install: &Install) -> Result<Option<Keys>, Closed> {
        let current = self.load_key(&install.id, install.slot).await?;
        let Some(old_slot) = install.old_slot() else {
            return Ok(current.map(|key| Keys::derive(install.id, install.slot, &key)));
        };
        let old = self.load_key(&install.id, old_slot).await?;
        Ok(match (current, old) {
            (Some(key), old) => Some(Keys::derive(install.id, install.slot, &key).opening_also(old.as_ref())),
            (None, old) => old.map(|key| Keys::derive(install.id, old_slot, &key)),
        })
    }

    async fn load_key(&self, install: &InstallId, slot: Slot) -> Result<Option<Key>, Closed> {
        let found = self.secrets.load(&key_name(install, slot)).await?;
        Ok(found.map(|secret| key_of(&secret)).transpose()?)
    }

    /// The keys of this vault, which is born if it was not.
    pub(super) async fn keys_or_birth(&self) -> Result<Arc<Keys>, VaultError> {
        match self.keys().await {
            Err(Closed::Empty) => self.birth().await,
            Err(Closed::Unreadable(reason)) if reason.is_final() && self.is_deserted().await? => {
                self.set_unreadable_vault_aside().await?;
                self.birth().await
            }
            other => Ok(other?),
        }
    }

    /// Whether nobody's credentials are in here: then nobody would ever notice that the vault cannot be opened, but
    /// for the person who signs in next.
    async fn is_deserted(&self) -> Result<bool, VaultError> {
        Ok(!self.disk.files.list().await?.iter().any(names::is_of_session))
    }

    /// First the installation's name, then its key, then the canary that proves the key. Cut short anywhere, the next
    /// birth goes on from there; of several processes exactly one makes the key.
    async fn birth(&self) -> Result<Arc<Keys>, VaultError> {
        let _held = self.lock_within(&names::vault_lock(), WRITERS_PATIENCE).await?;
        match self.keys().await {
            Err(Closed::Empty) => {}
            other => return Ok(other?),
        }
        let install = match self.install().await {
            Err(Closed::Empty) => self.name_install().await?,
            other => other?,
        };
        let key = match self.find_or_make_key(&install).await {
            Ok(key) => key,
            Err(error) => {
                if let Err(error) = self.give_install_up().await {
                    tracing::warn!(name: "vault.birth.leftover", %error);
                }
                return Err(error);
            }
        };
        let keys = Arc::new(Keys::derive(install.id, install.slot, &key));
        let header = Header { kind: Kind::Canary, account: NO_ACCOUNT, generation: 0, epoch: Epoch::default() };
        let canary = record::seal(&keys, &header, self.disk.draw_bytes(), keys.fingerprinter.expose())?;
        self.disk.replace(&names::canary(), canary).await?;
        self.remember(Some(Arc::clone(&keys)));
        Ok(keys)
    }

    /// A key that the key store did not confirm may still arrive: it waits for a person, say. By then another process may
    /// have made another, so nobody may ever look for one under this name again.
    async fn give_install_up(&self) -> Result<(), VaultError> {
        if self.disk.files.list().await?.iter().any(names::needs_install) {
            return Ok(());
        }
        Ok(self.disk.remove(&[names::install()]).await?)
    }

    async fn find_or_make_key(&self, install: &Install) -> Result<Key, VaultError> {
        match self.load_key(&install.id, install.slot).await? {
            Some(found) => Ok(found),
            None => self.make_key(&install.id, install.slot).await,
        }
    }

    /// Draws a key and puts it into a slot of the key store that nobody ever used.
    pub(super) async fn make_key(&self, install: &InstallId, slot: Slot) -> Result<Key, VaultError> {
        let name = key_name(install, slot);
        let key = Key::new(self.disk.draw_bytes());
        self.secrets.store(&name, Secret::new(key.to_vec())).await?;
        // Some stores say yes and keep nothing. Better known now than after a restart.
        match self.secrets.load(&name).await? {
            Some(kept) if key_of(&kept)? == key => Ok(key),
            _ => Err(UnreadableReason::KeyUnreadable.into()),
        }
    }
}

/// What the vault's key is called in the key store: no other installation's vault has the same.
pub(super) fn key_name(install: &InstallId, slot: Slot) -> String {
    let install = u128::from_be_bytes(*install);
    if slot == 0 {
        format!("mainstay-vault-{install:032x}")
    } else {
        format!("mainstay-vault-{install:032x}-{slot:016x}")
    }
}

fn key_of(secret: &Secret) -> Result<Key, UnreadableReason> {
    secret.expose().try_into().map(Key::new).map_err(|_length| UnreadableReason::KeyUnreadable)
}

/// What a canary says where there is no key: a newer release may keep its key elsewhere.
fn without_key(canary: &[u8]) -> Closed {
    match Sealed::parse(canary) {
        Err(too_new @ Closed::TooNew(_)) => too_new,
        _ => UnreadableReason::KeyMissing.into(),
    }
}

fn open_canary(canary: &[u8], keys: &Keys) -> Result<Option<Fingerprinter>, Closed> {
    let content = Sealed::parse(canary)?.open(keys, Kind::Canary, NO_ACCOUNT)?;
    Ok(Fingerprinter::of_canary(&content))
}
