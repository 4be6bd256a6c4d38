//! The token endpoint, [RFC 6749 sections 4.1.3, 5.1 and 6](https://www.rfc-editor.org/rfc/rfc6749#section-5).

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{
    Answer, DEVICE_CODE_GRANT, Endpoint, Lifetime, MAX_BODY, MalformedAnswer, OAuthClient, RequestError, SecretRequest,
    TokenError, form::Form, json,
};
use crate::Secret;

/// What tokens are asked for with.
#[derive(Clone, Copy, Debug)]
pub enum Grant<'a> {
    /// The code of a sign-in ([RFC 6749 section 4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3),
    /// [RFC 7636 section 4.5](https://www.rfc-editor.org/rfc/rfc7636#section-4.5)).
    AuthorizationCode {
        /// The code.
        code: &'a Secret,
        /// The redirect URI of the authorization request, unchanged.
        redirect_uri: &'a Url,
        /// The PKCE verifier.
        verifier: &'a Secret,
    },
    /// A refresh token ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
    RefreshToken {
        /// The refresh token.
        token: &'a Secret,
        /// The scopes to ask for; `None` asks for what was granted.
        scopes: Option<&'a [String]>,
    },
    /// An assertion signed by this device ([RFC 7523 section 2.1](https://www.rfc-editor.org/rfc/rfc7523#section-2.1)).
    JwtBearer {
        /// The assertion.
        assertion: &'a Secret,
        /// The scopes to ask for; `None` leaves them to the server.
        scopes: Option<&'a [String]>,
    },
    /// The code of a device that waits for somebody's approval
    /// ([RFC 8628 section 3.4](https://www.rfc-editor.org/rfc/rfc8628#section-3.4)).
    DeviceCode {
        /// The device code.
        code: &'a Secret,
        /// The PKCE verifier, for servers that want one here too.
        verifier: &'a Secret,
    },
}

/// A request for tokens. `resource` is the audience that the access token is wanted for
/// ([RFC 8707 section 2](https://www.rfc-editor.org/rfc/rfc8707#section-2)).
///
/// # Errors
/// [`RequestError`] only if the client's own secret cannot be sent.
pub fn token_request(
    endpoint: &Endpoint,
    client: &OAuthClient,
    grant: &Grant<'_>,
    resource: Option<&str>,
) -> Result<SecretRequest, RequestError> {
    let scope = match grant {
        Grant::AuthorizationCode { .. } | Grant::DeviceCode { .. } => None,
        Grant::RefreshToken { scopes, .. } | Grant::JwtBearer { scopes, .. } => scopes.map(|scopes| scopes.join(" ")),
    };
    let form = match grant {
        Grant::AuthorizationCode { code, redirect_uri, verifier } => Form::default()
            .with("grant_type", "authorization_code")
            .with("code", code.expose_text())
            .with("redirect_uri", redirect_uri.as_str())
            .with("code_verifier", verifier.expose_text()),
        Grant::RefreshToken { token, .. } => {
            Form::default().with("grant_type", "refresh_token").with("refresh_token", token.expose_text())
        }
        Grant::JwtBearer { assertion, .. } => Form::default()
            .with("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .with("assertion", assertion.expose_text()),
        Grant::DeviceCode { code, verifier } => Form::default()
            .with("grant_type", DEVICE_CODE_GRANT)
            .with("device_code", code.expose_text())
            .with("code_verifier", verifier.expose_text()),
    };
    let pairs = client.form_pairs();
    let form = pairs.iter().fold(form, |form, (name, value)| form.with_some(name, *value));
    let form = form.with_some("scope", scope.as_deref()).with_some("resource", resource);
    client.authorize(SecretRequest::post(endpoint, Form::CONTENT_TYPE, form.encode()))
}

/// How an access token is presented ([RFC 6749 section 7.1](https://www.rfc-editor.org/rfc/rfc6749#section-7.1)).
/// Servers spell it in any case; some leave it out and mean `Bearer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// RFC 6750.
    Bearer,
    /// RFC 9449.
    Dpop,
}

impl TokenType {
    /// The scheme of the `Authorization` header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }

