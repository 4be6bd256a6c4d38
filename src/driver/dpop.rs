//! Requests that prove that their tokens are ours (RFC 9449): which key, which nonce, and once more where the server asks.

use std::sync::Mutex;

use bytes::Bytes;
use http::{HeaderValue, Method, Response};
use url::Url;

use super::{
    account::{Account, lock},
    server::Server,
};
use crate::{
    Secret, StoredAccessToken,
    error::Failure,
    host::{ConnectionWish, Inbound},
    oauth::{Answer, DPOP, DpopKey, DpopProof, Rejection, RequestError, SecretRequest, ServerMetadata, TokenType},
    profile::Dpop,
};

/// Length of a private key, in bytes.
const KEY_LENGTH: usize = 32;
/// From how many servers nonces are kept. A session has two or three.
const MOST_NONCES: usize = 64;

/// Which part of a server a nonce is for: the token endpoint's is not the resources' (RFC 9449 section 8).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    TokenEndpoint,
    Resource,
}

/// The latest nonce of each server. In memory only: a restart costs one request more.
#[derive(Default)]
pub(super) struct Nonces(Mutex<Vec<(String, Part, String)>>);

impl Nonces {
    pub(super) fn learn(&self, url: &Url, part: Part, answer: &Answer<'_>) {
        let Some(nonce) = answer.dpop_nonce() else { return };
        let origin = url.origin().ascii_serialization();
        let mut known = lock(&self.0);
        known.retain(|(server, of, _)| (server, *of) != (&origin, part));
        known.push((origin, part, nonce.to_owned()));
        let surplus = known.len().saturating_sub(MOST_NONCES);
        known.drain(..surplus);
    }

    fn of(&self, url: &Url, part: Part) -> Option<String> {
        let origin = url.origin().ascii_serialization();
        let known = lock(&self.0);
        known.iter().find(|(server, of, _)| (server, *of) == (&origin, part)).map(|(.., nonce)| nonce.clone())
    }
}

/// An access token as it is presented: by whoever has it, or together with a proof of the key that it is bound to.
#[derive(Clone, Copy)]
pub(super) struct Presented<'a> {
    pub(super) token: &'a Secret,
    key: Option<&'a DpopKey>,
}

impl<'a> Presented<'a> {
    pub(super) const fn bearer(token: &'a Secret) -> Self {
        Self { token, key: None }
    }

    /// A server may take a proof and give a token that needs none.
    pub(super) fn new(token: &'a Secret, token_type: &str, key: Option<&'a DpopKey>) -> Self {
        Self { token, key: key.filter(|_| is_dpop(token_type)) }
    }

    pub(super) fn stored(token: &'a StoredAccessToken, key: Option<&'a DpopKey>) -> Self {
        Self::new(&token.token, &token.token_type, key)
    }

    pub(super) const fn token_type(&self) -> TokenType {
        if self.key.is_some() { TokenType::Dpop } else { TokenType::Bearer }
    }
}

pub(super) fn is_dpop(token_type: &str) -> bool {
    token_type.eq_ignore_ascii_case(TokenType::Dpop.as_str())
}

/// Whether a resource server took exception to the proof and said what would help: its nonce, or its time.
pub(super) fn wants_another_proof(answer: &Answer<'_>, url: &Url) -> bool {
    let rejection = Rejection::read(answer, url.path(), &[]);
    matches!(rejection, Rejection::UseDpopNonce { nonce: Some(_) } | Rejection::InvalidDpopProof { .. })
}

impl Server {
    /// A key for a session that begins, if its tokens are to be bound to one.
    pub(super) fn new_dpop_key(&self, metadata: &ServerMetadata) -> Option<DpopKey> {
        let wanted = match self.profile.dpop {
            Dpop::Off => false,
            Dpop::WhereOffered => metadata.offers_dpop(),
            Dpop::Required => true,
        };
        if !wanted {
            return None;
        }
        loop {
            if let Some(key) = DpopKey::from_bytes(&self.draw::<KEY_LENGTH>()) {
                return Some(key);
            }
        }
    }

    /// Refuses a token that anybody could use, where the profile says that none may be.
    pub(super) fn check_bound(&self, token_type: TokenType) -> Result<(), Failure> {
        if self.profile.dpop == Dpop::Required && token_type != TokenType::Dpop {
            return Err(Failure::Misconfigured(
                "the profile requires DPoP, and the server gave a bearer token".to_owned(),
            ));
        }
        Ok(())
    }

