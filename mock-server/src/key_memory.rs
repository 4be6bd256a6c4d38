//! What the server remembers of its secret from start to start: a fingerprint, not the secret.
//!
//! The first founding incident began with a secret that changed in a clean-up of the configuration. A server that remembers which
//! secret it had does not start with another one, unless two people announced it.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What stands for a signing secret where the secret itself must not be: 32 hexadecimal digits of a SHA-256 hash. Of a secret
/// that can be guessed it gives away whether a guess is right; one of 32 random bytes cannot be guessed.
#[must_use]
pub fn secret_fingerprint(secret: &str) -> String {
    let hash = Sha256::new().chain_update(b"mainstay-signing-secret\n").chain_update(secret).finalize();
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// One secret, by its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remembered {
    pub(crate) fingerprint: String,
    /// The key id in the tokens that it signs.
    pub(crate) kid: String,
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {
    /// The secret that signs.
    pub(crate) current: Remembered,
    /// The one before, which is accepted until then, in milliseconds since 1970.
    #[serde(default)]
    pub(crate) previous: Option<(Remembered, u64)>,
    /// The fingerprint of the secret that two people announced.
    #[serde(default)]
    pub(crate) announced: Option<String>,
}

/// Why a secret is not the one that it should be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongSecret {
    /// Neither the one of the last start, nor one that was announced.
    #[error(
        "the signing secret (fingerprint {given}) is not the one that this server had when it ran last ({known}), and nobody \
         announced it: every session would be void. Start with the old secret, or announce the new one by a key operation"
    )]
    Changed {
        /// Of the secret that was given.
        given: String,
        /// Of the one that was expected.
        known: String,
    },
    /// The announced one, without the one before.
    #[error(
        "the signing secret was changed as announced, but the one before (fingerprint {known}) is not given with it: every \
         session would be void. Set MAINSTAY_MOCK_RETIRED_SECRET or --retired-secret"
    )]
    WithoutPrevious {
        /// Of the one before.
        known: String,
    },
    /// The file cannot be read, written or understood.
    #[error("what the server remembers of its secret cannot be used: {0}: {1}")]
    File(PathBuf, String),
}

/// What to sign with, and what to accept besides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) kid: String,
    /// The key id of the previous secret, and until when it is accepted.
    pub(crate) retired: Option<(String, u64)>,
    /// What is to be remembered from now on.
    pub(crate) memory: Memory,
}

/// Compares the secrets that are given with the one that is remembered.
pub(crate) fn plan(
    memory: Option<Memory>,
    secret: &str,
    retired: Option<&str>,
    now_ms: u64,
    overlap_ms: u64,
) -> Result<Plan, WrongSecret> {
    let given = secret_fingerprint(secret);
    let retired = retired.map(secret_fingerprint);
    let Some(memory) = memory else {
        let current = Remembered { fingerprint: given, kid: "hs-1".to_owned() };
        let memory = Memory { current, previous: None, announced: None };
        return Ok(Plan { kid: memory.current.kid.clone(), retired: None, memory });
    };
    let known = memory.current.fingerprint.clone();
    if given == known {
        let previous = memory.previous.as_ref().filter(|(previous, _)| Some(&previous.fingerprint) == retired.as_ref());
        let retired = previous.map(|(previous, until_ms)| (previous.kid.clone(), *until_ms));
        return Ok(Plan { kid: memory.current.kid.clone(), retired, memory });
    }
    if memory.announced.as_ref() != Some(&given) {
        return Err(WrongSecret::Changed { given, known });
    }
    if retired.as_ref() != Some(&known) {
        return Err(WrongSecret::WithoutPrevious { known });
    }
    let kid = format!("hs-{}", given.get(..8).unwrap_or(&given));
    let until_ms = now_ms.saturating_add(overlap_ms);
    let retired = Some((memory.current.kid.clone(), until_ms));
    let current = Remembered { fingerprint: given, kid: kid.clone() };
    Ok(Plan { kid, retired, memory: Memory { current, previous: Some((memory.current, until_ms)), announced: None } })
}

/// What the file says; `None` if there is none yet.
pub(crate) fn read(path: &Path) -> Result<Option<Memory>, WrongSecret> {
    let failed = |text: String| WrongSecret::File(path.to_owned(), text);
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| failed(error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Writes the file anew, whole or not at all.
pub(crate) fn write(path: &Path, memory: &Memory) -> Result<(), WrongSecret> {
    let failed = |error: io::Error| WrongSecret::File(path.to_owned(), error.to_string());
    let new = path.with_extension("new");
    let text = serde_json::to_vec_pretty(memory).map_err(|error| failed(error.into()))?;
    std::fs::write(&new, text).map_err(failed)?;
    std::fs::rename(&new, path).map_err(failed)
}
