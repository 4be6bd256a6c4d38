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
    Credentials, Identity, StoredAccessToken,
    driver::{
        account::{Account, lock},
        dpop::Presented,
        identify::{Named, Occasion, identify},
        message::Message,
        opening::proof_of,
        options::TokenRequest,
    },
    error::{Failure, TRY_AGAIN_SOON},
    host::ConnectionWish,
    oauth::{Grant, Probe, TokenAnswer, TokenFailure, UnreasonedBody, token_request},
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
    let _writing = account.writing();
    let (found, brought) = try_refresh(&account, generation, with_scope, unsaved).await;
    account.tell(Message::Ended { attempt, outcome: Outcome::Refresh(found), brought });
}

/// The app's scopes, without those that the server did not grant: a refresh that asks for more than was granted is
/// refused (RFC 6749 section 6).
fn granted_scopes(account: &Account, rotation: &Rotation) -> Vec<String> {
    let granted = rotation.credentials().access_tokens.first().map(|token| &token.scopes);
    let is_granted = |scope: &&String| granted.is_none_or(|granted| granted.contains(scope));
    account.scopes.iter().filter(is_granted).cloned().collect()
}

async fn try_refresh(account: &Account, generation: Generation, with_scope: bool, unsaved: Option<Rotation>) -> Ended {
    let (guard, generation) = match lock_and_read(account, generation, unsaved).await {
        Ok(locked) => locked,
        Err(ended) => return ended,
    };
    // Asked for before anything is spent.
    if let Err(failure) = account.server().metadata().await {
        return (outcome_of(&failure), None);
    }
    account.tell_abilities();
    account.prepare_keys().await;
    let rotation = match account.vault().begin_rotation(guard, generation, Spends::RefreshToken).await {
        Ok(rotation) => rotation,
        Err(error) => return (not_begun(&error), None),
    };
    let Some(presented) = rotation.credentials().refresh_token.clone() else {
        return (TokenOutcome::Refused { revoked: false }, None);
    };
    account.tell(Message::RefreshPrepared);
    let granted = granted_scopes(account, &rotation);
    let scopes = Some(granted.as_slice()).filter(|scopes| with_scope && !scopes.is_empty());
    let grant = Grant::RefreshToken { token: &presented, scopes };
    let server = account.server();
    let key = account.dpop_key();
    let answer = server.tokens(key.as_ref(), |endpoint| token_request(endpoint, &server.client, &grant, None)).await;
    match answer {
        Ok(answer) => accept(account, rotation, &answer, Rung::Refresh { presented: &presented }).await,
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

/// What a refresh for one more access token came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::driver) enum More {
    /// The server gave a token, and it is stored.
    Granted,
    /// Nothing was asked: newer credentials were there, and are taken over.
    Overtaken,
}

/// A refresh for one more access token (RFC 8707 section 2.2). The session's own goes along into the next generation.
pub(in crate::driver) async fn refresh_for(account: &Account, request: &TokenRequest) -> Result<More, Failure> {
    let _writing = account.writing();
    let not_now = || Failure::NotNow(TRY_AGAIN_SOON);
    let newest = lock(&account.kept).last().map(|credentials| credentials.generation);
    let (guard, generation) = match lock_and_read(account, newest.ok_or_else(not_now)?, None).await {
        Ok(locked) => locked,
        Err((TokenOutcome::Adopted(new), Some(brought))) => {
            account.adopt_more(Event::GenerationFound(new), *brought).await;
            return Ok(More::Overtaken);
        }
        Err(_not_now) => return Err(not_now()),
    };
    let server = account.server();
    server.metadata().await?;
    account.prepare_keys().await;
    let rotation = account.vault().begin_rotation(guard, generation, Spends::RefreshToken).await?;
    let Some(presented) = rotation.credentials().refresh_token.clone() else {
        account.vault().abandon(rotation).await?;
        let text = "another token needs a refresh token, and this session has none";
        return Err(Failure::Misconfigured(text.to_owned()));
    };
    let scopes = Some(request.scopes.as_slice()).filter(|scopes| !scopes.is_empty());
    let grant = Grant::RefreshToken { token: &presented, scopes };
    let resource = request.audience.as_deref();
    let key = account.dpop_key();
    let asked = server.tokens(key.as_ref(), |endpoint| token_request(endpoint, &server.client, &grant, resource)).await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(failure) => {
            if !matches!(outcome_of(&failure), TokenOutcome::Transient { lost: true, .. } | TokenOutcome::Malformed) {
                account.vault().abandon(rotation).await?;
            }
            return Err(if is_refusal(&failure) { Failure::NotGranted(request.describe()) } else { failure });
        }
    };
    let base = rotation.credentials();
    let pinned = lock(&account.identity).clone().unwrap_or_else(|| base.identity.clone());
    let is_theirs = match identify(server, &answer, &pinned, Occasion::Renewal).await {
        Named::Foreign => {
            account.tell(Message::Event(Event::ForeignIdentity(ForeignBy::TokenResponse)));
            return Err(Failure::OtherIdentity);
        }
        Named::Refused(error) => return Err(error.into()),
        Named::Pinned(_) => true,
        Named::Claimed(_) | Named::Nobody => names_the_pinned(account, &answer, &pinned).await?,
    };
    let fresh = StoredAccessToken { audience: request.audience.clone(), ..stored_token(account, &answer) };
    let now = server.line.now();
    let stays = |token: &&StoredAccessToken| {
        token.expires_at > now && (token.audience != fresh.audience || token.scopes != fresh.scopes)
    };
    let (own, others) = base.access_tokens.split_first().ok_or_else(not_now)?;
    let mut access_tokens = vec![own.clone()];
    access_tokens.extend(others.iter().filter(stays).cloned());
    if is_theirs {
        access_tokens.push(fresh.clone());
    }
    let credentials = Credentials {
        generation: rotation.next(),
        identity: base.identity.clone(),
        access_tokens,
        refresh_token: answer.refresh_token_to_keep(Some(&presented)),
        dpop_key: base.dpop_key.clone(),
    };
    let proof = proof_of(account, &pinned, &base.identity);
    match store(account, rotation, credentials, proof).await {
        (TokenOutcome::Renewed(new), Some(brought)) => {
            account.adopt_more(Event::Extended(new), *brought).await;
            if is_theirs { Ok(More::Granted) } else { Err(Failure::Unnamed) }
        }
        (TokenOutcome::Adopted(new), Some(brought)) => {
            account.adopt_more(Event::GenerationFound(new), *brought).await;
            Ok(More::Overtaken)
        }
        _ => Err(not_now()),
    }
}

