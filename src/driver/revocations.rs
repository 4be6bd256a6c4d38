//! The revocation queue: what servers should forget, however long the network was away.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use super::{account::Deployment, server::Server};
use crate::{
    Credentials, Secret,
    error::Failure,
    oauth::{
        Answer, Grant, RevocationOutcome, ServerMetadata, TokenFailure, TokenKind, TokenType, enrollment,
        read_revocation, revocation_request, token_request,
    },
    vault::{Enrolment, Outcome, PendingRevocation, Revocable, Revocation, Rotation, VaultError},
};

/// First pause between two tries; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// How long a refresh token waits for the device key that it may have to withdraw. Then it is revoked all the same.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Works the queue off, in a task of its own that ends with the client's last handle. The queue is on disk, and the next
/// start goes on with it.
pub(super) fn start(deployment: &Arc<Deployment>) {
    if deployment.revoking.swap(true, Ordering::AcqRel) {
        return;
    }
    let spawn = Arc::clone(&deployment.server.host.spawn);
    spawn.spawn("mainstay-revoke", Box::pin(work_off(Arc::downgrade(deployment))));
}

/// Queues what a server should forget, durably, and sees to it.
pub(super) async fn queue(deployment: &Arc<Deployment>, revocation: &Revocation) {
    if let Err(error) = deployment.vault.queue_revocation(revocation).await {
        tracing::warn!(name: "revocation.not_queued", %error);
    }
    start(deployment);
}

/// Tokens that cannot be kept are nobody's: the server shall forget them, and the device key of their session with them.
pub(super) async fn give_back(deployment: &Arc<Deployment>, credentials: &Credentials, enrolled_as: Option<&str>) {
    if let Some(revocation) = Revocation::of(credentials, enrolled_as) {
        queue(deployment, &revocation).await;
    }
}

/// Tokens of a rotation that came too late. After a sign-out they may have to withdraw the device key: those that the sign-out
/// queued may have been spent for them.
pub(super) async fn lost(
    deployment: &Arc<Deployment>,
    rotation: Rotation,
    credentials: &Credentials,
    error: &VaultError,
) {
    let signed_out = matches!(error, VaultError::SignedOut);
    let enrolled_as = rotation.enrolled_as().filter(|_| signed_out).map(str::to_owned);
    drop(rotation);
    give_back(deployment, credentials, enrolled_as.as_deref()).await;
}

