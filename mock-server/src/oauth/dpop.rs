//! Checking proofs of possession (RFC 9449): who sends a request has the key that its token is bound to.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderName, HeaderValue, StatusCode};
use p256::ecdsa::VerifyingKey;
use sha2::{Digest, Sha256};

use crate::{
    call::{Call, Problem},
    jwt::Unverified,
    keys::{public_key, verifies},
    state::World,
};

/// How far the time of a proof may be from the server's, in seconds (RFC 9449 section 11.1).
const LEEWAY_S: u64 = 60;

/// The header that carries a nonce (RFC 9449 section 8.1).
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// Nonces that are good now, and proofs that were used.
#[derive(Default)]
pub(crate) struct Proofs {
    /// The token endpoint's nonce, and since when, in seconds since 1970.
    for_tokens: Option<(String, u64)>,
    /// Everything else's.
    for_resources: Option<(String, u64)>,
    /// Ids of used proofs, with the second after which they are too old anyway.
    used: HashMap<String, u64>,
}

/// Why a proof is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadProof {
    /// Something in it is wrong, or it was used before.
    Invalid,
    /// It lacks the server's nonce, or has an old one.
    Nonce,
}

impl BadProof {
    const fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_dpop_proof",
            Self::Nonce => "use_dpop_nonce",
        }
    }
}

impl From<BadProof> for Problem {
    /// The token endpoint's answer (RFC 9449 sections 5 and 8).
    fn from(bad: BadProof) -> Self {
        Self::new(StatusCode::BAD_REQUEST, bad.code(), "the proof of possession is not good")
    }
}

/// Who wants a proof. The nonces of one are not the other's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    TokenEndpoint,
    Resource,
}

/// The nonce that is wanted now; `None` if none is.
fn nonce(world: &mut World, part: Part) -> Option<HeaderValue> {
    let lifetime = world.config.dpop_nonce_seconds?;
    let now_s = world.now_s();
    let kept = match part {
        Part::TokenEndpoint => &mut world.proofs.for_tokens,
        Part::Resource => &mut world.proofs.for_resources,
    };
    let is_good = |known: &&(String, u64)| now_s < known.1.saturating_add(lifetime);
    if kept.as_ref().filter(is_good).is_none() {
        *kept = Some((world.random.short(), now_s));
    }
    kept.as_ref().and_then(|(nonce, _)| HeaderValue::from_str(nonce).ok())
}

/// Gives whoever proves possession the nonce for the next proof.
pub(crate) fn hand_out(world: &mut World, part: Part, response: &mut axum::response::Response) {
    if let Some(nonce) = nonce(world, part) {
        response.headers_mut().insert(NONCE, nonce);
    }
}

/// Checks the proof of a call (RFC 9449 section 4.3), if it has one, and says which key it proves, by its thumbprint.
/// `access_token` is the one that it must be made for.
pub(crate) fn proven_key(
    world: &mut World,
    issuer: &str,
    part: Part,
    call: &Call,
    access_token: Option<&str>,
) -> Result<Option<String>, BadProof> {
    if !call.headers.contains_key("dpop") {
        return Ok(None);
    }
    let proof = call.header("dpop").and_then(Unverified::parse).ok_or(BadProof::Invalid)?;
    let (key, thumbprint) = proof.header.jwk.as_ref().and_then(public_key).ok_or(BadProof::Invalid)?;
    let own = proof.header.typ.as_deref() == Some("dpop+jwt") && proof.header.alg == "ES256";
    if !own || !is_signed(&proof, &key) || !is_for(&proof, issuer, call) {
        return Err(BadProof::Invalid);
    }
    let hash = access_token.map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
    if proof.text("ath") != hash.as_deref() {
        return Err(BadProof::Invalid);
    }
    let now_s = world.now_s();
    let issued = proof.seconds("iat").ok_or(BadProof::Invalid)?;
    if issued.abs_diff(now_s) > LEEWAY_S {
        return Err(BadProof::Invalid);
    }
    if let Some(wanted) = nonce(world, part)
        && proof.text("nonce").map(str::as_bytes) != Some(wanted.as_bytes())
    {
        return Err(BadProof::Nonce);
    }
    let id = proof.text("jti").filter(|id| !id.is_empty()).ok_or(BadProof::Invalid)?;
    world.proofs.used.retain(|_, until| *until >= now_s);
    let until = issued.saturating_add(LEEWAY_S);
    match world.proofs.used.insert(format!("{thumbprint} {id}"), until) {
        Some(_used_before) => {
            world.seen.replayed_proofs += 1;
            Err(BadProof::Invalid)
        }
        None => Ok(Some(thumbprint)),
    }
}

fn is_signed(proof: &Unverified<'_>, key: &VerifyingKey) -> bool {
    verifies(key, proof.input.as_bytes(), &proof.signature)
}

/// Whether a proof is for this request: its method, and its address without the query.
fn is_for(proof: &Unverified<'_>, issuer: &str, call: &Call) -> bool {
    let Some((method, address)) = call.resource.split_once(' ') else { return false };
    let path = address.split(['?', '#']).next().unwrap_or_default();
    proof.text("htm") == Some(method) && proof.text("htu") == Some(&format!("{issuer}{path}"))
}
