//! Reading what belongs together with one question to the disk: asking costs more than a small file does.

use std::sync::Arc;

use super::{AccountKey, Vault, install::Install, keys::Keys, names, outcome::Closed, record};
use crate::host::{FileError, FileName};

/// Files that were read ahead, and the keys that open them.
pub(super) struct Reading<'a> {
    vault: &'a Vault,
    pub(super) account: AccountKey,
    /// What nobody asked for yet. Each is handed out once: whoever asks again wants to know what is there now.
    ahead: Vec<(FileName, Result<Option<Vec<u8>>, FileError>)>,
    keys: Option<Arc<Keys>>,
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
}

impl Reading<'_> {
    /// The whole file, if there is one.
    pub(super) async fn read(&mut self, name: &FileName) -> Result<Option<Vec<u8>>, FileError> {
        match self.ahead.iter().position(|(read, _)| read == name) {
            Some(place) => self.ahead.swap_remove(place).1,
            None => self.vault.disk.read(name).await,
        }
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
