//! The application, as the authorization server knows it.

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{RequestError, SecretRequest, form::encode_value};
use crate::Secret;

/// How the application proves itself at the token endpoint
/// ([RFC 6749 section 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Not at all: a public client, which is what an app on a till or in a browser is.
    None,
    /// `client_secret_basic`: name and secret in the `Authorization` header.
    Basic(Secret),
    /// `client_secret_post`: name and secret in the body.
    Post(Secret),
}

/// A registered client ([RFC 6749 section 2](https://www.rfc-editor.org/rfc/rfc6749#section-2)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthClient {
    /// The `client_id`.
    pub id: String,
    /// How it proves itself.
    pub auth: ClientAuth,
}

impl OAuthClient {
    /// A client without a secret.
    #[must_use]
    pub fn public(id: impl Into<String>) -> Self {
        Self { id: id.into(), auth: ClientAuth::None }
    }

    /// The pairs that belong into the body of a request to the token or revocation endpoint.
    pub(crate) fn form_pairs(&self) -> [(&'static str, Option<&str>); 2] {
        match &self.auth {
            ClientAuth::None => [("client_id", Some(&self.id)), ("client_secret", None)],
            ClientAuth::Basic(_) => [("client_id", None), ("client_secret", None)],
            ClientAuth::Post(secret) => [("client_id", Some(&self.id)), ("client_secret", Some(secret.expose_text()))],
        }
    }

    /// Adds the `Authorization` header where the client proves itself by one. Both parts are form-encoded first, as
    /// RFC 6749 section 2.3.1 wants it.
    pub(crate) fn authorize(&self, request: SecretRequest) -> Result<SecretRequest, RequestError> {
        let ClientAuth::Basic(secret) = &self.auth else { return Ok(request) };
        let mut pair = Zeroizing::new(Vec::with_capacity(3 * (self.id.len() + secret.expose().len()) + 1));
        encode_value(self.id.as_bytes(), &mut pair);
        pair.push(b':');
        encode_value(secret.expose(), &mut pair);
        request.authorize("Basic", &Secret::new(STANDARD.encode(&pair).into_bytes()))
    }
}