    fn read(text: Option<&str>) -> Result<Self, MalformedAnswer> {
        match text {
            None => Ok(Self::Bearer),
            Some(text) if text.eq_ignore_ascii_case("bearer") => Ok(Self::Bearer),
            Some(text) if text.eq_ignore_ascii_case("dpop") => Ok(Self::Dpop),
            Some(_) => Err(MalformedAnswer::Invalid("token_type")),
        }
    }
}

/// Tokens, as they came ([RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)). Whose they are is
/// not known yet: identity is checked before any of them is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAnswer {
    /// The access token: visible ASCII, not empty.
    pub access_token: Secret,
    /// How it is presented.
    pub token_type: TokenType,
    /// How long it may be handed out, from the arrival of this answer.
    pub lifetime: Lifetime,
    /// The new refresh token; `None` if the server sent none, or an empty one. See [`TokenAnswer::refresh_token_to_keep`].
    pub refresh_token: Option<Secret>,
    /// The ID token, unread. See [`IdToken`](super::IdToken).
    pub id_token: Option<Secret>,
    /// The granted scopes, sorted, each once; `None` if the server does not say, which means those asked for.
    pub scopes: Option<Vec<String>>,
    /// The server's own time (`Date`), in milliseconds since 1970.
    pub server_time_ms: Option<u64>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    access_token: json::Lenient<Secret>,
    #[serde(default)]
    token_type: json::Lenient<String>,
    #[serde(default)]
    expires_in: Option<Value>,
    #[serde(default)]
    refresh_token: json::Lenient<Secret>,
    #[serde(default)]
    id_token: json::Lenient<Secret>,
    #[serde(default)]
    scope: json::Lenient<String>,
    #[serde(default)]
    error: json::Lenient<String>,
}

impl TokenAnswer {
    /// Reads an answer of the token endpoint.
    ///
    /// Only what is needed is insisted on: throwing a refresh answer away may throw the only good refresh token away.
    ///
    /// # Errors
    /// [`TokenError`] says what the answer means instead. An answer out of a cache and an empty access token are
    /// malformed, whatever else they say.
    pub fn read(answer: &Answer<'_>) -> Result<Self, TokenError> {
        if !answer.is_success() {
            return Err(TokenError::read(answer));
        }
        let body: Body = answer
            .require_uncached()
            .and_then(|()| json::object(answer.body(), MAX_BODY))
            .map_err(|reason| TokenError::malformed(answer, reason))?;
        if body.error.0.is_some() && body.access_token.0.is_none() {
            return Err(TokenError::read(answer));
        }
        Self::from_body(body, answer.server_time_ms()).map_err(|reason| TokenError::malformed(answer, reason))
    }

    fn from_body(body: Body, server_time_ms: Option<u64>) -> Result<Self, MalformedAnswer> {
        let access_token = body.access_token.0.ok_or(MalformedAnswer::Missing("access_token"))?;
        if access_token.is_empty() || !access_token.expose().iter().all(u8::is_ascii_graphic) {
            return Err(MalformedAnswer::Invalid("access_token"));
        }
        let present = |secret: &Secret| !secret.is_empty();
        Ok(Self {
            access_token,
            token_type: TokenType::read(body.token_type.0.as_deref())?,
            lifetime: Lifetime::read(body.expires_in.as_ref(), server_time_ms),
            refresh_token: body.refresh_token.0.filter(present),
            id_token: body.id_token.0.filter(present),
            scopes: body.scope.0.map(|scope| scopes(&scope)),
            server_time_ms,
        })
    }

    /// The refresh token to keep after this answer: the new one, or else the one that was presented
    /// ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6): the server *may* issue a new one).
    #[must_use]
    pub fn refresh_token_to_keep(&self, presented: Option<&Secret>) -> Option<Secret> {
        self.refresh_token.as_ref().or(presented).cloned()
    }
}

/// Splits a scope ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)) into its names, sorted.
fn scopes(scope: &str) -> Vec<String> {
    let mut scopes: Vec<String> = scope.split_whitespace().map(str::to_owned).collect();
    scopes.sort();
    scopes.dedup();
    scopes
}

#[cfg(test)]
mod tests;
