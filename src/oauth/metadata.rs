//! What an authorization server says about itself: [RFC 8414](https://www.rfc-editor.org/rfc/rfc8414) and OpenID
//! Connect Discovery 1.0.

use http::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Endpoint, Issuer, MAX_BODY, MalformedAnswer, SecretRequest, json};

/// A discovery document ([RFC 8414 section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2)), or the same written
/// by hand in a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerMetadata {
    /// The issuer, equal to the one that was asked for.
    pub issuer: Issuer,
    /// Where tokens come from.
    pub token_endpoint: Endpoint,
    /// Where people sign in; absent where nobody can.
    pub authorization_endpoint: Option<Endpoint>,
    /// RFC 7009.
    pub revocation_endpoint: Option<Endpoint>,
    /// RFC 7662.
    pub introspection_endpoint: Option<Endpoint>,
    /// OpenID Connect Core 1.0 section 5.3.
    pub userinfo_endpoint: Option<Endpoint>,
    /// Where a device asks for a code (RFC 8628).
    pub device_authorization_endpoint: Option<Endpoint>,
    /// Where authorization requests are pushed to (RFC 9126).
    pub pushed_authorization_request_endpoint: Option<Endpoint>,
    /// Whether the server takes pushed authorization requests only (RFC 9126 section 5).
    pub requires_pushed_authorization_requests: bool,
    /// RFC 7517.
    pub jwks_uri: Option<Endpoint>,
    /// Where a device enrols its key; an extension of ours.
    pub enrollment_endpoint: Option<Endpoint>,
    /// Where the server says how it is; an extension of ours. See also [`Issuer::status_url`].
    pub status_endpoint: Option<Endpoint>,
    /// `grant_types_supported`; where the server does not say, the two that RFC 8414 section 2 assumes.
    pub grant_types: Vec<String>,
    /// `scopes_supported`, if the server says.
    pub scopes: Option<Vec<String>>,
    /// `code_challenge_methods_supported` (RFC 7636), if the server says.
    pub code_challenge_methods: Option<Vec<String>>,
    /// `token_endpoint_auth_methods_supported`, if the server says.
    pub token_endpoint_auth_methods: Option<Vec<String>>,
    /// `dpop_signing_alg_values_supported` (RFC 9449 section 5.1), if the server says.
    pub dpop_algorithms: Option<Vec<String>>,
    /// Whether the authorization answer always names the issuer (RFC 9207 section 3).
    pub names_issuer_in_callback: bool,
    /// Optional endpoints that the document names and that cannot be used, by member name: relative, or plain `http`.
    /// They count as absent; a diagnosis should show them.
    pub unusable: Vec<&'static str>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    issuer: json::Lenient<String>,
    #[serde(default)]
    token_endpoint: json::Lenient<String>,
    #[serde(default)]
    authorization_endpoint: json::Lenient<String>,
    #[serde(default)]
    revocation_endpoint: json::Lenient<String>,
    #[serde(default)]
    introspection_endpoint: json::Lenient<String>,
    #[serde(default)]
    userinfo_endpoint: json::Lenient<String>,
    #[serde(default)]
    device_authorization_endpoint: json::Lenient<String>,
    #[serde(default)]
    pushed_authorization_request_endpoint: json::Lenient<String>,
    #[serde(default)]
    require_pushed_authorization_requests: Option<Value>,
    #[serde(default)]
    jwks_uri: json::Lenient<String>,
    #[serde(default)]
    mainstay_enrollment_endpoint: json::Lenient<String>,
    #[serde(default)]
    mainstay_status_endpoint: json::Lenient<String>,
    #[serde(default)]
    grant_types_supported: Option<Value>,
    #[serde(default)]
    scopes_supported: Option<Value>,
    #[serde(default)]
    code_challenge_methods_supported: Option<Value>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Value>,
    #[serde(default)]
    dpop_signing_alg_values_supported: Option<Value>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: Option<Value>,
}