async fn work_off(deployment: Weak<Deployment>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(alive) = deployment.upgrade() else { return };
        let asked_to_wait = match once_through(&alive).await {
            Some(wait) => wait,
            None => {
                alive.revoking.store(false, Ordering::Release);
                // Something queued between the last look and that line found the place taken.
                if !matches!(queued(&alive).await, Err(None)) && !alive.revoking.swap(true, Ordering::AcqRel) {
                    continue;
                }
                return;
            }
        };
        let clock = Arc::clone(&alive.server.host.clock);
        drop(alive);
        clock.sleep_until(clock.monotonic().saturating_add(pause.max(asked_to_wait))).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Tries every entry once. How long servers asked to wait if anything is left; `None` if nothing is, or nothing can be read.
async fn once_through(deployment: &Deployment) -> Option<Duration> {
    if let Err(ended) = queued(deployment).await {
        return ended;
    }
    let Ok(_alone) = deployment.vault.lock_revocations().await else { return Some(Duration::ZERO) };
    // Read again: somebody may have worked it off while this one waited.
    let mut queue = match queued(deployment).await {
        Ok(queue) => queue,
        Err(ended) => return ended,
    };
    // Enrolments first: a refresh token's end may be the end of the access token that is to withdraw one.
    queue.sort_by_key(|entry| entry.revocation.what != Revocable::DeviceEnrolment);
    let mut left = None;
    for entry in queue {
        match settle(deployment, &entry).await {
            Ok(RevocationOutcome::Done | RevocationOutcome::GiveUp) => {
                if let Err(error) = deployment.vault.finish_revocation(&entry.id).await {
                    tracing::warn!(name: "revocation.not_removed", %error);
                }
            }
            Ok(RevocationOutcome::Later(wait)) => left = left.max(Some(wait.unwrap_or_default())),
            Err(_failure) => left = left.max(Some(Duration::ZERO)),
        }
    }
    left
}

/// The queue if there is anything in it, else what [`once_through`] says of it. What was signed out while the vault was locked
/// waits for it to open.
async fn queued(deployment: &Deployment) -> Result<Vec<PendingRevocation>, Option<Duration>> {
    match deployment.vault.due_revocations().await {
        Outcome::Value(queue) if !queue.is_empty() => Ok(queue),
        Outcome::Locked(_) => Err(Some(Duration::ZERO)),
        _ => Err(None),
    }
}

async fn settle(deployment: &Deployment, entry: &PendingRevocation) -> Result<RevocationOutcome, Failure> {
    let server = &deployment.server;
    if entry.revocation.issuer != server.issuer.as_str() {
        return Ok(RevocationOutcome::Later(None));
    }
    match entry.revocation.what {
        Revocable::RefreshToken => revoke(server, &entry.revocation.token).await,
        Revocable::DeviceEnrolment => match Enrolment::read(&entry.revocation.token) {
            Some(enrolment) => withdraw(deployment, entry, enrolment).await,
            None => Ok(RevocationOutcome::GiveUp),
        },
    }
}

async fn revoke(server: &Server, token: &Secret) -> Result<RevocationOutcome, Failure> {
    let metadata = server.metadata().await?;
    let Some(endpoint) = metadata.revocation_endpoint.as_ref() else { return Ok(RevocationOutcome::GiveUp) };
    let request = revocation_request(endpoint, &server.client, token, TokenKind::RefreshToken)?;
    let inbound = server.ask(request).await?;
    Ok(read_revocation(&Answer::new(&inbound.response, inbound.from_cache)))
}

/// What the server said about a key that it should forget.
enum Removal {
    Removed,
    /// The access token is not good, or not any more.
    Unauthorized,
    Later(Option<Duration>),
}

/// Has the server forget a device key, and then the session. Only the server's word that the key is gone ends it before the
/// queue's own limit: an access token that has expired is replaced by a new one.
async fn withdraw(
    deployment: &Deployment,
    entry: &PendingRevocation,
    mut enrolment: Enrolment,
) -> Result<RevocationOutcome, Failure> {
    let server = &deployment.server;
    let metadata = server.metadata().await?;
    let mut removal = remove(server, &metadata, &enrolment).await?;
    if matches!(removal, Removal::Unauthorized) && enrolment.refresh_token.is_some() {
        enrolment = renewed(deployment, entry, enrolment).await?;
        removal = remove(server, &metadata, &enrolment).await?;
    }
    match (removal, &enrolment.refresh_token) {
        (Removal::Removed, Some(token)) => revoke(server, token).await,
        (Removal::Removed, None) => Ok(RevocationOutcome::Done),
        (_, Some(token)) if is_overdue(deployment, entry) => {
            let revoked = revoke(server, token).await?;
            if !matches!(revoked, RevocationOutcome::Later(_)) {
                keep(deployment, entry, &Enrolment { refresh_token: None, ..enrolment }).await?;
            }
            Ok(RevocationOutcome::Later(None))
        }
        (Removal::Later(wait), _) => Ok(RevocationOutcome::Later(wait)),
        (Removal::Unauthorized, _) => Ok(RevocationOutcome::Later(None)),
    }
}

async fn remove(server: &Server, metadata: &ServerMetadata, enrolment: &Enrolment) -> Result<Removal, Failure> {
    // Where there is no such place now, there may be one again: a server once enrolled the key.
    let Some(endpoint) = &metadata.enrollment_endpoint else { return Ok(Removal::Later(None)) };
    if enrolment.access_token.is_empty() {
        return Ok(Removal::Unauthorized);
    }
    let request = enrollment::removal_request(endpoint, TokenType::Bearer, &enrolment.access_token, &enrolment.key_id)?;
    let inbound = server.ask(request).await?;
    let answer = Answer::new(&inbound.response, inbound.from_cache);
    Ok(match answer.status() {
        _ if enrollment::is_removed(&answer) => Removal::Removed,
        401 => Removal::Unauthorized,
        _ => Removal::Later(answer.retry_after()),
    })
}

/// Another access token, queued in the place of the one before it is used: whoever is cut short here goes on with it.
async fn renewed(
    deployment: &Deployment,
    entry: &PendingRevocation,
    enrolment: Enrolment,
) -> Result<Enrolment, Failure> {
    let server = &deployment.server;
    let Some(token) = &enrolment.refresh_token else { return Ok(enrolment) };
    let grant = Grant::RefreshToken { token, scopes: None };
    let renewed = match server.tokens(None, |endpoint| token_request(endpoint, &server.client, &grant, None)).await {
        Ok(answer) => Enrolment {
            access_token: answer.access_token,
            refresh_token: answer.refresh_token.filter(|token| !token.is_empty()).or(enrolment.refresh_token),
            ..enrolment
        },
        // The session is over at the server, so there is nothing left to revoke. The key is asked about until the queue's limit.
        Err(Failure::Token(error))
            if matches!(error.failure, TokenFailure::InvalidGrant | TokenFailure::SessionRevoked { .. }) =>
        {
            Enrolment { refresh_token: None, ..enrolment }
        }
        Err(failure) => return Err(failure),
    };
    keep(deployment, entry, &renewed).await?;
    Ok(renewed)
}

async fn keep(deployment: &Deployment, entry: &PendingRevocation, enrolment: &Enrolment) -> Result<(), Failure> {
    let revocation = Revocation { token: enrolment.to_secret(), ..entry.revocation.clone() };
    Ok(deployment.vault.replace_revocation(&entry.id, &revocation).await?)
}

fn is_overdue(deployment: &Deployment, entry: &PendingRevocation) -> bool {
    let now = u64::try_from(deployment.server.host.clock.wall().as_millis()).unwrap_or(u64::MAX);
    u128::from(now.saturating_sub(entry.queued_at)) > PATIENCE.as_millis()
}
