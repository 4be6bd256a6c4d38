//! The server's signing keys: what signs, what is still accepted, and what was dropped but could come back.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::{
    Signature, SigningKey, VerifyingKey,
    signature::{Signer, Verifier},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{config::Algorithm, random::Random};

#[cfg(test)]
mod tests;

/// An HMAC-SHA-256 key of any length (RFC 2104), ready to use; wiped when dropped.
#[derive(Clone)]
pub(crate) struct HmacKey(Hmac<Sha256>);

impl HmacKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        let mut block = [0; 64];
        let hashed = Sha256::digest(key);
        let key = if key.len() > block.len() { hashed.as_slice() } else { key };
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        Self(Hmac::new(&block.into()))
    }

    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        self.0.clone()
    }
}

/// What a key signs with.
#[derive(Clone)]
pub(crate) enum Material {
    Hmac(HmacKey),
    P256(SigningKey),
}

impl Material {
    pub(crate) fn generate(algorithm: Algorithm, random: &mut Random) -> Self {
        match algorithm {
            Algorithm::Hs256 => Self::Hmac(HmacKey::new(&random.bytes())),
            // A random number is no valid P-256 scalar once in 2^32 draws.
            Algorithm::Es256 => loop {
                if let Ok(key) = SigningKey::from_slice(&random.bytes()) {
                    break Self::P256(key);
                }
            },
        }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hmac(_) => Algorithm::Hs256,
            Self::P256(_) => Algorithm::Es256,
        }
    }

    pub(crate) fn sign(&self, input: &[u8]) -> Vec<u8> {
        match self {
            Self::Hmac(key) => key.mac().chain_update(input).finalize().into_bytes().to_vec(),
            Self::P256(key) => {
                let signature: Signature = key.sign(input);
                signature.to_bytes().to_vec()
            }
        }
    }

    pub(crate) fn verifies(&self, input: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hmac(key) => key.mac().chain_update(input).verify_slice(signature).is_ok(),
            Self::P256(key) => verifies(key.verifying_key(), input, signature),
        }
    }
}

/// Checks an ES256 signature in JOSE form (RFC 7518 section 3.4).
pub(crate) fn verifies(key: &VerifyingKey, input: &[u8], signature: &[u8]) -> bool {
    Signature::from_slice(signature).is_ok_and(|signature| key.verify(input, &signature).is_ok())
}

/// The coordinates of a public key as base64url, for a JWK (RFC 7518 section 6.2.1).
fn coordinates(key: &VerifyingKey) -> (String, String) {
    let point = key.to_sec1_bytes();
    let (x, y) = (point.get(1..33).unwrap_or_default(), point.get(33..65).unwrap_or_default());
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}

/// Reads a public P-256 key from a JWK (RFC 7517), and computes its thumbprint (RFC 7638). `None` for any other key,
/// and for one that carries its private part.
pub(crate) fn public_key(jwk: &Value) -> Option<(VerifyingKey, String)> {
    let member = |name: &str| jwk.get(name).and_then(Value::as_str);
    if member("kty")? != "EC" || member("crv")? != "P-256" || jwk.get("d").is_some() {
        return None;
    }
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(member(name)?).ok().filter(|bytes| bytes.len() == 32);
    let mut point = vec![4];
    point.extend(coordinate("x")?);
    point.extend(coordinate("y")?);
    let key = VerifyingKey::from_sec1_bytes(&point).ok()?;
    let (x, y) = coordinates(&key);
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    Some((key, URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))))
}

/// Where a signing key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum KeyState {
    /// Published and accepted, does not sign yet.
    Scheduled,
    /// Signs.
    Active,
    /// Signs no more and is still accepted.
    Retired {
        /// Until when, in milliseconds since 1970 on the server's clock; absent means without an end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accepted_until_ms: Option<u64>,
    },
    /// Accepted no more. Kept aside, so that a hotfix can accept it again.
    Dropped,
}

/// One key, without its material.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// The key's id, as in the header of the tokens it signs (RFC 7515 section 4.1.4).
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// When it came to be, in milliseconds since 1970 on the server's clock.
    pub created_ms: u64,
    /// Where it is in its life.
    #[serde(flatten)]
    pub state: KeyState,
}

#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) kid: String,
    pub(crate) material: Material,
    pub(crate) created_ms: u64,
    pub(crate) state: KeyState,
}

