//! Which accounts there are, without reading them: the folder's names, and an index of the driver's own.
//!
//! The index saves reading; it holds nothing that the accounts' own records do not. Lost, damaged or behind them, it is
//! made anew, so its writing is never part of what must not be cut short.

use zeroize::Zeroizing;

use super::{
    AccountKey, Epoch, Outcome, Vault, VaultError, WRITERS_PATIENCE,
    names::{self, Of, Part, Single},
    outcome::Closed,
    record::{self, Header, Kind, NO_ACCOUNT},
    save::refuse_too_new,
};
use crate::{
    Identity,
    host::{FileName, MaybeSend},
};

/// An account, as far as the names in the folder tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resident {
    /// Which.
    pub account: AccountKey,
    /// Whether a generation of credentials is there. One from before a sign-out that was cut short counts too.
    pub has_credentials: bool,
    /// Whether the driver's state is there.
    pub has_session: bool,
    /// Whether it was ever signed out here.
    pub was_signed_out: bool,
}

impl Vault {
    /// The accounts that have something stored, or were signed out here, in order of their keys. Reads no file.
    ///
    /// # Errors
    /// [`VaultError::Files`] or [`VaultError::Locked`] if the folder cannot be listed. Needs no key.
    pub async fn residents(&self) -> Result<Vec<Resident>, VaultError> {
        let mut residents: Vec<Resident> = Vec::new();
        for name in self.disk.files.list().await? {
            let Some(account) = names::account_of(&name) else { continue };
            if residents.last().is_none_or(|last| last.account != account) {
                let nothing = Resident { account, has_credentials: false, has_session: false, was_signed_out: false };
                residents.push(nothing);
            }
            let Some(resident) = residents.last_mut() else { continue };
            match Of(account).part(&name) {
                Some(Part::Current | Part::Kept(_)) => resident.has_credentials = true,
                Some(Part::Single(Single::Session)) => resident.has_session = true,
                Some(Part::Lasting) if name == Of(account).epoch() => resident.was_signed_out = true,
                _ => {}
            }
        }
        Ok(residents)
    }

    /// The key of this person's account: the same whichever process asks, so that two of them cannot make two accounts
    /// of one person. A vault that was never born is born. `None` if nothing ever proved who it is.
    ///
    /// # Errors
    /// [`VaultError::Locked`] and the other reasons for which a vault cannot be opened.
    pub async fn account_of(&self, identity: &Identity) -> Result<Option<AccountKey>, VaultError> {
        Ok(self.keys_or_birth().await?.fingerprinter.account(identity))
    }

    /// The index as it was last stored.
    pub async fn load_index(&self) -> Outcome<Vec<u8>> {
        self.read_index().await.into()
    }

    async fn read_index(&self) -> Result<Vec<u8>, Closed> {
        Ok(self.read_of_vault(&names::index(), Kind::Accounts).await?.to_vec())
    }

    /// Changes the index, one process at a time. `change` is given what is there, and says what to store; `None`: nothing.
    ///
    /// # Errors
    /// [`VaultError::TooNew`]: a newer release's index is left alone. [`VaultError::Locked`] and the file system's: what was
    /// there is still there. None of them is worth telling anybody.
    pub async fn update_index(
        &self,
        change: impl FnOnce(Outcome<Vec<u8>>) -> Option<Vec<u8>> + MaybeSend,
    ) -> Result<(), VaultError> {
        if self.install().await == Err(Closed::Empty) {
            return Ok(());
        }
        let _held = self.lock_within(&names::index_lock(), WRITERS_PATIENCE).await?;
        self.refuse_too_new_of_vault(&names::index()).await?;
        let Some(content) = change(self.load_index().await) else { return Ok(()) };
        self.replace_of_vault(&names::index(), Kind::Accounts, &content).await
    }

    /// The content of a record of the whole vault.
    pub(super) async fn read_of_vault(&self, name: &FileName, kind: Kind) -> Result<Zeroizing<Vec<u8>>, Closed> {
        let opened = self.open_record(NO_ACCOUNT, name, kind).await?;
        Ok(opened.ok_or(Closed::Empty)?.content)
    }

    /// A newer release's record is left alone.
    pub(super) async fn refuse_too_new_of_vault(&self, name: &FileName) -> Result<(), VaultError> {
        let there = self.disk.read(name).await.unwrap_or_default();
        there.map_or(Ok(()), |there| refuse_too_new(&there))
    }

    /// Seals a record of the whole vault and puts it in its place. The caller holds the lock of these.
    pub(super) async fn replace_of_vault(&self, name: &FileName, kind: Kind, content: &[u8]) -> Result<(), VaultError> {
        // Asked for under the lock: the vault may have been sealed anew meanwhile.
        let keys = self.keys_for_records().await?;
        let header = Header { kind, account: NO_ACCOUNT, generation: 0, epoch: Epoch::default() };
        let file = record::seal(&keys, &header, self.disk.draw_bytes(), content)?;
        self.disk.replace(name, file).await?;
        for left in self.disk.files.list().await?.iter().filter(|left| names::is_unfinished(left, name)) {
            self.disk.discard(left).await;
        }
        Ok(())
    }
}
