//! Storing a session's memory: the latest record, if several wait.

use std::sync::{Arc, Mutex};

use crate::driver::account::{Account, lock};

/// The latest record that waits to be written, and whether somebody is writing.
#[derive(Default)]
pub(in crate::driver) struct Saver(Mutex<(Option<Vec<u8>>, bool)>);

impl Saver {
    /// Offers a newer record; true if the caller has to start writing.
    pub(in crate::driver) fn offer(&self, record: Vec<u8>) -> bool {
        let mut waiting = lock(&self.0);
        waiting.0 = Some(record);
        !std::mem::replace(&mut waiting.1, true)
    }

    fn next(&self) -> Option<Vec<u8>> {
        let mut waiting = lock(&self.0);
        let next = waiting.0.take();
        waiting.1 = next.is_some();
        next
    }
}

pub(in crate::driver) async fn save_record(account: Arc<Account>, saver: Arc<Saver>) {
    while let Some(record) = saver.next() {
        if let Err(error) = account.vault().save_session(account.key, account.vault_epoch(), &record).await {
            tracing::warn!(name: "session.not_persisted", account = %account.key, %error);
        }
    }
}
