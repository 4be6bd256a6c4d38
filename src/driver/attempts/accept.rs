//! New credentials: whose they are is checked and they are stored before anybody sees the access token.

use std::time::Duration;

use mainstay_core::{IdentityProof, TokenOutcome};

use super::{Ended, NOTHING_SENT, locking::adopt};
use crate::{
    Credentials, Identity, Secret, StoredAccessToken,
    driver::{
        account::{Account, lock},
        identify::{Named, Occasion, identify},
        message::Brought,
        opening::{proof_of, summary},
        provider::ImportedTokens,
        revocations,
    },
    oauth::{DpopKey, LIFETIME_ASSUMED, LIFETIME_CEILING, LIFETIME_FLOOR, TokenAnswer},
    vault::{Outcome, Rotation, VaultError},
};

/// Which rung brought them: only a refresh may inherit its identity.
#[derive(Clone, Copy)]
pub(super) enum Rung<'a> {
    /// What was presented stays, if the server gives no other.
    Refresh { presented: &'a Secret },
    /// With this key, if the tokens are to be bound to one.
    Reauthentication { key: Option<&'a DpopKey> },
}

/// Checks whose tokens these are and stores them, before anybody sees the access token.
pub(super) async fn accept(account: &Account, rotation: Rotation, answer: &TokenAnswer, rung: Rung<'_>) -> Ended {
    let base = rotation.credentials();
    let (presented, dpop_key) = match rung {
        Rung::Refresh { presented } => (Some(presented), base.dpop_key.clone()),
        Rung::Reauthentication { key } => (None, key.map(DpopKey::to_secret)),
    };
    let pinned = lock(&account.identity).clone().unwrap_or_else(|| base.identity.clone());
    let identity = match identify(account.server(), answer, &pinned, Occasion::Renewal).await {
        Named::Foreign => return (TokenOutcome::Foreign, None),
        Named::Refused(_forged) => return (TokenOutcome::Malformed, None),
        Named::Pinned(identity) => identity,
        Named::Claimed(_) | Named::Nobody => Identity { subject: None, ..pinned.clone() },
    };
    account.learn_signing_key(answer.id_token.as_ref());
    let mut proof = proof_of(account, &pinned, &identity);
    if matches!(rung, Rung::Reauthentication { .. }) && proof == IdentityProof::Inherited {
        proof = IdentityProof::Unverified;
    }
    // A server that names nobody on refresh, and a profile that says so, keep the proof of the sign-in.
    let identity = if proof == IdentityProof::Inherited { pinned } else { identity };
    let credentials = Credentials {
        generation: rotation.next(),
        identity,
        access_tokens: [stored_token(account, answer)].into_iter().chain(others(account, base, rung)).collect(),
        refresh_token: answer.refresh_token_to_keep(presented),
        dpop_key,
    };
    store(account, rotation, credentials, proof).await
}

/// Tokens for other audiences outlive a refresh of the session's own.
fn others(account: &Account, base: &Credentials, rung: Rung<'_>) -> Vec<StoredAccessToken> {
    let now = account.server().line.now();
    let stays = matches!(rung, Rung::Refresh { .. });
    let more = base.access_tokens.iter().skip(1).filter(|token| stays && token.expires_at > now);
    more.cloned().collect()
}

pub(in crate::driver) fn stored_token(account: &Account, answer: &TokenAnswer) -> StoredAccessToken {
    let now = account.server().line.now();
    StoredAccessToken {
        token: answer.access_token.clone(),
        token_type: answer.token_type.as_str().to_owned(),
        audience: None,
        scopes: answer.scopes.clone().unwrap_or_else(|| account.scopes.clone()),
        received_at: now,
        expires_at: now.plus(answer.lifetime.duration),
    }
}

pub(super) async fn store(
    account: &Account,
    rotation: Rotation,
    credentials: Credentials,
    proof: IdentityProof,
) -> Ended {
    let epoch = account.vault_epoch();
    let new = |saved| summary(&credentials, account.server().line.now(), saved, proof);
    match account.vault().commit(&rotation, &credentials).await {
        Ok(()) => {
            let found = TokenOutcome::Renewed(new(true));
            (found, Some(Box::new(Brought { epoch, credentials, unsaved: None })))
        }
        Err(error @ (VaultError::SignedOut | VaultError::Superseded { .. })) => {
            tracing::info!(name: "refresh.lost", account = %account.key, %error);
            revocations::lost(&account.deployment, rotation, &credentials, &error).await;
            match account.vault().load(account.key).await {
                Outcome::Value(stored) => adopt(account, stored.credentials),
                _ => (NOTHING_SENT, None),
            }
        }
        Err(error) => {
            tracing::warn!(name: "refresh.unsaved", account = %account.key, %error);
            let found = TokenOutcome::Renewed(new(false));
            (found, Some(Box::new(Brought { epoch, credentials, unsaved: Some(rotation) })))
        }
    }
}

pub(super) async fn accept_imported(account: &Account, rotation: Rotation, tokens: ImportedTokens) -> Ended {
    let pinned = lock(&account.identity).clone().unwrap_or_else(|| rotation.credentials().identity.clone());
    let Some(token) = imported_token(account, &tokens) else {
        return (TokenOutcome::Refused { revoked: false }, None);
    };
    let proof = if pinned.subject.is_some() { IdentityProof::Unverified } else { IdentityProof::Unpinned };
    let credentials = Credentials {
        generation: rotation.next(),
        identity: Identity { subject: None, ..pinned },
        access_tokens: vec![token],
        refresh_token: tokens.refresh_token.filter(|token| !token.is_empty()),
        dpop_key: None,
    };
    store(account, rotation, credentials, proof).await
}

/// An access token from elsewhere, if there is one; its lifetime between floor and ceiling.
pub(in crate::driver) fn imported_token(account: &Account, tokens: &ImportedTokens) -> Option<StoredAccessToken> {
    let token = tokens.access_token.clone().filter(|token| !token.is_empty())?;
    let now = account.server().line.now();
    let life = tokens.expires_in.map_or(LIFETIME_ASSUMED, Duration::from_secs);
    Some(StoredAccessToken {
        token,
        token_type: "Bearer".to_owned(),
        audience: None,
        scopes: account.scopes.clone(),
        received_at: now,
        expires_at: now.plus(life.clamp(LIFETIME_FLOOR, LIFETIME_CEILING)),
    })
}
