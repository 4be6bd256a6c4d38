//! Presenting a refresh token, under the credential's lock, with its intent on disk.

use std::sync::Arc;

use mainstay_core::{Event, ForeignBy, Generation, Outcome, TokenOutcome};

use super::{
    Ended,
    accept::{Rung, accept, store, stored_token},
    locking::{lock_and_read, not_begun},
    meaning::outcome_of,
};
use crate::{
    Credentials, Error, Identity, StoredAccessToken,
    driver::{
        account::{Account, Message, lock},
        audience::PAUSE_AFTER_FAILURE,
        identify::{Named, identify},
        opening::proof_of,
        options::TokenRequest,
    },
    error::Failure,
    host::ConnectionWish,
    oauth::{Grant, Probe, TokenAnswer, token_request},
    profile::RefreshIdentity,
    vault::{Rotation, Spends},
};

pub(in crate::driver) async fn refresh(
    account: Arc<Account>,
    attempt: u32,
    generation: Generation,
    with_scope: bool,
    unsaved: Option<Rotation>,
) {
    let (found, brought) = try_refresh(&account, generation, with_scope, unsaved).await;
    account.tell(Message::Ended { attempt, outcome: Outcome::Refresh(found), brought });
}

async fn try_refresh(account: &Account, generation: Generation, with_scope: bool, unsaved: Option<Rotation>) -> Ended {
    let guard = match lock_and_read(account, generation, unsaved).await {
        Ok(guard) => guard,
        Err(ended) => return ended,
    };
    // Asked for before anything is spent.
    if let Err(failure) = account.server().metadata().await {
        return (outcome_of(&failure), None);
    }
    account.tell_abilities();
    let rotation = match account.vault().begin_rotation(guard, generation, Spends::RefreshToken).await {
        Ok(rotation) => rotation,
        Err(error) => return (not_begun(&error), None),
    };
    let Some(presented) = rotation.credentials().refresh_token.clone() else {
        return (TokenOutcome::Refused { revoked: false }, None);
    };
    account.tell(Message::RefreshPrepared);
    let scopes = with_scope.then_some(account.scopes.as_slice()).filter(|scopes| !scopes.is_empty());
    let grant = Grant::RefreshToken { token: &presented, scopes };
    let server = account.server();
    let answer = server.tokens(|endpoint| token_request(endpoint, &server.client, &grant, None)).await;
    match answer {
        Ok(answer) => accept(account, rotation, &answer, Some(&presented), Rung::Refresh).await,
        Err(failure) => {
            let found = outcome_of(&failure);
            // A definite "no" spent nothing. Whatever may have been acted on keeps its intent.
            let unknown = matches!(found, TokenOutcome::Transient { lost: true, .. } | TokenOutcome::Malformed);
            if !unknown && let Err(error) = account.vault().abandon(rotation).await {
                tracing::warn!(name: "refresh.intent_left", account = %account.key, %error);
            }
            (found, None)
        }
    }
}

/// A refresh for one more access token (RFC 8707 section 2.2). The session's own goes along into the next generation.
pub(in crate::driver) async fn refresh_for(account: &Account, request: &TokenRequest) -> Result<(), Error> {
    let later = Error::TryLater { cause: None, retry_after: PAUSE_AFTER_FAILURE };
    let newest = lock(&account.kept).last().map(|credentials| credentials.generation);
    let generation = newest.ok_or_else(|| later.clone())?;
    let guard = match lock_and_read(account, generation, None).await {
        Ok(guard) => guard,
        // Another process renewed meanwhile; its credentials may hold the token.
        Err((TokenOutcome::Adopted(new), Some(brought))) => {
            account.adopt_more(Event::GenerationFound(new), *brought).await;
            return Ok(());
        }
        Err(_not_now) => return Err(later),
    };
    let server = account.server();
    server.metadata().await?;
    let rotation =
        account.vault().begin_rotation(guard, generation, Spends::RefreshToken).await.map_err(Failure::from)?;
    let Some(presented) = rotation.credentials().refresh_token.clone() else {
        return Err(Error::Misconfigured("another token needs a refresh token, and this session has none".to_owned()));
    };
    let scopes = Some(request.scopes.as_slice()).filter(|scopes| !scopes.is_empty());
    let grant = Grant::RefreshToken { token: &presented, scopes };
    let resource = request.audience.as_deref();
    let asked = server.tokens(|endpoint| token_request(endpoint, &server.client, &grant, resource)).await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(failure) => {
            if !matches!(outcome_of(&failure), TokenOutcome::Transient { lost: true, .. } | TokenOutcome::Malformed) {
                account.vault().abandon(rotation).await.map_err(Failure::from)?;
            }
            return Err(failure.into());
        }
    };
    let base = rotation.credentials();
    let pinned = lock(&account.identity).clone().unwrap_or_else(|| base.identity.clone());
    let is_theirs = match identify(server, &answer, &pinned, None) {
        Named::Foreign => {
            account.tell(Message::Event(Event::ForeignIdentity(ForeignBy::TokenResponse)));
            return Err(Error::IdentityMismatch);
        }
        Named::Pinned(_) => true,
        Named::Nobody => names_the_pinned(account, &answer, &pinned).await?,
    };
    let fresh = StoredAccessToken { audience: request.audience.clone(), ..stored_token(account, &answer) };
    let differs = |token: &&StoredAccessToken| token.audience != fresh.audience || token.scopes != fresh.scopes;
    let (own, others) = base.access_tokens.split_first().ok_or_else(|| later.clone())?;
    let mut access_tokens = vec![own.clone()];
    access_tokens.extend(others.iter().filter(differs).cloned());
    if is_theirs {
        access_tokens.push(fresh.clone());
    }
    let credentials = Credentials {
        generation: rotation.next(),
        identity: base.identity.clone(),
        access_tokens,
        refresh_token: answer.refresh_token_to_keep(Some(&presented)),
    };
    let proof = proof_of(account, &pinned, &base.identity);
    match store(account, rotation, credentials, proof).await {
        (TokenOutcome::Renewed(new), Some(brought)) => {
            account.adopt_more(Event::Extended(new), *brought).await;
        }
        (TokenOutcome::Adopted(new), Some(brought)) => {
            account.adopt_more(Event::GenerationFound(new), *brought).await;
        }
        _ => return Err(later),
    }
    if is_theirs { Ok(()) } else { Err(Failure::Unnamed.into()) }
}

/// Whether a token that came without an ID token is the pinned person's: as the profile says, or as the probe does.
async fn names_the_pinned(account: &Account, answer: &TokenAnswer, pinned: &Identity) -> Result<bool, Error> {
    let server = account.server();
    if pinned.subject.is_none() || server.profile.refresh_identity == RefreshIdentity::Inherited {
        return Ok(true);
    }
    let Some((endpoint, true)) = server.probe_endpoint().await else { return Ok(false) };
    match server.probe(&endpoint, &answer.access_token, pinned, ConnectionWish::Any).await {
        Ok((Probe::Accepted { named: true }, _)) => Ok(true),
        Ok((Probe::Foreign, _)) => {
            account.tell(Message::Event(Event::ForeignIdentity(ForeignBy::Probe)));
            Err(Error::IdentityMismatch)
        }
        _ => Ok(false),
    }
}
