//! The revocation queue: what servers should forget, however long the network was away.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use super::account::Deployment;
use crate::{
    Secret,
    error::Failure,
    oauth::{Answer, RevocationOutcome, TokenKind, TokenType, enrollment, read_revocation, revocation_request},
    vault::{Outcome, Revocable, Revocation},
};

/// First pause between two tries; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Works the queue off, in a task of its own that ends with the client's last handle. The queue is on disk, and the next
/// start goes on with it.
pub(super) fn start(deployment: &Arc<Deployment>) {
    if deployment.revoking.swap(true, Ordering::AcqRel) {
        return;
    }
    let spawn = Arc::clone(&deployment.server.host.spawn);
    spawn.spawn("mainstay-revoke", Box::pin(work_off(Arc::downgrade(deployment))));
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
                let queued = matches!(alive.vault.due_revocations().await, Outcome::Value(queue) if !queue.is_empty());
                if queued && !alive.revoking.swap(true, Ordering::AcqRel) {
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
    let Outcome::Value(mut queue) = deployment.vault.due_revocations().await else { return None };
    // Enrolments first: a refresh token's end may be the end of the access token that is to withdraw one.
    queue.sort_by_key(|entry| entry.revocation.what != Revocable::DeviceEnrolment);
    let mut left = None;
    for entry in queue {
        match revoke(deployment, &entry.revocation).await {
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

async fn revoke(deployment: &Deployment, revocation: &Revocation) -> Result<RevocationOutcome, Failure> {
    let server = &deployment.server;
    if revocation.issuer != server.issuer.as_str() {
        return Ok(RevocationOutcome::Later(None));
    }
    match revocation.what {
        Revocable::RefreshToken => {
            let metadata = server.metadata().await?;
            let Some(endpoint) = metadata.revocation_endpoint.as_ref() else { return Ok(RevocationOutcome::GiveUp) };
            let request = revocation_request(endpoint, &server.client, &revocation.token, TokenKind::RefreshToken)?;
            let inbound = server.ask(request).await?;
            Ok(read_revocation(&Answer::new(&inbound.response, inbound.from_cache)))
        }
        Revocable::DeviceEnrolment => {
            let metadata = server.metadata().await?;
            let parts = revocation.token.expose_text().split_once('\n');
            let (Some(endpoint), Some((key_id, token))) = (&metadata.enrollment_endpoint, parts) else {
                return Ok(RevocationOutcome::GiveUp);
            };
            let token = Secret::from_text(token);
            let request = enrollment::removal_request(endpoint, TokenType::Bearer, &token, key_id)?;
            let inbound = server.ask(request).await?;
            let answer = Answer::new(&inbound.response, inbound.from_cache);
            // The token may be void by now; then the refresh token's revocation is what ends the enrolment.
            let over = enrollment::is_removed(&answer) || matches!(answer.status(), 400..=403);
            Ok(if over { RevocationOutcome::Done } else { RevocationOutcome::Later(answer.retry_after()) })
        }
    }
}
