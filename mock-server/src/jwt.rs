//! JSON Web Tokens in compact form (RFC 7515, RFC 7519): the two algorithms this server speaks.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{config::Algorithm, keys::Key};

/// Signs `claims` with `key`. `kind` is the header's `typ`: `at+jwt` (RFC 9068) for access tokens, else `JWT`.
pub(crate) fn sign(key: &Key, kind: &str, claims: &Value) -> String {
    let algorithm = match key.material.algorithm() {
        Algorithm::Hs256 => "HS256",
        Algorithm::Es256 => "ES256",
    };
    let header = json!({ "alg": algorithm, "typ": kind, "kid": key.kid });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", encode(&header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.material.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// The members of a JOSE header that matter here.
#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    #[serde(default)]
    pub(crate) typ: Option<String>,
    #[serde(default)]
    pub(crate) kid: Option<String>,
    /// The public key of a proof of possession (RFC 9449 section 4.2).
    #[serde(default)]
    pub(crate) jwk: Option<Value>,
}

/// A token taken apart. Nothing of it is true until its signature was checked.
pub(crate) struct Unverified<'a> {
    pub(crate) header: Header,
    pub(crate) input: &'a str,
    pub(crate) signature: Vec<u8>,
    claims: Map<String, Value>,
}

impl<'a> Unverified<'a> {
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (input, signature) = token.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        Some(Self {
            header: serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?,
            input,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
            claims: serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?,
        })
    }

    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// The key that the token is bound to, by its thumbprint (RFC 9449 section 6.1).
    pub(crate) fn bound_to(&self) -> Option<&str> {
        self.claims.get("cnf")?.get("jkt")?.as_str()
    }

    pub(crate) fn seconds(&self, claim: &str) -> Option<u64> {
        self.claims.get(claim).and_then(Value::as_u64)
    }

    /// Whether `aud` is, or contains, one of `audiences` (RFC 7519 section 4.1.3).
    pub(crate) fn is_for(&self, audiences: &[&str]) -> bool {
        match self.claims.get("aud") {
            Some(Value::String(one)) => audiences.contains(&one.as_str()),
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).any(|one| audiences.contains(&one)),
            _ => false,
        }
    }

    /// Whether the signature is `key`'s, with the key's own algorithm and no other.
    pub(crate) fn is_signed_by(&self, key: &Key) -> bool {
        let expected = match key.material.algorithm() {
            Algorithm::Hs256 => "HS256",
            Algorithm::Es256 => "ES256",
        };
        self.header.alg == expected && key.material.verifies(self.input.as_bytes(), &self.signature)
    }
}
