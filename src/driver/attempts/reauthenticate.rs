//! New credentials without a person: by device key, then by the app's provider.

use std::{sync::Arc, time::Duration};

use mainstay_core::{Outcome, TokenOutcome};

use super::{
    Ended,
    accept::{Rung, accept, accept_imported},
    locking::{lock_and_read, not_begun},
    meaning::outcome_of,
};
use crate::{
    driver::{
        account::{Account, lock},
        device_key,
        message::Message,
        provider::{ImportedTokens, ProviderError},
        server::within,
    },
    oauth::{DpopKey, Grant, TokenAnswer, token_request},
    vault::{Rotation, Spends},
};

/// How long the app's credential provider may take.
const PROVIDER_PATIENCE: Duration = Duration::from_secs(60);

pub(in crate::driver) async fn reauthenticate(account: Arc<Account>, attempt: u32, unsaved: Option<Rotation>) {
    let _writing = account.writing();
    let (found, brought) = try_reauthenticate(&account, unsaved).await;
    account.tell(Message::Ended { attempt, outcome: Outcome::Reauthentication(found), brought });
}

/// Device key first, then the app's provider.
async fn try_reauthenticate(account: &Account, unsaved: Option<Rotation>) -> Ended {
    let newest = lock(&account.kept).last().map(|credentials| credentials.generation);
    let Some(generation) = newest else { return (TokenOutcome::Refused { revoked: false }, None) };
    let (guard, generation) = match lock_and_read(account, generation, unsaved).await {
        Ok(locked) => locked,
        Err(ended) => return ended,
    };
    let subject = lock(&account.identity).clone().and_then(|identity| identity.subject);
    let enrolled = device_key::load(account).await;
    // The server's own time is learned before an assertion is dated by it.
    if enrolled.is_some()
        && let Err(failure) = account.server().metadata().await
    {
        return (outcome_of(&failure), None);
    }
    account.prepare_keys().await;
    let by_key = match (enrolled, subject.as_deref()) {
        (Some(key), Some(subject)) => by_device_key(account, &key, subject).await,
        _ => Err(TokenOutcome::Refused { revoked: false }),
    };
    let answer = match (by_key, &account.deployment.provider) {
        (Err(TokenOutcome::Refused { revoked: false }), Some(provider)) => {
            let clock = &*account.server().host.clock;
            match within(clock, PROVIDER_PATIENCE, provider.supply(subject.as_deref())).await {
                Some(Ok(tokens)) => Ok(Supplied::Tokens(tokens)),
                Some(Err(ProviderError::Declined)) => Err(TokenOutcome::Refused { revoked: false }),
                Some(Err(ProviderError::Unavailable)) | None => {
                    Err(TokenOutcome::Transient { retry_after: None, lost: false })
                }
            }
        }
        (by_key, _) => by_key,
    };
    let supplied = match answer {
        Ok(supplied) => supplied,
        Err(found) => return (found, None),
    };
    let rotation = match account.vault().begin_rotation(guard, generation, Spends::Nothing).await {
        Ok(rotation) => rotation,
        Err(error) => return (not_begun(&error), None),
    };
    match supplied {
        Supplied::Answer(answer, key) => {
            accept(account, rotation, &answer, Rung::Reauthentication { key: key.as_ref() }).await
        }
        Supplied::Tokens(tokens) => accept_imported(account, rotation, tokens).await,
    }
}

enum Supplied {
    Answer(Box<TokenAnswer>, Option<DpopKey>),
    Tokens(ImportedTokens),
}

async fn by_device_key(
    account: &Account,
    key: &device_key::EnrolledKey,
    subject: &str,
) -> Result<Supplied, TokenOutcome> {
    let server = account.server();
    let assertion = device_key::assertion(account, key, subject);
    let scopes = Some(account.scopes.as_slice()).filter(|scopes| !scopes.is_empty());
    let grant = Grant::JwtBearer { assertion: &assertion, scopes };
    let metadata = server.metadata().await.map_err(|failure| outcome_of(&failure))?;
    let bound_to = account.dpop_key().or_else(|| server.new_dpop_key(&metadata));
    let answer =
        server.tokens(bound_to.as_ref(), |endpoint| token_request(endpoint, &server.client, &grant, None)).await;
    answer.map(|answer| Supplied::Answer(Box::new(answer), bound_to)).map_err(|failure| outcome_of(&failure))
}
