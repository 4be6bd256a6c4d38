//! An account's device key: P-256, sealed in the vault together with the name under which the server knows it.

use std::{sync::Arc, time::Duration};

use super::{
    account::{Account, lock},
    dpop::Presented,
    message::Message,
    revocations,
};
use crate::{
    Secret,
    error::Failure,
    host::ConnectionWish,
    oauth::{Answer, Assertion, AssertionClaims, DeviceKey, enrollment},
    vault::{Enrolment, Outcome, Revocable, Revocation},
};

/// Length of a private key, in bytes.
const KEY_LENGTH: usize = 32;
/// How long an assertion is good for.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(60);

/// A device key and the name under which it is enrolled.
pub(super) struct EnrolledKey {
    key: DeviceKey,
    key_id: String,
}

/// The account's device key, if one is enrolled.
pub(super) async fn load(account: &Account) -> Option<EnrolledKey> {
    let Outcome::Value(stored) = account.vault().load_device_key(account.key).await else { return None };
    let (key, key_id) = stored.expose().split_at_checked(KEY_LENGTH)?;
    let enrolled =
        EnrolledKey { key: DeviceKey::from_bytes(key)?, key_id: std::str::from_utf8(key_id).ok()?.to_owned() };
    *lock(&account.device_key_id) = Some(enrolled.key_id.clone());
    Some(enrolled)
}

/// Makes a key, has the server enrol it, and keeps it. The session must be good: the server believes its access token.
pub(super) async fn enroll(account: &Arc<Account>) -> Result<(), Failure> {
    let server = account.server();
    let metadata = server.metadata().await?;
    let missing = || Failure::Misconfigured("the server offers no enrolment of device keys".to_owned());
    let endpoint = metadata.enrollment_endpoint.as_ref().ok_or_else(missing)?;
    let epoch = account.vault_epoch();
    let token = account.token().await.map_err(|_no_token| Failure::Internal("enrolment needs a good session"))?;
    let key = loop {
        if let Some(key) = DeviceKey::from_bytes(&server.draw::<KEY_LENGTH>()) {
            break key;
        }
    };
    let (secret, bound_to) = (Secret::from_text(token.expose()), account.dpop_key());
    let presented = Presented::new(&secret, token.token_type(), bound_to.as_ref());
    let request = || enrollment::request(endpoint, presented.token_type(), &secret, &key.public_jwk());
    let inbound = server.ask_with(ConnectionWish::Any, presented, &http::Method::POST, request).await?;
    let enrolled = enrollment::read(&Answer::new(&inbound.response, inbound.from_cache), endpoint)?;
    let mut stored = key.to_secret().expose().to_vec();
    stored.extend_from_slice(enrolled.key_id.as_bytes());
    let stored = account.vault().store_device_key(account.key, epoch, &Secret::new(stored), &enrolled.key_id).await;
    if let Err(error) = stored {
        take_back(account, enrolled.key_id, secret).await;
        return Err(error.into());
    }
    *lock(&account.device_key_id) = Some(enrolled.key_id);
    account.tell(Message::CanReauthenticate(true));
    tracing::info!(name: "device_key.enrolled", account = %account.key);
    Ok(())
}

/// An assertion for `subject` (RFC 7523 section 2.1), with the server's own idea of the time.
pub(super) fn assertion(account: &Account, enrolled: &EnrolledKey, subject: &str) -> Secret {
    let server = account.server();
    let claims = AssertionClaims {
        issuer: &server.client.id,
        subject,
        audience: server.issuer.as_str(),
        id: server.draw(),
        now_ms: server.line.wall_ms(),
        clock_offset_ms: server.line.server_ahead_ms(),
        lifetime: ASSERTION_LIFETIME,
    };
    let assertion = Assertion::new(&enrolled.key_id, &claims);
    let signature = enrolled.key.sign(assertion.signing_input());
    assertion.signed(&signature)
}

/// A key that could not be kept is nobody's: the server shall forget it.
async fn take_back(account: &Arc<Account>, key_id: String, access_token: Secret) {
    let token = Enrolment { key_id, access_token, refresh_token: None }.to_secret();
    let issuer = account.server().issuer.as_str().to_owned();
    let revocation = Revocation { what: Revocable::DeviceEnrolment, issuer, endpoint: None, token };
    revocations::queue(&account.deployment, &revocation).await;
}