impl Key {
    fn accepted(&self, now_ms: u64) -> bool {
        match self.state {
            KeyState::Scheduled | KeyState::Active => true,
            KeyState::Retired { accepted_until_ms } => accepted_until_ms.is_none_or(|until| now_ms < until),
            KeyState::Dropped => false,
        }
    }

    fn info(&self) -> KeyInfo {
        KeyInfo {
            kid: self.kid.clone(),
            algorithm: self.material.algorithm(),
            created_ms: self.created_ms,
            state: self.state,
        }
    }
}

/// The keys of one node. There is always one active key of each algorithm: both are made at the start, and only replacing
/// ends one.
#[derive(Clone, Default)]
pub(crate) struct Keyring {
    keys: Vec<Key>,
}

impl Keyring {
    pub(crate) const fn none() -> Self {
        Self { keys: Vec::new() }
    }

    /// Adds a key.
    pub(crate) fn add(&mut self, kid: String, material: Material, state: KeyState, now_ms: u64) {
        self.keys.push(Key { kid, material, created_ms: now_ms, state });
    }

    /// Accepts what another keyring signs with or accepts, beside its own.
    pub(crate) fn accept_all_of(&mut self, other: &Self) {
        let state = KeyState::Retired { accepted_until_ms: None };
        for key in other.keys.iter().filter(|key| key.state != KeyState::Dropped) {
            match self.state(&key.kid) {
                None => self.keys.push(Key { state, ..key.clone() }),
                Some(KeyState::Dropped) => self.set_state(&key.kid, state),
                Some(_) => {}
            }
        }
    }

    /// The key that signs with `algorithm`.
    pub(crate) fn active(&self, algorithm: Algorithm) -> Option<&Key> {
        self.keys.iter().find(|key| key.state == KeyState::Active && key.material.algorithm() == algorithm)
    }

    /// Gives every active key of `algorithm` the state `next`.
    pub(crate) fn step_down(&mut self, algorithm: Algorithm, next: KeyState) {
        for key in &mut self.keys {
            if key.state == KeyState::Active && key.material.algorithm() == algorithm {
                key.state = next;
            }
        }
    }

    /// Accepts every dropped key of an algorithm again.
    pub(crate) fn accept_dropped(&mut self, algorithm: Algorithm) {
        for key in &mut self.keys {
            if key.state == KeyState::Dropped && key.material.algorithm() == algorithm {
                key.state = KeyState::Retired { accepted_until_ms: None };
            }
        }
    }

    /// The id of the key that signs where `kid` would sign.
    pub(crate) fn beside(&self, kid: &str) -> Option<String> {
        let algorithm = self.keys.iter().find(|key| key.kid == kid)?.material.algorithm();
        self.active(algorithm).map(|key| key.kid.clone())
    }

    /// The accepted key of this id.
    pub(crate) fn accepted(&self, kid: &str, now_ms: u64) -> Option<&Key> {
        self.keys.iter().find(|key| key.kid == kid && key.accepted(now_ms))
    }

    /// Where a key is in its life.
    pub(crate) fn state(&self, kid: &str) -> Option<KeyState> {
        self.keys.iter().find(|key| key.kid == kid).map(|key| key.state)
    }

    pub(crate) fn set_state(&mut self, kid: &str, state: KeyState) {
        if let Some(key) = self.keys.iter_mut().find(|key| key.kid == kid) {
            key.state = state;
        }
    }

    /// Lets a key sign; the one that signed stays accepted until `old_until_ms`.
    pub(crate) fn activate(&mut self, kid: &str, old_until_ms: u64) {
        let algorithm = self.keys.iter().find(|key| key.kid == kid).map(|key| key.material.algorithm());
        if let Some(algorithm) = algorithm {
            self.step_down(algorithm, KeyState::Retired { accepted_until_ms: Some(old_until_ms) });
            self.set_state(kid, KeyState::Active);
        }
    }

    pub(crate) fn infos(&self) -> Vec<KeyInfo> {
        self.keys.iter().map(Key::info).collect()
    }

    /// The accepted public keys (RFC 7517 section 5). HMAC keys have no public part.
    pub(crate) fn jwks(&self, now_ms: u64) -> Value {
        let keys = self.keys.iter().filter(|key| key.accepted(now_ms)).filter_map(|key| match &key.material {
            Material::Hmac(_) => None,
            Material::P256(signing) => {
                let (x, y) = coordinates(signing.verifying_key());
                Some(json!({
                    "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key.kid, "x": x, "y": y,
                }))
            }
        });
        json!({ "keys": keys.collect::<Vec<_>>() })
    }
}
