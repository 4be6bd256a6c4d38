//! Reading an account out of the vault.

use std::sync::Arc;

use mainstay_core::{Event, IdentityProof, LockReason, NewGeneration, Opened, Restored, SignedOutReason, Timestamp};

use super::{
    account::{Account, Message, lock},
    device_key,
    record::SessionRecord,
};
use crate::{
    Credentials, Identity,
    profile::RefreshIdentity,
    vault::{LockedReason, Outcome, Stored, UnreadableReason},
};

/// Reads the account, and tells its task what came of it.
pub(super) async fn open(account: Arc<Account>) {
    let opened = match account.vault().load(account.key).await {
        Outcome::Value(stored) => value(&account, stored).await,
        Outcome::Empty => empty(&account).await,
        Outcome::Locked(reason) => Opened::Locked(lock_reason(reason)),
        Outcome::TooNew { .. } => Opened::Locked(LockReason::TooNew),
        Outcome::Unreadable(reason) => {
            tracing::warn!(name: "vault.unreadable", account = %account.key, %reason);
            Opened::Unreadable
        }
    };
    account.tell(Message::Event(Event::VaultOpened(opened)));
}

/// An account that was known and has no credentials was signed out.
async fn empty(account: &Account) -> Opened {
    if let Ok(epoch) = account.vault().epoch(account.key).await {
        account.set_vault_epoch(epoch);
        if epoch.number() > 0 {
            return Opened::SignedOut(SignedOutReason::OtherProcess);
        }
    }
    if let Outcome::Value(_) = account.vault().load_session(account.key).await {
        return Opened::NothingKept;
    }
    Opened::Empty
}

async fn value(account: &Arc<Account>, stored: Stored) -> Opened {
    account.set_vault_epoch(stored.epoch);
    let has_device_key = device_key::load(account).await.is_some();
    if has_device_key {
        account.tell(Message::CanReauthenticate(true));
    }
    let now = account.server().line.now();
    let record = stored.session.as_deref().and_then(SessionRecord::read);
    if let Some(record) = &record {
        account.set_last_accepted(record.last_accepted);
    }
    let generations = stored.previous.iter().rev().chain([&stored.credentials]);
    let proven = generations.clone().rev().find(|credentials| credentials.identity.subject.is_some());
    let pinned = proven.unwrap_or(&stored.credentials).identity.clone();
    let proof = proof_of(account, &pinned, &stored.credentials.identity);
    let restored = Restored {
        snapshot: record.map(|record| record.snapshot),
        credentials: summary(&stored.credentials, now, true, proof),
        previous: stored.previous.last().map(|credentials| credentials.generation),
        intent: stored.intent.map(|intent| intent.generation),
        gap_is_certain: account.server().line.gap_is_certain(),
    };
    account.is_shared(&stored.credentials);
    *lock(&account.kept) = generations.cloned().collect();
    *lock(&account.identity) = Some(pinned);
    Opened::Value(Box::new(restored))
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
    account.tell(Message::Event(Event::VaultOpened(opened)));
}
