//! The revocation queue: what servers should forget, however long the network was away.

use std::{sync::Arc, time::Duration};

use super::account::Deployment;
use crate::{
    Secret,
    error::Failure,
    oauth::{
        Answer, Endpoint, RevocationOutcome, TokenKind, TokenType, enrollment, read_revocation, revocation_request,
    },
    vault::{Outcome, Revocable, Revocation},
};

/// First pause between two tries; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Works the queue off, in a task of its own. Several at a time do no harm: revoking twice is lawful (RFC 7009 section 2.2).
pub(super) fn start(deployment: &Arc<Deployment>) {
    let deployment = Arc::clone(deployment);
    let spawn = Arc::clone(&deployment.server.host.spawn);
    spawn.spawn("mainstay-revoke", Box::pin(work_off(deployment)));
}

async fn work_off(deployment: Arc<Deployment>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let Outcome::Value(queue) = deployment.vault.due_revocations().await else { return };
        let mut left = 0;
        for entry in queue {
            match revoke(&deployment, &entry.revocation).await {
                Ok(RevocationOutcome::Done | RevocationOutcome::GiveUp) => {
                    if let Err(error) = deployment.vault.finish_revocation(&entry.id).await {
                        tracing::warn!(name: "revocation.not_removed", %error);
                    }
                }
                Ok(RevocationOutcome::Later(_)) | Err(_) => left += 1,
            }
        }
        // Handles are gone: the queue is on disk, and the next start goes on with it.
        if left == 0 || Arc::strong_count(&deployment) == 1 {
            return;
        }
        let clock = &deployment.server.host.clock;
        clock.sleep_until(clock.monotonic().saturating_add(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
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
            let endpoint = revocation.endpoint.as_deref().map(Endpoint::parse).transpose()?;
            let parts = revocation.token.expose_text().split_once('\n');
            let (Some(endpoint), Some((key_id, token))) = (endpoint, parts) else {
                return Ok(RevocationOutcome::GiveUp);
            };
            let token = Secret::from_text(token);
            let request = enrollment::removal_request(&endpoint, TokenType::Bearer, &token, key_id)?;
            let inbound = server.ask(request).await?;
            let answer = Answer::new(&inbound.response, inbound.from_cache);
            // The token may be void by now; then the refresh token's revocation is what ends the enrolment.
            let over = enrollment::is_removed(&answer) || matches!(answer.status(), 400..=403);
            Ok(if over { RevocationOutcome::Done } else { RevocationOutcome::Later(answer.retry_after()) })
        }
    }
}
