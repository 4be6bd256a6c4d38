//! Where servers are reached, and how they are named.

use http::Uri;
use url::{Host, Url};

/// Why an address cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is no absolute URL with a host.
    #[error("not an absolute http or https URL")]
    NotAUrl,
    /// It is plain `http`, and not on this very device.
    #[error("only https is secure; http is allowed on loopback")]
    NotSecure,
    /// It carries a user name or password.
    #[error("a URL must not carry a user name or password")]
    HasCredentials,
    /// It has a fragment (RFC 6749 section 3.1), or, for an issuer, a query (RFC 8414 section 2).
    #[error("the URL has a part that is not allowed here")]
    HasExtraPart,
}

/// An address that credentials may be sent to: `https`, or `http` on loopback; no credentials in it, no fragment
/// ([RFC 6749 section 3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1),
/// [RFC 8252 section 8.3](https://www.rfc-editor.org/rfc/rfc8252#section-8.3)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    uri: Uri,
}

impl Endpoint {
    /// Checks an address and takes it.
    ///
    /// # Errors
    /// [`EndpointError`]: the address is wrong in the configuration or in the discovery document.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        Self::from_url(Url::parse(text).map_err(|_| EndpointError::NotAUrl)?)
    }

    /// Checks a URL and takes it.
    ///
    /// # Errors
    /// As [`parse`](Endpoint::parse).
    pub fn from_url(url: Url) -> Result<Self, EndpointError> {
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(EndpointError::NotSecure),
            _ => return Err(EndpointError::NotAUrl),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EndpointError::HasCredentials);
        }
        if url.fragment().is_some() {
            return Err(EndpointError::HasExtraPart);
        }
        let uri = url.as_str().parse().map_err(|_| EndpointError::NotAUrl)?;
        Ok(Self { url, uri })
    }

    /// The address as a URL.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The address as an HTTP request wants it.
    #[must_use]
    pub const fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The address with one more path segment, percent-encoded.
    pub(crate) fn below(&self, segment: &str) -> Option<Self> {
        let mut url = self.url.clone();
        url.path_segments_mut().ok()?.pop_if_empty().push(segment);
        Self::from_url(url).ok()
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The name of an authorization server ([RFC 8414 section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2)):
/// a URL without query and fragment, compared character by character and never normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    name: String,
    url: Url,
}

impl Issuer {
    /// Checks an issuer's name and takes it exactly as it is.
    ///
    /// # Errors
    /// [`EndpointError`]: the issuer is wrong in the configuration.
    pub fn parse(name: &str) -> Result<Self, EndpointError> {
        let url = Endpoint::parse(name)?.url;
        if url.query().is_some() {
            return Err(EndpointError::HasExtraPart);
        }
        Ok(Self { name: name.to_owned(), url })
    }

    /// The name, exactly as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Where the discovery document may be, in the order to try: as OpenID Connect Discovery 1.0 section 4 appends it,
    /// as RFC 8414 section 3.1 inserts it, and as RFC 8414 section 5 inserts OpenID's. One and the same where the
    /// issuer has no path.
    #[must_use]
    pub fn discovery_urls(&self) -> Vec<Endpoint> {
        let path = self.url.path().trim_end_matches('/');
        let mut paths = vec![
            format!("{path}/.well-known/openid-configuration"),
            format!("/.well-known/oauth-authorization-server{path}"),
            format!("/.well-known/openid-configuration{path}"),
        ];
        paths.dedup();
        if path.is_empty() {
            paths.truncate(2);
        }
        paths.iter().filter_map(|path| self.at(path)).collect()
    }

    /// Where Mainstay's status document is unless the discovery document says otherwise: `/.well-known/mainstay-status`
    /// before the issuer's path ([RFC 8615](https://www.rfc-editor.org/rfc/rfc8615)).
    #[must_use]
    pub fn status_url(&self) -> Option<Endpoint> {
        self.at(&format!("/.well-known/mainstay-status{}", self.url.path().trim_end_matches('/')))
    }

    fn at(&self, path: &str) -> Option<Endpoint> {
        let mut url = self.url.clone();
        url.set_path(path);
        Endpoint::from_url(url).ok()
    }
}

#[cfg(test)]
mod tests;
