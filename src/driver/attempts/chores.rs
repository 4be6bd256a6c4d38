//! What the core asks for besides attempts: metadata, status, storing, destroying.

use std::sync::Arc;

use mainstay_core::{Event, Generation, Outcome, Target};

use crate::{
    driver::{account::Account, message::Message, revocations, watching::Writing},
    oauth::{Answer, ServerStatus, status_request},
    vault::{Rotation, VaultError},
};

pub(in crate::driver) async fn rediscover(account: Arc<Account>, attempt: u32) {
    let changed = account.server().rediscover().await.is_ok_and(|(_, changed)| changed);
    account.tell(Message::Ended { attempt, outcome: Outcome::Rediscovered { changed }, brought: None });
}

pub(in crate::driver) async fn read_status(account: Arc<Account>) {
    let server = account.server();
    let Some(endpoint) = server.metadata().await.ok().and_then(|metadata| metadata.status_endpoint.clone()) else {
        return;
    };
    let Ok(inbound) = server.ask(status_request(&endpoint)).await else { return };
    if let Ok(status) = ServerStatus::read(&Answer::new(&inbound.response, inbound.from_cache)) {
        account.tell(Message::Event(Event::StatusRead { healthy: Some(status.healthy), spread: status.spread }));
    }
}

/// Tries again to store credentials that live in memory only.
pub(in crate::driver) async fn save_again(account: Arc<Account>, generation: Generation, rotation: Rotation) {
    let Some(credentials) = account.credentials(generation) else { return };
    let epoch = account.vault_epoch();
    match account.vault().commit(&rotation, &credentials).await {
        Ok(()) => account.tell(Message::Saved(generation)),
        Err(error @ (VaultError::SignedOut | VaultError::Superseded { .. })) => {
            tracing::info!(name: "refresh.lost", account = %account.key, %error);
            revocations::lost(&account.deployment, rotation, &credentials, &error).await;
            account.tell(Message::LostToOthers);
        }
        Err(error) => {
            tracing::warn!(name: "refresh.still_unsaved", account = %account.key, %error);
            account.tell(Message::StillUnsaved { rotation, epoch });
        }
    }
}

/// Removes from disk what the core allowed to be destroyed.
pub(in crate::driver) async fn destroy(account: Arc<Account>, target: Target, writing: Writing) {
    let done = match target {
        Target::Before(accepted) => account.vault().drop_superseded(account.key, accepted).await,
        Target::Generation(generation) => account.vault().destroy_generation(account.key, generation).await,
        Target::KeptCredentials => account.vault().destroy_credentials(account.key).await,
        Target::Everything => Ok(()),
    };
    if let Err(error) = done {
        tracing::warn!(name: "credentials.not_destroyed", account = %account.key, %error);
        // What is left on the disk must never be taken for something that another process stored.
        writing.never_ends();
    }
}
