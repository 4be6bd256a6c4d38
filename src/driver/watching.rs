//! Noticing what other processes do to the sessions of this vault: sign-outs, newer generations, quarantines.
//!
//! The folder is watched; where that cannot be, it is looked at every half second. What is found goes to the account's
//! task, which decides. This process writes to the same files: whatever it is just storing is left out of the look, and
//! looked at again when it is stored.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::{Either, select};
use mainstay_core::{ForeignBy, State, Timestamp};

use super::{
    account::{Account, Deployment, lock},
    message::Message,
    record::SessionRecord,
};
use crate::vault::{Outcome, Stored};

/// How often a folder is looked at that cannot be watched: half of what another process's doings may take to be seen.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What another process did.
pub(in crate::driver) enum Elsewhere {
    /// It signed the account out.
    SignedOut,
    /// It renewed the credentials, or somebody signed in there.
    Stored(Box<Stored>),
    /// It was shown a foreign identity.
    Quarantined(ForeignBy),
}

/// Watches until the deployment is gone.
pub(super) fn start(deployment: &Arc<Deployment>) {
    let watching = watch(Arc::downgrade(deployment), deployment.looks.subscribe());
    deployment.server.host.spawn.spawn("mainstay-watch", Box::pin(watching));
}

async fn watch(deployment: Weak<Deployment>, mut looks: tokio::sync::watch::Receiver<()>) {
    let mut watch = None;
    loop {
        let Some(alive) = deployment.upgrade() else { return };
        if watch.is_none() {
            watch = alive.server.host.files.watch().await;
        }
        for account in alive.accounts() {
            look(&account).await;
        }
        let clock = Arc::clone(&alive.server.host.clock);
        drop(alive);
        let changed = async {
            match &mut watch {
                Some(watch) => watch.changed().await,
                None => {
                    clock.sleep_until(clock.monotonic().saturating_add(LOOK_EVERY)).await;
                    true
                }
            }
        };
        let goes_on = match select(Box::pin(changed), Box::pin(looks.changed())).await {
            Either::Left((goes_on, _)) => goes_on,
            Either::Right((Ok(()), _)) => true,
            Either::Right((Err(_gone), _)) => return,
        };
        if !goes_on {
            watch = None;
        }
    }
}

async fn look(account: &Arc<Account>) {
    let state = account.board.borrow().state;
    if matches!(state, State::Starting | State::Locked { .. }) {
        return; // Whatever is there will be read when the vault is.
    }
    let quiet = account.traces.quiet();
    let Ok(seen) = account.vault().glance(account.key).await else { return };
    if seen.epoch > account.vault_epoch() {
        return account.tell(Message::Elsewhere(Elsewhere::SignedOut));
    }
    let newest = lock(&account.kept).last().map(|credentials| credentials.generation);
    if seen.generation > newest
        && quiet.is_some()
        && let Outcome::Value(stored) = account.vault().load_once(account.key).await
        && account.traces.quiet() == quiet
    {
        return account.tell(Message::Elsewhere(Elsewhere::Stored(Box::new(stored))));
    }
    if !matches!(state, State::Quarantined { .. } | State::SignedOut { .. })
        && let Some(by) = quarantined_elsewhere(account).await
    {
        account.tell(Message::Elsewhere(Elsewhere::Quarantined(by)));
    }
}

/// A quarantine of another process that is newer than any that this one has left.
async fn quarantined_elsewhere(account: &Account) -> Option<ForeignBy> {
    let Outcome::Value(record) = account.vault().load_session(account.key).await else { return None };
    match SessionRecord::read(&record)?.snapshot.state() {
        State::Quarantined { incident, since } if since > account.traces.left_quarantine() => Some(incident),
        _ => None,
    }
}

/// What of this process's own doings has to be told from other processes'.
#[derive(Default)]
pub(super) struct Traces {
    /// Writes under way, in the lower half, and how many there ever were, in the upper one.
    writes: AtomicU64,
    /// When the session last left a quarantine, in milliseconds of the time line.
    left_quarantine_ms: AtomicU64,
}

const ONE_MORE: u64 = 1 << 32;

impl Traces {
    /// Which pause between this process's own writes it is now; `None` while it writes.
    fn quiet(&self) -> Option<u64> {
        let writes = self.writes.load(Ordering::Acquire);
        writes.is_multiple_of(ONE_MORE).then_some(writes)
    }

    fn left_quarantine(&self) -> Timestamp {
        Timestamp::from_millis(self.left_quarantine_ms.load(Ordering::Relaxed))
    }

    /// Remembers that the session left a quarantine.
    pub(super) fn leave_quarantine(&self, now: Timestamp) {
        self.left_quarantine_ms.store(now.as_millis(), Ordering::Relaxed);
    }
}

/// The disk and what the account's task knows differ, by this process's own doing, as long as this lives.
pub(super) struct Writing {
    traces: Arc<Traces>,
    looks: tokio::sync::watch::Sender<()>,
}

impl Writing {
    /// They will differ until the process ends.
    pub(super) fn never_ends(self) {
        self.traces.writes.fetch_add(1, Ordering::AcqRel);
    }
}

impl Account {
    /// Announces that credentials may be stored before the account's task knows them, or destroyed after it forgot them.
    pub(super) fn writing(&self) -> Writing {
        self.traces.writes.fetch_add(ONE_MORE + 1, Ordering::AcqRel);
        Writing { traces: Arc::clone(&self.traces), looks: self.deployment.looks.clone() }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.traces.writes.fetch_sub(1, Ordering::AcqRel);
        self.looks.send_replace(());
    }
}
