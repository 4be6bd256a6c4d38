//! Pushed authorization requests, [RFC 9126](https://www.rfc-editor.org/rfc/rfc9126): the request goes to the server directly,
//! and the browser carries a reference to it.

use serde::Deserialize;
use url::Url;

use super::{
    Answer, Endpoint, MAX_BODY, MalformedAnswer, OAuthClient, RequestError, SecretRequest, ServerMetadata, TokenError,
    form::Form, json,
};
use crate::Secret;

/// The longest reference that is taken, in bytes.
const MAX_REFERENCE: usize = 2048;

/// A request that the server has, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedRequest {
    /// What the browser carries instead ([RFC 9126 section 2.2](https://www.rfc-editor.org/rfc/rfc9126#section-2.2)).
    request_uri: Secret,
}

/// Pushes what [`PendingSignIn::start`](super::PendingSignIn::start) would have the browser carry: the parameters of
/// `authorization_url`, without those that the server's own address has.
///
/// # Errors
/// [`RequestError`] only if the client's own secret cannot be sent.
pub fn push_request(
    endpoint: &Endpoint,
    client: &OAuthClient,
    server: &ServerMetadata,
    authorization_url: &Url,
) -> Result<SecretRequest, RequestError> {
    let own = server.authorization_endpoint.as_ref().map_or(0, |endpoint| endpoint.url().query_pairs().count());
    let pairs: Vec<_> = authorization_url.query_pairs().skip(own).collect();
    // The client's name is among them, and its secret where it has one to send.
    let secret = client.form_pairs().into_iter().filter(|(name, _)| *name == "client_secret");
    let form = pairs.iter().fold(Form::default(), |form, (name, value)| form.with(name, value));
    let form = secret.fold(form, |form, (name, value)| form.with_some(name, value));
    client.authorize(SecretRequest::post(endpoint, Form::CONTENT_TYPE, form.encode()))
}

impl PushedRequest {
    /// Reads the answer to a pushed request.
    ///
    /// # Errors
    /// [`TokenError`]: the server refuses in the words of the token endpoint
    /// ([RFC 9126 section 2.3](https://www.rfc-editor.org/rfc/rfc9126#section-2.3)). There is no way round it: a request that
    /// is sent by the browser instead would be what an attacker on the way wants.
    pub fn read(answer: &Answer<'_>) -> Result<Self, TokenError> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            request_uri: json::Lenient<Secret>,
        }
        // 201 by the standard; some servers say 200.
        if !answer.is_success() {
            return Err(TokenError::read(answer));
        }
        let malformed = |reason| TokenError::malformed(answer, reason);
        let body: Body =
            answer.require_uncached().and_then(|()| json::object(answer.body(), MAX_BODY)).map_err(malformed)?;
        let usable = |uri: &Secret| !uri.is_empty() && uri.expose().len() <= MAX_REFERENCE;
        let request_uri = body.request_uri.0.filter(usable);
        Ok(Self { request_uri: request_uri.ok_or_else(|| malformed(MalformedAnswer::Invalid("request_uri")))? })
    }

    /// The address to open in a browser ([RFC 9126 section 4](https://www.rfc-editor.org/rfc/rfc9126#section-4)).
    #[must_use]
    pub fn url(&self, authorization_endpoint: &Endpoint, client: &OAuthClient) -> Url {
        let mut url = authorization_endpoint.url().clone();
        url.query_pairs_mut()
            .append_pair("client_id", &client.id)
            .append_pair("request_uri", self.request_uri.expose_text());
        url
    }
}

#[cfg(test)]
mod tests;
