//! What is sealed in a record: JSON, written into and read from memory that is wiped.
//!
//! Fields may be added (with `#[serde(default)]`); unknown ones are ignored. Anything else is a new format version in
//! [`record`](super::record). Each field says what becomes of it on sign-out, on `SignInRequired` and on quarantine.

use base64::{Engine, display::Base64Display, engine::general_purpose::URL_SAFE_NO_PAD};
use mainstay_core::{Generation, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::{UnreadableReason, VaultError, record};
use crate::{Credentials, Identity, Secret, StoredAccessToken, secret::append};

/// Kind `Credentials`: one generation. Sign-out: the whole record goes, its refresh token stays in the revocation
/// queue. `SignInRequired`: all of it is kept, sealed. Quarantine: all of it is kept.
#[derive(Serialize, Deserialize)]
pub(super) struct GenerationV1 {
    /// Sign-out: destroyed. SignInRequired and quarantine: kept.
    generation: Generation,
    /// Public by nature, sealed all the same. Sign-out: goes with the tokens to the revocation queue. SignInRequired
    /// and quarantine: kept.
    issuer: String,
    /// Sign-out: destroyed. SignInRequired and quarantine: kept.
    subject: Option<String>,
    /// Sign-out: destroyed. SignInRequired and quarantine: kept.
    tenant: Vec<(String, String)>,
    /// Every token of this generation, the session's own audience first. Sign-out: destroyed, but for the first, which
    /// is queued where it has to withdraw a device key. SignInRequired and quarantine: kept.
    access_tokens: Vec<AccessTokenV1>,
    /// Sign-out: stays in the revocation queue, at most 7 days. SignInRequired and quarantine: kept.
    refresh_token: Option<SecretText>,
    /// The private key that the tokens are bound to; without it they are worth nothing. Sign-out: destroyed.
    /// SignInRequired and quarantine: kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dpop_key: Option<SecretText>,
    /// The generations that were still kept when this one was stored, the newest first. Sign-out: destroyed.
    /// SignInRequired and quarantine: kept.
    #[serde(default)]
    pub(super) kept: Vec<Generation>,
    /// Keyed fingerprints of the tokens that the session was imported with. Every later generation repeats them, so
    /// that the same tokens are known again after they were rotated away. Sign-out: destroyed. SignInRequired and
    /// quarantine: kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    imported: Vec<u64>,
    /// What the server calls the device key that was enrolled last. Every later generation repeats it. Sign-out: it
    /// goes to the revocation queue with the tokens, so that the server forgets the key. SignInRequired and quarantine:
    /// kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enrolled_as: Option<String>,
}

/// What every generation repeats of the one before. Not a part of [`GenerationV1`] by `serde(flatten)`: that would copy the
/// tokens to buffers which nobody wipes.
#[derive(Clone, Default)]
pub(super) struct Repeated {
    /// Fingerprints of the tokens that the session was imported with.
    pub(super) imported: Vec<u64>,
    /// What the server calls the device key.
    pub(super) enrolled_as: Option<String>,
}

/// Part of [`GenerationV1`], and shares its fate.
#[derive(Serialize, Deserialize)]
struct AccessTokenV1 {
    /// Sign-out: destroyed. SignInRequired and quarantine: kept.
    token: SecretText,
    /// Sign-out: destroyed. SignInRequired and quarantine: kept.
    token_type: String,
    /// Sign-out: destroyed. SignInRequired and quarantine: kept.
    audience: Option<String>,
    /// Sign-out: destroyed. SignInRequired and quarantine: kept.
    scopes: Vec<String>,
    /// Sign-out: destroyed. SignInRequired and quarantine: kept.
    received_at: Timestamp,
    /// Sign-out: destroyed. SignInRequired and quarantine: kept.
    expires_at: Timestamp,
}

impl GenerationV1 {
    pub(super) fn new(
        credentials: &Credentials,
        generation: Generation,
        kept: Vec<Generation>,
        repeated: Repeated,
    ) -> Self {
        let access_token = |token: &StoredAccessToken| AccessTokenV1 {
            token: SecretText(token.token.clone()),
            token_type: token.token_type.clone(),
            audience: token.audience.clone(),
            scopes: token.scopes.clone(),
            received_at: token.received_at,
            expires_at: token.expires_at,
        };
        Self {
            generation,
            issuer: credentials.identity.issuer.clone(),
            subject: credentials.identity.subject.clone(),
            tenant: credentials.identity.tenant.clone(),
            access_tokens: credentials.access_tokens.iter().map(access_token).collect(),
            refresh_token: credentials.refresh_token.clone().map(SecretText),
            dpop_key: credentials.dpop_key.clone().map(SecretText),
            kept,
            imported: repeated.imported,
            enrolled_as: repeated.enrolled_as,
        }
    }

    pub(super) fn repeated(&self) -> Repeated {
        Repeated { imported: self.imported.clone(), enrolled_as: self.enrolled_as.clone() }
    }

    pub(super) fn into_credentials(self) -> Credentials {
        let access_token = |token: AccessTokenV1| StoredAccessToken {
            token: token.token.0,
            token_type: token.token_type,
            audience: token.audience,
            scopes: token.scopes,
            received_at: token.received_at,
            expires_at: token.expires_at,
        };
        Credentials {
            generation: self.generation,
            identity: Identity { issuer: self.issuer, subject: self.subject, tenant: self.tenant },
            access_tokens: self.access_tokens.into_iter().map(access_token).collect(),
            refresh_token: self.refresh_token.map(|secret| secret.0),
            dpop_key: self.dpop_key.map(|secret| secret.0),
        }
    }
}

/// Kind `Intent`: a refresh token that may have been spent. Sign-out: goes. `SignInRequired` and quarantine: kept, so
/// that an hourly re-test never presents a token whose fate is unknown.
#[derive(Serialize, Deserialize)]
pub(super) struct IntentV1 {
    /// Sign-out: destroyed. SignInRequired and quarantine: kept.
    pub(super) generation: Generation,
    /// Sign-out: destroyed. SignInRequired and quarantine: kept.
    pub(super) fingerprint: u64,
}

/// Kind `Revocation`. Outlives sign-out: that is what it is for. Goes when done, or after 7 days.
#[derive(Serialize, Deserialize)]
pub(super) struct RevocationV1 {
    /// Sign-out makes it. SignInRequired and quarantine: kept.
    pub(super) what: RevocableV1,
    /// Sign-out makes it. SignInRequired and quarantine: kept.
    pub(super) issuer: String,
    /// Sign-out makes it. SignInRequired and quarantine: kept.
    pub(super) endpoint: Option<String>,
    /// Sign-out makes it. SignInRequired and quarantine: kept.
    pub(super) token: SecretText,
}

/// Part of [`RevocationV1`].
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RevocableV1 {
    RefreshToken,
    DeviceEnrolment,
}

/// A secret as base64url text: never escaped, so that no parser copies it to a buffer that is not wiped.
pub(super) struct SecretText(pub(super) Secret);

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0.expose(), &URL_SAFE_NO_PAD))
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = SecretText;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("base64url text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretText, E> {
                // The decoder's error would quote a byte of the secret.
                let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| E::custom("not base64url"))?;
                Ok(SecretText(Secret::new(bytes)))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Writes `payload` into memory that is wiped when dropped, and whenever it had to grow.
pub(super) fn encode(payload: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut buffer = WipingBuffer(Zeroizing::new(Vec::with_capacity(8 * 1024)));
    serde_json::to_writer(&mut buffer, payload).map_err(|_full| VaultError::TooLarge)?;
    Ok(buffer.0)
}

/// Reads what [`encode`] wrote.
pub(super) fn decode<T: DeserializeOwned>(plaintext: &[u8]) -> Result<T, UnreadableReason> {
    serde_json::from_slice(plaintext).map_err(|_unknown| UnreadableReason::Nonsense)
}

struct WipingBuffer(Zeroizing<Vec<u8>>);

impl std::io::Write for WipingBuffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let needed = self.0.len().saturating_add(bytes.len());
        if needed > record::LIMIT {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        append(&mut self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
