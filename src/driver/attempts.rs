//! The attempts that the core asks for. Each runs in a task of its own and always reports back.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mainstay_core::{
    Event, ForeignBy, Generation, IdentityProof, Outcome, ProbeOutcome, ProbePurpose, RejectionClass, SignedOutReason,
    Target, TokenOutcome,
};

use super::{
    account::{Account, Brought, Message, lock},
    audience::PAUSE_AFTER_FAILURE,
    device_key,
    identify::{Named, identify},
    opening::{proof_of, summary},
    provider::{ImportedTokens, ProviderError},
    server::within,
    session::TokenRequest,
    sign_in,
};
use crate::{
    Credentials, Error, Identity, Secret, StoredAccessToken,
    error::Failure,
    host::{Connection, ConnectionWish, TransportError},
    oauth::{
        Answer, Grant, LIFETIME_ASSUMED, LIFETIME_CEILING, LIFETIME_FLOOR, Probe, Rejection, ServerStatus, TokenAnswer,
        TokenError, TokenFailure, TransientKind, status_request, token_request,
    },
    vault::{AccountGuard, Outcome as VaultOutcome, Rotation, Spends, VaultError},
};

/// How long a refresh waits for another process that holds the credential's lock.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
/// How long the app's credential provider may take.
const PROVIDER_PATIENCE: Duration = Duration::from_secs(60);

type Ended = (TokenOutcome, Option<Box<Brought>>);

const NOTHING_SENT: TokenOutcome = TokenOutcome::Unreachable;

// ---- probes ----------------------------------------------------------------------------------------------------

pub(super) async fn probe(account: Arc<Account>, attempt: u32, generation: Generation, purpose: ProbePurpose) {
    let found = ask_probe(&account, generation, purpose).await.unwrap_or(ProbeOutcome::Silent);
    account.tell(Message::Ended { attempt, outcome: Outcome::Probe(found), brought: None });
}

/// `None`: nothing could be asked.
async fn ask_probe(account: &Account, generation: Generation, purpose: ProbePurpose) -> Option<ProbeOutcome> {
    let credentials = account.credentials(generation)?;
    let token = credentials.access_tokens.first()?;
    let (endpoint, _names) = account.server().probe_endpoint().await?;
    if purpose == ProbePurpose::FreshConnection {
        let rejecting = lock(&account.rejecting_origin).clone();
        if rejecting.is_some_and(|origin| origin != endpoint.url().origin()) {
            // The token was rejected elsewhere: another server's opinion says nothing about that one.
            return None;
        }
    }
    let pinned = lock(&account.identity).clone().unwrap_or_else(|| credentials.identity.clone());
    let asked = account.server().probe(&endpoint, &token.token, &pinned, ConnectionWish::Fresh).await;
    let (found, inbound) = asked.ok()?;
    let must_be_named = credentials.identity.subject.is_none()
        && proof_of(account, &pinned, &credentials.identity) == IdentityProof::Unverified;
    let on_fresh_connection = inbound.connection == Connection::Fresh;
    Some(match found {
        Probe::Accepted { named } if named || !must_be_named => ProbeOutcome::Accepted { on_fresh_connection },
        Probe::Foreign => ProbeOutcome::Foreign,
        Probe::Rejected(rejection) => match class_of(&rejection) {
            Some(class) if accuses(class) => ProbeOutcome::Rejected(class),
            _ => ProbeOutcome::Silent,
        },
        Probe::Accepted { .. } | Probe::NoEvidence(_) => ProbeOutcome::Silent,
    })
}

const fn accuses(class: RejectionClass) -> bool {
    use RejectionClass as R;
    matches!(class, R::InvalidToken | R::Unauthorized | R::Legacy | R::SessionRevoked | R::InvalidDpopProof)
}

/// A resource server's answer as the core knows it; `None` if it is no rejection.
pub(super) const fn class_of(rejection: &Rejection) -> Option<RejectionClass> {
    Some(match rejection {
        Rejection::InvalidToken => RejectionClass::InvalidToken,
        Rejection::Unauthorized => RejectionClass::Unauthorized,
        Rejection::Legacy { .. } => RejectionClass::Legacy,
        Rejection::UseDpopNonce { .. } => RejectionClass::UseDpopNonce,
        Rejection::InvalidDpopProof { .. } => RejectionClass::InvalidDpopProof,
        Rejection::Forbidden { .. } => RejectionClass::Forbidden,
        Rejection::InsufficientUserAuthentication { .. } => RejectionClass::StepUp,
        Rejection::ServerTrouble { .. } | Rejection::NotARejection => return None,
    })
}

// ---- refresh ---------------------------------------------------------------------------------------------------

