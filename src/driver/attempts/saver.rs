//! Storing a session's memory: the latest record, if several wait.

use std::sync::{Arc, Mutex};

use crate::{
    driver::account::{Account, lock},
    vault::Epoch,
};

#[derive(Default)]
struct Waiting {
    /// Under the epoch in which it was made: what a sign-out overtook is not written.
    record: Option<(Epoch, Vec<u8>)>,
    somebody_writes: bool,
}

/// The latest record that waits to be written, and whether somebody is writing.
#[derive(Default)]
pub(in crate::driver) struct Saver(Mutex<Waiting>);

impl Saver {
    /// Offers a newer record; true if the caller has to start writing.
    pub(in crate::driver) fn offer(&self, epoch: Epoch, record: Vec<u8>) -> bool {
        let mut waiting = lock(&self.0);
        waiting.record = Some((epoch, record));
        !std::mem::replace(&mut waiting.somebody_writes, true)
    }

    fn next(&self) -> Option<(Epoch, Vec<u8>)> {
        let mut waiting = lock(&self.0);
        let next = waiting.record.take();
        waiting.somebody_writes = next.is_some();
        next
    }
}

pub(in crate::driver) async fn save_record(account: Arc<Account>, saver: Arc<Saver>) {
    while let Some((epoch, record)) = saver.next() {
        if let Err(error) = account.vault().save_session(account.key, epoch, &record).await {
            tracing::warn!(name: "session.not_persisted", account = %account.key, %error);
        }
    }
}
