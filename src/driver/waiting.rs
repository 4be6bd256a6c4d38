//! Sign-ins whose browser comes back by another way: a link that starts the app, perhaps anew.
//!
//! What is needed to finish one is in the vault before its address is handed out, and out of it before its code is used: the
//! app may die in between, and no link works twice.

use mainstay_core::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::account::Deployment;
use crate::{
    Error, Secret,
    error::Failure,
    oauth::{CallbackError, PendingSignIn},
    vault::{AccountKey, Epoch},
};

/// The version that this release writes.
const VERSION: u16 = 1;
/// How many may wait: whoever taps twice, or changes their mind, still gets in.
const MOST: usize = 4;

/// What is stored. On sign-out, on SignInRequired and in quarantine: kept, for it holds no credential, and expires.
#[derive(Serialize, Deserialize)]
pub(super) struct WaitingSignIns {
    /// Sign-out, SignInRequired and quarantine: kept.
    version: u16,
    /// The oldest first. Sign-out, SignInRequired and quarantine: kept; a sign-out since then wins over it.
    waiting: Vec<StoredSignIn>,
}

/// Part of [`WaitingSignIns`]; kept and removed with it.
#[derive(Serialize, Deserialize)]
struct StoredSignIn {
    /// Whose session it renews; absent: whoever signs in. Sign-out, SignInRequired and quarantine: kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<AccountKey>,
    /// The epoch of that account when it began. Sign-out: kept, and what it tells makes the sign-in void. SignInRequired and
    /// quarantine: kept.
    #[serde(default)]
    epoch: Epoch,
    /// [`PendingSignIn::to_record`]. Sign-out, SignInRequired and quarantine: kept, until it expires or is used.
    sign_in: String,
}

impl Drop for StoredSignIn {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.sign_in);
    }
}

/// A sign-in that waits.
pub(super) struct WaitingSignIn {
    /// Whose session it renews, and its epoch when it began.
    pub(super) renews: Option<(AccountKey, Epoch)>,
    pub(super) sign_in: PendingSignIn,
}

impl StoredSignIn {
    fn read(&self) -> Option<PendingSignIn> {
        PendingSignIn::from_record(&Secret::from_text(&self.sign_in)).ok()
    }

    fn new(waiting: &WaitingSignIn) -> Self {
        let (account, epoch) = waiting.renews.map_or_else(Default::default, |(key, epoch)| (Some(key), epoch));
        Self { account, epoch, sign_in: waiting.sign_in.to_record().expose_text().to_owned() }
    }
}

impl WaitingSignIns {
    /// What is there, without what expired.
    pub(super) fn read(stored: Option<&Secret>, now: Timestamp) -> Self {
        let read = stored.and_then(|stored| serde_json::from_slice::<Self>(stored.expose()).ok());
        let mut waiting = read.filter(|it| it.version == VERSION).map_or_else(Vec::new, |it| it.waiting);
        waiting.retain(|it| it.read().is_some_and(|sign_in| !sign_in.is_expired(now)));
        Self { version: VERSION, waiting }
    }

    pub(super) fn write(&self) -> Secret {
        // Big enough at once: a growing buffer would leave copies behind. Texts always serialise.
        let size: usize = self.waiting.iter().map(|it| 256 + 2 * it.sign_in.len()).sum();
        let mut bytes = Vec::with_capacity(256 + size);
        let _ = serde_json::to_writer(&mut bytes, self);
        Secret::new(bytes)
    }

    fn add(&mut self, waiting: &WaitingSignIn) {
        self.waiting.push(StoredSignIn::new(waiting));
        let surplus = self.waiting.len().saturating_sub(MOST);
        self.waiting.drain(..surplus);
    }

    fn take(&mut self, callback: &Url) -> Option<WaitingSignIn> {
        let is_it = |it: &StoredSignIn| it.read().is_some_and(|sign_in| sign_in.is_answered_by(callback));
        let at = self.waiting.iter().position(is_it)?;
        let stored = self.waiting.remove(at);
        Some(WaitingSignIn { renews: stored.account.map(|key| (key, stored.epoch)), sign_in: stored.read()? })
    }
}

/// Stores a sign-in, durably.
pub(super) async fn put(deployment: &Deployment, waiting: WaitingSignIn) -> Result<(), Failure> {
    let now = deployment.server.line.now();
    let change = move |there: Option<Secret>| {
        let mut all = WaitingSignIns::read(there.as_ref(), now);
        all.add(&waiting);
        (Some(all.write()), ())
    };
    Ok(deployment.vault.update_sign_ins(change).await?)
}

/// Takes the sign-in out that `callback` answers, durably: it is used once, whatever becomes of it.
///
/// # Errors
/// [`Error::Cancelled`] if none waits that it answers: it expired, was used, or never was ours.
pub(super) async fn take(deployment: &Deployment, callback: &Url) -> Result<WaitingSignIn, Error> {
    let now = deployment.server.line.now();
    let asked = callback.clone();
    let change = move |there: Option<Secret>| {
        let mut all = WaitingSignIns::read(there.as_ref(), now);
        match all.take(&asked) {
            Some(found) => (Some(all.write()), Some(found)),
            None => (None, None),
        }
    };
    let found = deployment.vault.update_sign_ins(change).await.map_err(Failure::from)?;
    found.ok_or_else(|| Failure::Callback(CallbackError::NotOurs).into())
}