pub(super) async fn refresh(
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

/// Takes the credential's lock and reads again what another process may have stored meanwhile (rung 1).
async fn lock_and_read(
    account: &Account,
    generation: Generation,
    unsaved: Option<Rotation>,
) -> Result<AccountGuard, Ended> {
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
        VaultOutcome::Value(stored) if stored.credentials.generation > generation => {
            Err(adopt(account, stored.credentials))
        }
        VaultOutcome::Value(_) => Ok(guard),
        VaultOutcome::Empty => {
            account.hot.raise_epoch();
            account.tell(Message::Event(Event::SignOut(SignedOutReason::OtherProcess)));
            Err((NOTHING_SENT, None))
        }
        VaultOutcome::Locked(_) | VaultOutcome::Unreadable(_) | VaultOutcome::TooNew { .. } => {
            Err((TokenOutcome::StorageFull, None))
        }
    }
}

/// Credentials that live in memory only must be stored before their refresh token is spent.
async fn save_first(account: &Account, generation: Generation, rotation: Rotation) -> Result<(), Ended> {
    let Some(credentials) = account.credentials(generation) else { return Ok(()) };
    match account.vault().commit(&rotation, &credentials).await {
        Ok(()) => {
            account.tell(Message::Event(Event::Saved { generation }));
            Ok(())
        }
        Err(_still_not) => {
            let brought = Brought { credentials, unsaved: Some(rotation) };
            Err((TokenOutcome::StorageFull, Some(Box::new(brought))))
        }
    }
}

fn adopt(account: &Account, credentials: Credentials) -> Ended {
    let now = account.server().line.now();
    let pinned = lock(&account.identity).clone().unwrap_or_else(|| credentials.identity.clone());
    if credentials.identity.subject.is_some() && pinned.subject.is_some() && credentials.identity != pinned {
        return (TokenOutcome::Foreign, None);
    }
    let proof = proof_of(account, &pinned, &credentials.identity);
    let new = summary(&credentials, now, true, proof);
    (TokenOutcome::Adopted(new), Some(Box::new(Brought { credentials, unsaved: None })))
}

fn not_begun(error: &VaultError) -> TokenOutcome {
    tracing::warn!(name: "refresh.not_begun", %error);
    match error {
        VaultError::Lock(_) => TokenOutcome::LockBusy,
        VaultError::Superseded { .. } | VaultError::SignedOut => NOTHING_SENT,
        _ => TokenOutcome::StorageFull,
    }
}

/// What a failed token request means (DESIGN.md section 4).
fn outcome_of(failure: &Failure) -> TokenOutcome {
    match failure {
        Failure::Transport(error) => match error {
            TransportError::Unreachable | TransportError::Tls | TransportError::InvalidRequest => NOTHING_SENT,
            TransportError::Broken | TransportError::Timeout | TransportError::TooLarge => {
                TokenOutcome::Transient { retry_after: None, lost: true }
            }
        },
        Failure::Token(error) => outcome_of_error(error),
        // Discovery answered nonsense: the server is not well.
        _ => TokenOutcome::Transient { retry_after: None, lost: false },
    }
}

fn outcome_of_error(error: &TokenError) -> TokenOutcome {
    let transient = TokenOutcome::Transient { retry_after: error.retry_after, lost: false };
    match &error.failure {
        TokenFailure::InvalidGrant => TokenOutcome::Refused { revoked: false },
        TokenFailure::Configuration(_) => TokenOutcome::Configuration,
        TokenFailure::InvalidScope => TokenOutcome::InvalidScope,
        TokenFailure::Unreasoned(_) => TokenOutcome::Unreasoned,
        TokenFailure::Transient(TransientKind::Malformed(_)) if matches!(error.status, 200..=299) => {
            TokenOutcome::Malformed
        }
        TokenFailure::Transient(_) | TokenFailure::UseDpopNonce { .. } | TokenFailure::InvalidDpopProof => transient,
    }
}

// ---- new credentials -------------------------------------------------------------------------------------------

/// Which rung brought them: only a refresh may inherit its identity.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rung {
    Refresh,
    Reauthentication,
}