    /// A proof for one request, by the server's own idea of the time.
    pub(super) fn prove(
        &self,
        key: &DpopKey,
        method: &Method,
        url: &Url,
        (part, access_token): (Part, Option<&Secret>),
    ) -> Option<HeaderValue> {
        let nonce = self.nonces.of(url, part);
        key.prove(&DpopProof {
            method,
            url,
            id: self.draw(),
            now_ms: self.line.wall_ms(),
            clock_offset_ms: self.line.server_ahead_ms(),
            access_token,
            nonce: nonce.as_deref(),
        })
    }

    /// Asks for tokens that are bound to `key`: a request with a proof, if there is a key.
    pub(super) async fn ask_for_tokens(
        &self,
        key: Option<&DpopKey>,
        request: SecretRequest,
    ) -> Result<Inbound, Failure> {
        let Some((key, url)) = key.zip(request.url()) else { return Ok(self.ask(request).await?) };
        let proof = self.prove(key, &Method::POST, &url, (Part::TokenEndpoint, None));
        let inbound = self.ask(with_proof(request, proof)).await?;
        self.nonces.learn(&url, Part::TokenEndpoint, &Answer::new(&inbound.response, inbound.from_cache));
        Ok(inbound)
    }

    /// Sends a request of our own that carries an access token; once more if the server wants another proof.
    pub(super) async fn ask_with(
        &self,
        connection: ConnectionWish,
        presented: Presented<'_>,
        method: &Method,
        request: impl Fn() -> Result<SecretRequest, RequestError>,
    ) -> Result<Inbound, Failure> {
        let first = request()?;
        let Some((key, url)) = presented.key.zip(first.url()) else {
            return Ok(self.ask_on(connection, first).await?);
        };
        let proof = || self.prove(key, method, &url, (Part::Resource, Some(presented.token)));
        let inbound = self.ask_on(connection, with_proof(first, proof())).await?;
        let answer = Answer::new(&inbound.response, inbound.from_cache);
        self.nonces.learn(&url, Part::Resource, &answer);
        if !wants_another_proof(&answer, &url) {
            return Ok(inbound);
        }
        Ok(self.ask_on(connection, with_proof(request()?, proof())).await?)
    }

    /// Remembers a resource server's nonce.
    pub(super) fn learn_nonce(&self, url: &Url, response: &Response<Bytes>) {
        self.nonces.learn(url, Part::Resource, &Answer::new(response, false));
    }
}

fn with_proof(request: SecretRequest, proof: Option<HeaderValue>) -> SecretRequest {
    match proof {
        Some(proof) => request.with_header(DPOP, proof),
        None => request,
    }
}

/// A session's key, taken out of its newest credentials, and the bytes that it was made of: making one costs as much as a
/// signature.
#[derive(Default)]
pub(super) struct SessionKey(Mutex<Option<(Secret, DpopKey)>>);

impl Account {
    /// The key that the session's tokens are bound to, if they are.
    pub(super) fn dpop_key(&self) -> Option<DpopKey> {
        let stored = lock(&self.kept).last()?.dpop_key.clone()?;
        let mut made = lock(&self.dpop.0);
        if let Some((bytes, key)) = &*made
            && *bytes == stored
        {
            return Some(key.clone());
        }
        let key = DpopKey::from_bytes(stored.expose())?;
        *made = Some((stored, key.clone()));
        Some(key)
    }

    /// Nothing of a signed-out session stays in memory.
    pub(super) fn forget_dpop_key(&self) {
        *lock(&self.dpop.0) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(nonce: &str) -> Response<Bytes> {
        Response::builder().header("dpop-nonce", nonce).body(Bytes::new()).unwrap()
    }

    #[test]
    fn nonces_are_kept_per_server_and_part_and_are_bounded() {
        let nonces = Nonces::default();
        let url = |text: &str| Url::parse(text).unwrap();
        let learn = |text: &str, part, nonce: &str| nonces.learn(&url(text), part, &Answer::new(&answer(nonce), false));
        learn("https://id.example/token", Part::TokenEndpoint, "a");
        learn("https://id.example/userinfo", Part::Resource, "b");
        learn("https://api.example/x?y", Part::Resource, "c");
        learn("https://api.example/z", Part::Resource, "d");
        assert_eq!(nonces.of(&url("https://id.example/other"), Part::TokenEndpoint).as_deref(), Some("a"));
        assert_eq!(nonces.of(&url("https://id.example/"), Part::Resource).as_deref(), Some("b"));
        assert_eq!(nonces.of(&url("https://api.example/"), Part::Resource).as_deref(), Some("d"));
        assert_eq!(nonces.of(&url("https://api.example:444/"), Part::Resource), None);
        for port in 1..200 {
            learn(&format!("https://api.example:{port}/"), Part::Resource, "n");
        }
        assert_eq!(lock(&nonces.0).len(), MOST_NONCES);
    }
}
