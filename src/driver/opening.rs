//! Reading an account out of the vault.

use std::sync::Arc;

use mainstay_core::{IdentityProof, LockReason, NewGeneration, Opened, Restored, SignedOutReason, State, Timestamp};

use super::{
    account::Account,
    device_key,
    message::{Loaded, Message},
    record::SessionRecord,
    revocations,
};
use crate::{
    Credentials, Identity,
    profile::RefreshIdentity,
    vault::{Fingerprint, LockedReason, Outcome, Stored, UnreadableReason},
};

/// Reads the account, and tells its task what came of it. Only the task takes anything over.
pub(super) async fn open(account: Arc<Account>) {
    let message = match account.vault().load(account.key).await {
        Outcome::Value(stored) => value(&account, stored).await,
        Outcome::Empty => {
            // A sign-out that was cut short is finished by now: what it had to queue is there.
            revocations::start(&account.deployment);
            empty(&account).await
        }
        Outcome::Locked(reason) => closed(Opened::Locked(lock_reason(reason))),
        Outcome::TooNew { .. } => closed(Opened::Locked(LockReason::TooNew)),
        Outcome::Unreadable(reason) => {
            tracing::warn!(name: "vault.unreadable", account = %account.key, %reason);
            closed(Opened::Unreadable)
        }
    };
    account.tell(message);
}

fn closed(opened: Opened) -> Message {
    Message::Opened { opened, loaded: None, epoch: None }
}

/// No credentials. What the session's own record says comes first: it is of the current epoch, or it is not there.
async fn empty(account: &Account) -> Message {
    let epoch = account.vault().epoch(account.key).await.ok();
    let record = match account.vault().load_session(account.key).await {
        Outcome::Value(bytes) => Some(SessionRecord::read(&bytes)),
        Outcome::Empty => None,
        // There is one, so somebody was signed in here. What it says may be readable later, or never.
        Outcome::Unreadable(_) => Some(None),
        Outcome::Locked(reason) => return closed(Opened::Locked(lock_reason(reason))),
        Outcome::TooNew { .. } => return closed(Opened::Locked(LockReason::TooNew)),
    };
    let opened = match record {
        Some(Some(record)) => match record.snapshot.state() {
            State::SignedOut { reason } => Opened::SignedOut(reason),
            _ => Opened::NothingKept,
        },
        Some(None) => Opened::NothingKept,
        None if epoch.is_some_and(|epoch| epoch.number() > 0) => Opened::SignedOut(SignedOutReason::OtherProcess),
        None => Opened::Empty,
    };
    Message::Opened { opened, loaded: None, epoch }
}

async fn value(account: &Arc<Account>, stored: Stored) -> Message {
    let has_device_key = device_key::load(account).await.is_some();
    let now = account.server().line.now();
    let record = stored.session.as_deref().and_then(SessionRecord::read);
    let kept: Vec<_> = stored.previous.iter().rev().chain([&stored.credentials]).cloned().collect();
    let proven = kept.iter().rev().map(|credentials| &credentials.identity).find(|it| it.subject.is_some());
    let recorded = record.as_ref().and_then(|record| record.identity.as_ref()).filter(|it| it.subject.is_some());
    let identity = recorded.or(proven).unwrap_or(&stored.credentials.identity).clone();
    let proof = proof_of(account, &identity, &stored.credentials.identity);
    let restored = Restored {
        snapshot: record.as_ref().map(|record| record.snapshot.clone()),
        credentials: summary(&stored.credentials, now, true, proof),
        previous: stored.previous.last().map(|credentials| credentials.generation),
        intent: stored.intent.map(|intent| intent.generation),
        gap_is_certain: account.server().line.gap_is_certain(),
    };
    let same_as = record.iter().flat_map(|record| &record.same_as).copied().map(Fingerprint);
    let imported = stored.imported.into_iter().chain(same_as).collect();
    let loaded = Loaded {
        kept,
        identity,
        has_device_key,
        last_accepted: record.as_ref().map(|record| record.last_accepted),
        imported,
        prompting: record.as_ref().is_some_and(|record| record.prompting),
        name: record.as_ref().and_then(|record| record.name.clone()),
        owner: record.as_ref().and_then(|record| record.owner),
        last_used: record.as_ref().map_or(0, |record| record.last_used),
        id_token_key: record.and_then(|record| record.id_token_key),
    };
    let opened = Opened::Value(Box::new(restored));
    Message::Opened { opened, loaded: Some(Box::new(loaded)), epoch: Some(stored.epoch) }
}

/// What is known about whose credentials these are, if they say `named` and the account is pinned to `pinned`.
pub(super) fn proof_of(account: &Account, pinned: &Identity, named: &Identity) -> IdentityProof {
    match (&pinned.subject, &named.subject) {
        (_, Some(_)) => IdentityProof::Verified,
        (None, None) => IdentityProof::Unpinned,
        (Some(_), None) if account.server().profile.refresh_identity == RefreshIdentity::Inherited => {
            IdentityProof::Inherited
        }
        (Some(_), None) => IdentityProof::Unverified,
    }
}

/// Credentials as the core sees them.
pub(super) fn summary(
    credentials: &Credentials,
    now: Timestamp,
    saved: bool,
    identity: IdentityProof,
) -> NewGeneration {
    NewGeneration {
        generation: credentials.generation,
        lives_for: credentials.access_tokens.first().map(|token| token.expires_at.since(now)),
        has_refresh_token: credentials.refresh_token.is_some(),
        saved,
        identity,
    }
}

fn lock_reason(reason: LockedReason) -> LockReason {
    match reason {
        LockedReason::FolderRefused => LockReason::NoAccess,
        LockedReason::KeyStoreLocked | LockedReason::KeyStoreSlow | LockedReason::KeyStoreUnavailable => {
            LockReason::KeyStoreLocked
        }
    }
}

/// Moves an account aside that could not be read three times; what was there is kept, and storage is writable again.
pub(super) async fn set_aside(account: Arc<Account>) {
    let opened = match account.vault().set_aside(account.key, UnreadableReason::Damaged).await {
        Ok(files) => {
            tracing::warn!(name: "vault.set_aside", account = %account.key, files);
            Opened::MovedAside
        }
        Err(error) => {
            tracing::warn!(name: "vault.set_aside.failed", account = %account.key, %error);
            Opened::Unreadable
        }
    };
    let epoch = account.vault().epoch(account.key).await.ok();
    account.tell(Message::Opened { opened, loaded: None, epoch });
}