/// Checks whose tokens these are and stores them, before anybody sees the access token.
async fn accept(
    account: &Account,
    rotation: Rotation,
    answer: &TokenAnswer,
    presented: Option<&Secret>,
    rung: Rung,
) -> Ended {
    let base = rotation.credentials();
    let pinned = lock(&account.identity).clone().unwrap_or_else(|| base.identity.clone());
    let identity = match identify(account.server(), answer, &pinned, None) {
        Named::Foreign => return (TokenOutcome::Foreign, None),
        Named::Pinned(identity) => identity,
        Named::Nobody => Identity { subject: None, ..pinned.clone() },
    };
    let mut proof = proof_of(account, &pinned, &identity);
    if rung == Rung::Reauthentication && proof == IdentityProof::Inherited {
        proof = IdentityProof::Unverified;
    }
    // A server that names nobody on refresh, and a profile that says so, keep the proof of the sign-in.
    let identity = if proof == IdentityProof::Inherited { pinned } else { identity };
    let credentials = Credentials {
        generation: rotation.next(),
        identity,
        access_tokens: [stored_token(account, answer)].into_iter().chain(others(account, base, rung)).collect(),
        refresh_token: answer.refresh_token_to_keep(presented),
    };
    store(account, rotation, credentials, proof).await
}

/// Tokens for other audiences outlive a refresh of the session's own.
fn others(account: &Account, base: &Credentials, rung: Rung) -> Vec<StoredAccessToken> {
    let now = account.server().line.now();
    let more = base.access_tokens.iter().skip(1).filter(|token| rung == Rung::Refresh && token.expires_at > now);
    more.cloned().collect()
}

