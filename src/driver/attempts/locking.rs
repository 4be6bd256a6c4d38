//! The credential's lock, and what another process may have stored before we had it (rung 1).

use std::time::Duration;

use mainstay_core::{Event, Generation, TokenOutcome};

use super::{Ended, NOTHING_SENT};
use crate::{
    Credentials,
    driver::{
        account::{Account, lock},
        message::{Brought, Message},
        opening::{proof_of, summary},
        revocations,
        server::within,
    },
    vault::{AccountGuard, Outcome, Rotation, VaultError},
};

/// How long a refresh waits for another process that holds the credential's lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// Takes the credential's lock and reads again what somebody else may have stored meanwhile (rung 1). The generation that
/// comes with the lock is a newer one if all that it adds is a token for another audience.
pub(super) async fn lock_and_read(
    account: &Account,
    generation: Generation,
    unsaved: Option<Rotation>,
) -> Result<(AccountGuard, Generation), Ended> {
    if let Some(rotation) = unsaved {
        save_first(account, generation, rotation).await?;
    }
    let clock = &*account.server().host.clock;
    let guard = match within(clock, LOCK_PATIENCE, account.vault().lock_account(account.key)).await {
        Some(Ok(guard)) => guard,
        Some(Err(error)) => {
            tracing::error!(name: "vault.lock", account = %account.key, %error);
            return Err((TokenOutcome::LockBusy, None));
        }
        None => return Err((TokenOutcome::LockBusy, None)),
    };
    match account.vault().load(account.key).await {
        Outcome::Value(stored) if stored.credentials.generation > generation => {
            if !is_same_token(account, generation, &stored.credentials) {
                return Err(adopt(account, stored.credentials));
            }
            let newer = stored.credentials.generation;
            if let (TokenOutcome::Adopted(new), Some(brought)) = adopt(account, stored.credentials) {
                account.adopt_more(Event::Extended(new), *brought).await;
            }
            Ok((guard, newer))
        }
        // What was only in memory was lost to somebody who signed in or out elsewhere: theirs is the session now.
        Outcome::Value(stored) if stored.credentials.generation < generation => {
            tracing::warn!(name: "vault.older", account = %account.key, found = stored.credentials.generation.number());
            Err((TokenOutcome::StorageFull, None))
        }
        Outcome::Value(_) => Ok((guard, generation)),
        Outcome::Empty => {
            account.hot.raise_epoch();
            account.tell(Message::SignedOutElsewhere);
            Err((NOTHING_SENT, None))
        }
        Outcome::Locked(_) | Outcome::Unreadable(_) | Outcome::TooNew { .. } => Err((TokenOutcome::StorageFull, None)),
    }
}

/// Whether the session's own access token is still the one of `generation`: no renewal has come first.
fn is_same_token(account: &Account, generation: Generation, stored: &Credentials) -> bool {
    let own = |credentials: &Credentials| credentials.access_tokens.first().map(|token| token.token.clone());
    account.credentials(generation).is_some_and(|known| own(&known).is_some() && own(&known) == own(stored))
}

/// Credentials that live in memory only must be stored before their refresh token is spent.
async fn save_first(account: &Account, generation: Generation, rotation: Rotation) -> Result<(), Ended> {
    let Some(credentials) = account.credentials(generation) else { return Ok(()) };
    match account.vault().commit(&rotation, &credentials).await {
        Ok(()) => {
            account.tell(Message::Event(Event::Saved { generation }));
            Ok(())
        }
        Err(error @ (VaultError::SignedOut | VaultError::Superseded { .. })) => {
            revocations::lost(&account.deployment, rotation, &credentials, &error).await;
            Ok(())
        }
        Err(_still_not) => {
            let brought = Brought { epoch: account.vault_epoch(), credentials, unsaved: Some(rotation) };
            Err((TokenOutcome::StorageFull, Some(Box::new(brought))))
        }
    }
}

pub(in crate::driver) fn adopt(account: &Account, credentials: Credentials) -> Ended {
    let now = account.server().line.now();
    let pinned = lock(&account.identity).clone().unwrap_or_else(|| credentials.identity.clone());
    if credentials.identity.subject.is_some() && pinned.subject.is_some() && credentials.identity != pinned {
        return (TokenOutcome::Foreign, None);
    }
    let proof = proof_of(account, &pinned, &credentials.identity);
    let new = summary(&credentials, now, true, proof);
    let brought = Brought { epoch: account.vault_epoch(), credentials, unsaved: None };
    (TokenOutcome::Adopted(new), Some(Box::new(brought)))
}

pub(super) fn not_begun(error: &VaultError) -> TokenOutcome {
    tracing::warn!(name: "refresh.not_begun", %error);
    match error {
        VaultError::Lock(_) => TokenOutcome::LockBusy,
        VaultError::Superseded { .. } | VaultError::SignedOut => NOTHING_SENT,
        _ => TokenOutcome::StorageFull,
    }
}