/// Whether the server said no to this very request, in the words of RFC 6749 section 5.2 or RFC 8707 section 2.
fn is_refusal(failure: &Failure) -> bool {
    let Failure::Token(error) = failure else { return false };
    match &error.failure {
        TokenFailure::InvalidGrant | TokenFailure::InvalidScope => true,
        TokenFailure::Unreasoned(refusal) => {
            refusal.body == UnreasonedBody::OtherCode && matches!(refusal.status, 400 | 401 | 403)
        }
        _ => false,
    }
}

/// Whether a token that came without an ID token is the pinned person's: as the profile says, or as the probe does.
async fn names_the_pinned(account: &Account, answer: &TokenAnswer, pinned: &Identity) -> Result<bool, Failure> {
    let server = account.server();
    if pinned.subject.is_none() || server.profile.refresh_identity == RefreshIdentity::Inherited {
        return Ok(true);
    }
    let Some((endpoint, true)) = server.probe_endpoint().await else { return Ok(false) };
    let key = account.dpop_key();
    let presented = Presented::new(&answer.access_token, answer.token_type.as_str(), key.as_ref());
    match server.probe(&endpoint, presented, pinned, ConnectionWish::Any).await {
        Ok((Probe::Accepted { named: true }, _)) => Ok(true),
        Ok((Probe::Foreign, _)) => {
            account.tell(Message::Event(Event::ForeignIdentity(ForeignBy::Probe)));
            Err(Failure::OtherIdentity)
        }
        _ => Ok(false),
    }
}