/// A refresh for one more access token (RFC 8707 section 2.2). The session's own goes along into the next generation.
pub(super) async fn refresh_for(account: &Account, request: &TokenRequest) -> Result<(), Error> {
    let later = Error::TryLater { cause: None, retry_after: PAUSE_AFTER_FAILURE };
    let newest = lock(&account.kept).last().map(|credentials| credentials.generation);
    let generation = newest.ok_or_else(|| later.clone())?;
    let guard = match lock_and_read(account, generation, None).await {
        Ok(guard) => guard,
        // Another process renewed meanwhile; its credentials may hold the token.
        Err((TokenOutcome::Adopted(new), Some(brought))) => {
            account.adopt_more(Event::GenerationFound(new), brought.credentials).await;
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
    if let Named::Foreign = identify(server, &answer, &base.identity, None) {
        account.tell(Message::Event(Event::ForeignIdentity(ForeignBy::TokenResponse)));
        return Err(Error::IdentityMismatch);
    }
    let fresh = StoredAccessToken { audience: request.audience.clone(), ..stored_token(account, &answer) };
    let same = |token: &&StoredAccessToken| token.audience != fresh.audience || token.scopes != fresh.scopes;
    let (own, others) = base.access_tokens.split_first().ok_or_else(|| later.clone())?;
    let mut access_tokens = vec![own.clone()];
    access_tokens.extend(others.iter().filter(same).cloned());
    access_tokens.push(fresh.clone());
    let credentials = Credentials {
        generation: rotation.next(),
        identity: base.identity.clone(),
        access_tokens,
        refresh_token: answer.refresh_token_to_keep(Some(&presented)),
    };
    let pinned = lock(&account.identity).clone().unwrap_or_else(|| base.identity.clone());
    let proof = proof_of(account, &pinned, &base.identity);
    match store(account, rotation, credentials, proof).await {
        (TokenOutcome::Renewed(new) | TokenOutcome::Adopted(new), Some(brought)) => {
            account.adopt_more(Event::GenerationFound(new), brought.credentials).await;
            Ok(())
        }
        _ => Err(later),
    }
}

pub(super) fn stored_token(account: &Account, answer: &TokenAnswer) -> StoredAccessToken {
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

async fn store(account: &Account, rotation: Rotation, credentials: Credentials, proof: IdentityProof) -> Ended {
    let new = |saved| summary(&credentials, account.server().line.now(), saved, proof);
    match account.vault().commit(&rotation, &credentials).await {
        Ok(()) => {
            let found = TokenOutcome::Renewed(new(true));
            (found, Some(Box::new(Brought { credentials, unsaved: None })))
        }
        Err(error @ (VaultError::SignedOut | VaultError::Superseded { .. })) => {
            tracing::info!(name: "refresh.lost", account = %account.key, %error);
            drop(rotation);
            sign_in::revoke(&account.deployment, &credentials).await;
            match account.vault().load(account.key).await {
                VaultOutcome::Value(stored) => adopt(account, stored.credentials),
                _ => (NOTHING_SENT, None),
            }
        }
        Err(error) => {
            tracing::warn!(name: "refresh.unsaved", account = %account.key, %error);
            let found = TokenOutcome::Renewed(new(false));
            (found, Some(Box::new(Brought { credentials, unsaved: Some(rotation) })))
        }
    }
}

// ---- silent re-authentication ----------------------------------------------------------------------------------

pub(super) async fn reauthenticate(account: Arc<Account>, attempt: u32, unsaved: Option<Rotation>) {
    let (found, brought) = try_reauthenticate(&account, unsaved).await;
    account.tell(Message::Ended { attempt, outcome: Outcome::Reauthentication(found), brought });
}

/// Device key first, then the app's provider.
async fn try_reauthenticate(account: &Account, unsaved: Option<Rotation>) -> Ended {
    let newest = lock(&account.kept).last().map(|credentials| credentials.generation);
    let Some(generation) = newest else { return (TokenOutcome::Refused { revoked: false }, None) };
    let guard = match lock_and_read(account, generation, unsaved).await {
        Ok(guard) => guard,
        Err(ended) => return ended,
    };
    let subject = lock(&account.identity).clone().and_then(|identity| identity.subject);
    let enrolled = device_key::load(account).await;
    let answer = match (enrolled, subject.as_deref(), &account.deployment.provider) {
        (Some(key), Some(subject), _) => by_device_key(account, &key, subject).await,
        (_, _, Some(provider)) => {
            let clock = &*account.server().host.clock;
            match within(clock, PROVIDER_PATIENCE, provider.supply(subject.as_deref())).await {
                Some(Ok(tokens)) => Ok(Supplied::Tokens(tokens)),
                Some(Err(ProviderError::Declined)) => Err(TokenOutcome::Refused { revoked: false }),
                Some(Err(ProviderError::Unavailable)) | None => {
                    Err(TokenOutcome::Transient { retry_after: None, lost: false })
                }
            }
        }
        _ => Err(TokenOutcome::Refused { revoked: false }),
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
        Supplied::Answer(answer) => accept(account, rotation, &answer, None, Rung::Reauthentication).await,
        Supplied::Tokens(tokens) => accept_imported(account, rotation, tokens).await,
    }
}

enum Supplied {
    Answer(Box<TokenAnswer>),
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
    let answer = server.tokens(|endpoint| token_request(endpoint, &server.client, &grant, None)).await;
    answer.map(|answer| Supplied::Answer(Box::new(answer))).map_err(|failure| outcome_of(&failure))
}

async fn accept_imported(account: &Account, rotation: Rotation, tokens: ImportedTokens) -> Ended {
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
    };
    store(account, rotation, credentials, proof).await
}

/// An access token from elsewhere, if there is one; its lifetime between floor and ceiling.
pub(super) fn imported_token(account: &Account, tokens: &ImportedTokens) -> Option<StoredAccessToken> {
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

// ---- the rest --------------------------------------------------------------------------------------------------

pub(super) async fn rediscover(account: Arc<Account>, attempt: u32) {
    let changed = account.server().rediscover().await.is_ok_and(|(_, changed)| changed);
    account.tell(Message::Ended { attempt, outcome: Outcome::Rediscovered { changed }, brought: None });
}

pub(super) async fn read_status(account: Arc<Account>) {
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
pub(super) async fn save_again(account: Arc<Account>, generation: Generation, rotation: Rotation) {
    let Some(credentials) = account.credentials(generation) else { return };
    match account.vault().commit(&rotation, &credentials).await {
        Ok(()) => account.tell(Message::Saved(generation)),
        Err(error) => {
            tracing::warn!(name: "refresh.still_unsaved", account = %account.key, %error);
            account.tell(Message::StillUnsaved(rotation));
        }
    }
}

/// Removes from disk what the core allowed to be destroyed.
pub(super) async fn destroy(account: Arc<Account>, target: Target) {
    let done = match target {
        Target::Before(accepted) => account.vault().drop_superseded(account.key, accepted).await,
        Target::Generation(generation) => account.vault().destroy_generation(account.key, generation).await,
        Target::KeptCredentials => account.vault().destroy_credentials(account.key).await,
        Target::Everything => Ok(()),
    };
    if let Err(error) = done {
        tracing::warn!(name: "credentials.not_destroyed", account = %account.key, %error);
    }
}

/// The latest record that waits to be written, and whether somebody is writing.
#[derive(Default)]
pub(super) struct Saver(Mutex<(Option<Vec<u8>>, bool)>);

impl Saver {
    /// Offers a newer record; true if the caller has to start writing.
    pub(super) fn offer(&self, record: Vec<u8>) -> bool {
        let mut waiting = lock(&self.0);
        waiting.0 = Some(record);
        !std::mem::replace(&mut waiting.1, true)
    }

    fn next(&self) -> Option<Vec<u8>> {
        let mut waiting = lock(&self.0);
        let next = waiting.0.take();
        waiting.1 = next.is_some();
        next
    }
}

pub(super) async fn save_record(account: Arc<Account>, saver: Arc<Saver>) {
    while let Some(record) = saver.next() {
        if let Err(error) = account.vault().save_session(account.key, account.vault_epoch(), &record).await {
            tracing::warn!(name: "session.not_persisted", account = %account.key, %error);
        }
    }
}
