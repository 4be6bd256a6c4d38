//! A request that carries secrets.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use zeroize::Zeroizing;

use super::Endpoint;
use crate::Secret;

/// Why a request cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The token holds characters that no HTTP header can carry. It never was usable.
    #[error("the token cannot be sent in a header")]
    TokenNotSendable,
    /// The address cannot be built from the given parts.
    #[error("the address cannot be built")]
    InvalidAddress,
}

/// A request whose body or headers hold secrets.
///
/// `Debug` shows method and address without query; the body is wiped when its last copy is dropped, and headers with
/// credentials are marked sensitive. Nothing secret is ever in the address.
pub struct SecretRequest(Request<Bytes>);

impl SecretRequest {
    /// A POST of a body that may be secret.
    pub(crate) fn post(endpoint: &Endpoint, content_type: &'static str, body: Zeroizing<Vec<u8>>) -> Self {
        let mut request = Self::bare(Method::POST, endpoint.uri().clone(), Bytes::from_owner(body));
        request.0.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        request
    }

    /// A request without body.
    pub(crate) fn without_body(method: Method, endpoint: &Endpoint) -> Self {
        Self::bare(method, endpoint.uri().clone(), Bytes::new())
    }

    fn bare(method: Method, uri: Uri, body: Bytes) -> Self {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        // What a cache answers was meant for somebody else; `no-store` keeps it from being asked.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self(request)
    }

    /// Adds `Authorization: <scheme> <credentials>` (RFC 9110 section 11.6.2).
    pub(crate) fn authorize(mut self, scheme: &str, credentials: &Secret) -> Result<Self, RequestError> {
        let mut value = Zeroizing::new(Vec::with_capacity(scheme.len() + 1 + credentials.expose().len()));
        value.extend_from_slice(scheme.as_bytes());
        value.push(b' ');
        value.extend_from_slice(credentials.expose());
        // Taken over as it is, not copied, so that it is wiped with the header.
        let value = HeaderValue::from_maybe_shared(Bytes::from_owner(value));
        let mut value = value.map_err(|_| RequestError::TokenNotSendable)?;
        value.set_sensitive(true);
        self.0.headers_mut().insert(header::AUTHORIZATION, value);
        Ok(self)
    }

    /// Where it goes, as proofs name it.
    pub(crate) fn url(&self) -> Option<url::Url> {
        url::Url::parse(&self.0.uri().to_string()).ok()
    }

    /// The request, to be sent. From here on its `Debug` would print the body: hand it to the transport only.
    #[must_use]
    pub fn into_request(self) -> Request<Bytes> {
        self.0
    }

    /// Adds or replaces a header, for example a DPoP proof (RFC 9449 section 4.1).
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().insert(name, value);
        self
    }
}

impl std::fmt::Debug for SecretRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let uri = self.0.uri();
        write!(f, "SecretRequest({} {}{})", self.0.method(), uri.authority().map_or("", |a| a.as_str()), uri.path())
    }
}

#[cfg(test)]
mod tests;