impl ServerMetadata {
    /// A request for a discovery document at one of [`Issuer::discovery_urls`].
    #[must_use]
    pub fn request(url: &Endpoint) -> SecretRequest {
        SecretRequest::without_body(Method::GET, url)
    }

    /// Reads the discovery document of `expected`. It may come out of a cache.
    ///
    /// # Errors
    /// [`MalformedAnswer`]: `Invalid("issuer")` if it is another issuer's
    /// ([RFC 8414 section 3.3](https://www.rfc-editor.org/rfc/rfc8414#section-3.3)), and the member's name for the
    /// token and authorization endpoints. What is known from before goes on being used.
    pub fn read(answer: &Answer<'_>, expected: &Issuer) -> Result<Self, MalformedAnswer> {
        if answer.status() != 200 {
            return Err(MalformedAnswer::Status(answer.status()));
        }
        let document: Document = json::object(answer.body(), MAX_BODY)?;
        match document.issuer.0.as_deref() {
            None => return Err(MalformedAnswer::Missing("issuer")),
            Some(issuer) if issuer != expected.as_str() => return Err(MalformedAnswer::Invalid("issuer")),
            Some(_) => {}
        }
        let mut unusable = Vec::new();
        let mut optional = |name, text: &json::Lenient<String>| {
            let endpoint = Endpoint::parse(text.0.as_deref()?).ok();
            if endpoint.is_none() {
                unusable.push(name);
            }
            endpoint
        };
        Ok(Self {
            issuer: expected.clone(),
            token_endpoint: needed("token_endpoint", &document.token_endpoint)?
                .ok_or(MalformedAnswer::Missing("token_endpoint"))?,
            authorization_endpoint: needed("authorization_endpoint", &document.authorization_endpoint)?,
            revocation_endpoint: optional("revocation_endpoint", &document.revocation_endpoint),
            introspection_endpoint: optional("introspection_endpoint", &document.introspection_endpoint),
            userinfo_endpoint: optional("userinfo_endpoint", &document.userinfo_endpoint),
            device_authorization_endpoint: optional(
                "device_authorization_endpoint",
                &document.device_authorization_endpoint,
            ),
            pushed_authorization_request_endpoint: optional(
                "pushed_authorization_request_endpoint",
                &document.pushed_authorization_request_endpoint,
            ),
            requires_pushed_authorization_requests: document.require_pushed_authorization_requests
                == Some(Value::Bool(true)),
            jwks_uri: optional("jwks_uri", &document.jwks_uri),
            enrollment_endpoint: optional("mainstay_enrollment_endpoint", &document.mainstay_enrollment_endpoint),
            status_endpoint: optional("mainstay_status_endpoint", &document.mainstay_status_endpoint),
            grant_types: texts(document.grant_types_supported.as_ref())
                .unwrap_or_else(|| vec!["authorization_code".to_owned(), "implicit".to_owned()]),
            scopes: texts(document.scopes_supported.as_ref()),
            code_challenge_methods: texts(document.code_challenge_methods_supported.as_ref()),
            token_endpoint_auth_methods: texts(document.token_endpoint_auth_methods_supported.as_ref()),
            dpop_algorithms: texts(document.dpop_signing_alg_values_supported.as_ref()),
            names_issuer_in_callback: document.authorization_response_iss_parameter_supported
                == Some(Value::Bool(true)),
            unusable,
        })
    }

    /// Whether the server says that it binds tokens to a key, by proofs as they are made here (RFC 9449 section 5.1).
    #[must_use]
    pub fn offers_dpop(&self) -> bool {
        self.dpop_algorithms.as_ref().is_some_and(|known| known.iter().any(|algorithm| algorithm == "ES256"))
    }

    /// Whether the server says that it knows a grant type.
    #[must_use]
    pub fn offers(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|offered| offered == grant_type)
    }
}

fn needed(name: &'static str, text: &json::Lenient<String>) -> Result<Option<Endpoint>, MalformedAnswer> {
    let Some(text) = text.0.as_deref() else { return Ok(None) };
    Endpoint::parse(text).map(Some).map_err(|_| MalformedAnswer::Invalid(name))
}

fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    let list = value?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
