//! Signing in by a browser: the authorization code flow,
//! [RFC 6749 section 4.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1), with PKCE
//! ([RFC 7636](https://www.rfc-editor.org/rfc/rfc7636)) and the issuer's name in the answer
//! ([RFC 9207](https://www.rfc-editor.org/rfc/rfc9207)).

use std::{collections::BTreeSet, time::Duration};

use mainstay_core::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    AuthenticationWanted, ErrorObject, MalformedAnswer, OAuthClient, ServerMetadata, Verifier, base64url, json,
};
use crate::Secret;

/// How long a person may take to sign in. A callback that comes later is refused.
pub const PENDING_SIGN_IN_LIFETIME: Duration = Duration::from_secs(30 * 60);

/// The longest callback that is read, in bytes.
const MAX_CALLBACK: usize = 16 * 1024;

/// The largest pending sign-in that is read back, in bytes.
const MAX_RECORD: usize = 16 * 1024;

/// Parameters that only this file writes.
const RESERVED: [&str; 13] = [
    "response_type",
    "response_mode",
    "client_id",
    "client_secret",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
    "code_verifier",
];

/// Why no sign-in can be started: the configuration is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// The server names no authorization endpoint.
    #[error("the server offers no sign-in by browser")]
    NoAuthorizationEndpoint,
    /// The server says that it does not know `S256`. `plain` would protect nobody, so it is never a way out.
    #[error("the server does not offer PKCE with S256")]
    NoPkce,
    /// The server takes pushed authorization requests only (RFC 9126 section 5), and does not say where.
    #[error("the server wants the request pushed to it, and does not say where")]
    NowhereToPush,
    /// An extra parameter would replace one of the protocol's own.
    #[error("the parameter {0} cannot be set from outside")]
    ReservedParameter(String),
}

/// What a sign-in asks for ([OpenID Connect Core 1.0 section
/// 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInOptions {
    /// The scopes; `openid` asks for an ID token.
    pub scopes: Vec<String>,
    /// Who probably signs in: a name to prefill.
    pub login_hint: Option<String>,
    /// `none`, `login`, `consent`, `select_account`.
    pub prompt: Option<String>,
    /// The authentication context classes wanted, in order of preference.
    pub acr_values: Option<String>,
    /// How old the authentication may be, in seconds.
    pub max_age: Option<u64>,
    /// The audience (RFC 8707 section 2).
    pub resource: Option<String>,
    /// Anything else a server wants, by name.
    pub extra: Vec<(String, String)>,
}

/// 32 random bytes each for state, nonce and verifier.
#[derive(Clone)]
pub struct SignInEntropy {
    /// For `state`.
    pub state: [u8; 32],
    /// For `nonce`.
    pub nonce: [u8; 32],
    /// For the PKCE verifier.
    pub verifier: [u8; 32],
}

impl std::fmt::Debug for SignInEntropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignInEntropy(redacted)")
    }
}

/// A sign-in that waits for the browser. Survives the death of the app by [`to_record`](PendingSignIn::to_record); used
/// once: drop the record as soon as a code came out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSignIn {
    issuer: String,
    names_issuer: bool,
    redirect_uri: Url,
    state: Secret,
    nonce: Secret,
    verifier: Verifier,
    started_at: Timestamp,
    wanted: AuthenticationWanted,
}

/// The format of a stored [`PendingSignIn`]. Sealed, never on sign-out's way: it holds no credential, and it expires.
#[derive(Serialize)]
struct Record<'a> {
    /// Sign-out, SignInRequired and quarantine: not touched.
    format: u8,
    /// Sign-out, SignInRequired and quarantine: not touched.
    issuer: &'a str,
    /// Sign-out, SignInRequired and quarantine: not touched.
    names_issuer: bool,
    /// Sign-out, SignInRequired and quarantine: not touched.
    redirect_uri: &'a str,
    /// Sign-out, SignInRequired and quarantine: not touched.
    state: &'a str,
    /// Sign-out, SignInRequired and quarantine: not touched.
    nonce: &'a str,
    /// Sign-out, SignInRequired and quarantine: not touched.
    verifier: &'a str,
    /// Sign-out, SignInRequired and quarantine: not touched.
    started_at: Timestamp,
    /// Sign-out, SignInRequired and quarantine: not touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    acr_values: Option<&'a str>,
    /// Sign-out, SignInRequired and quarantine: not touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<u64>,
}

/// The format that this release writes.
const RECORD_FORMAT: u8 = 1;

/// What the browser brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// The code, for [`Grant::AuthorizationCode`](super::Grant::AuthorizationCode).
    pub code: Secret,
}

/// Why a callback brought no code. The kept credentials are untouched by any of these (P13).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// It is no answer to this sign-in: another address or another `state`. Ignore it and go on waiting: anybody can
    /// open such a link.
    #[error("the callback does not belong to this sign-in")]
    NotOurs,
    /// It came after [`PENDING_SIGN_IN_LIFETIME`]. Start again.
    #[error("the sign-in took too long")]
    Expired,
    /// Another server answered (RFC 9207 section 2.4): a mix-up attack, or a wrong configuration.
    #[error("another server answered the sign-in")]
    WrongIssuer,
    /// The server or the person said no ([RFC 6749 section
    /// 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)).
    #[error("the sign-in was refused")]
    Refused(ErrorObject),
    /// It is ours and has no code, or a parameter twice. Start again.
    #[error("the callback cannot be read")]
    Malformed,
}

impl PendingSignIn {
    /// Starts a sign-in: what to remember, and the address to open in a browser. Of the secrets only the hash of the
    /// verifier is in the address.
    ///
    /// # Errors
    /// [`AuthorizationError`].
    pub fn start(
        server: &ServerMetadata,
        client: &OAuthClient,
        redirect_uri: &Url,
        options: &SignInOptions,
        entropy: &SignInEntropy,
        now: Timestamp,
    ) -> Result<(Self, Url), AuthorizationError> {
        let endpoint = server.authorization_endpoint.as_ref().ok_or(AuthorizationError::NoAuthorizationEndpoint)?;
        if server.code_challenge_methods.as_ref().is_some_and(|methods| !methods.iter().any(|method| method == "S256"))
        {
            return Err(AuthorizationError::NoPkce);
        }
        if let Some((name, _)) = options.extra.iter().find(|(name, _)| RESERVED.contains(&name.as_str())) {
            return Err(AuthorizationError::ReservedParameter(name.clone()));
        }
        let pending = Self {
            issuer: server.issuer.as_str().to_owned(),
            names_issuer: server.names_issuer_in_callback,
            redirect_uri: redirect_uri.clone(),
            state: Secret::new(base64url::encode(entropy.state).into_bytes()),
            nonce: Secret::new(base64url::encode(entropy.nonce).into_bytes()),
            verifier: Verifier::new(&entropy.verifier),
            started_at: now,
            wanted: AuthenticationWanted { acr_values: options.acr_values.clone(), max_age: options.max_age },
        };
        let url = pending.authorization_url(endpoint.url().clone(), client, options);
        Ok((pending, url))
    }

    fn authorization_url(&self, mut url: Url, client: &OAuthClient, options: &SignInOptions) -> Url {
        let scope = options.scopes.join(" ");
        let max_age = options.max_age.map(|seconds| seconds.to_string());
        let optional = [
            ("scope", Some(scope.as_str()).filter(|scope| !scope.is_empty())),
            ("login_hint", options.login_hint.as_deref()),
            ("prompt", options.prompt.as_deref()),
            ("acr_values", options.acr_values.as_deref()),
            ("max_age", max_age.as_deref()),
            ("resource", options.resource.as_deref()),
        ];
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &client.id)
            .append_pair("redirect_uri", self.redirect_uri.as_str())
            .append_pair("state", self.state.expose_text())
            .append_pair("nonce", self.nonce.expose_text())
            .append_pair("code_challenge", &self.verifier.challenge())
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(optional.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))))
            .extend_pairs(&options.extra);
        url
    }

    /// The issuer that was asked.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The redirect URI, for the token request.
    #[must_use]
    pub const fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// The nonce that the ID token must repeat.
    #[must_use]
    pub fn nonce(&self) -> &str {
        self.nonce.expose_text()
    }

    /// The PKCE verifier, for the token request.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// How the person had to authenticate; for [`AuthenticationWanted::check`].
    #[must_use]
    pub const fn wanted(&self) -> &AuthenticationWanted {
        &self.wanted
    }

    /// Whether `callback` answers this very sign-in: it has its address and its `state`. What else may be wrong with it,
    /// [`accept`](PendingSignIn::accept) says.
    #[must_use]
    pub fn is_answered_by(&self, callback: &Url) -> bool {
        let mut states = callback.query_pairs().filter(|(name, _)| name == "state");
        let is_ours = states.next().is_some_and(|(_, state)| Secret::from_text(&state) == self.state);
        callback.as_str().len() <= MAX_CALLBACK && same_address(callback, &self.redirect_uri) && is_ours
    }

    /// Whether it is too late for a callback.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now.since(self.started_at) >= PENDING_SIGN_IN_LIFETIME
    }

    /// Reads the address that the browser was sent back to.
    ///
    /// # Errors
    /// [`CallbackError`].
    pub fn accept(&self, callback: &str, now: Timestamp) -> Result<AuthorizationCode, CallbackError> {
        let url = Some(callback).filter(|text| text.len() <= MAX_CALLBACK).and_then(|text| Url::parse(text).ok());
        let url = url.filter(|url| self.is_answered_by(url)).ok_or(CallbackError::NotOurs)?;
        let parameters = Parameters::read(&url);
        if self.is_expired(now) {
            return Err(CallbackError::Expired);
        }
        if parameters.doubled {
            return Err(CallbackError::Malformed);
        }
        match parameters.get("iss") {
            Some(issuer) if issuer != self.issuer => return Err(CallbackError::WrongIssuer),
            None if self.names_issuer => return Err(CallbackError::WrongIssuer),
            _ => {}
        }
        if let Some(code) = parameters.get("error") {
            return Err(CallbackError::Refused(ErrorObject::new(code, parameters.get("error_description"))));
        }
        let code = parameters.get("code").filter(|code| !code.is_empty()).ok_or(CallbackError::Malformed)?;
        Ok(AuthorizationCode { code: Secret::from_text(code) })
    }

    /// The sign-in as bytes to seal and store, so that it survives the death of the app while the browser is open.
    #[must_use]
    pub fn to_record(&self) -> Secret {
        let record = Record {
            format: RECORD_FORMAT,
            issuer: &self.issuer,
            names_issuer: self.names_issuer,
            redirect_uri: self.redirect_uri.as_str(),
            state: self.state.expose_text(),
            nonce: self.nonce.expose_text(),
            verifier: self.verifier.secret().expose_text(),
            started_at: self.started_at,
            acr_values: self.wanted.acr_values.as_deref(),
            max_age: self.wanted.max_age,
        };
        // Big enough at once: a growing buffer would leave copies of the verifier behind. Texts always serialise.
        let acr_values = self.wanted.acr_values.as_ref().map_or(0, String::len);
        let texts = self.issuer.len() + self.redirect_uri.as_str().len() + acr_values;
        let mut bytes = Vec::with_capacity(1024 + 6 * texts);
        let _ = serde_json::to_writer(&mut bytes, &record);
        Secret::new(bytes)
    }

    /// Takes a stored sign-in back.
    ///
    /// # Errors
    /// [`MalformedAnswer`]: the record is damaged or of another release. Start again.
    pub fn from_record(record: &Secret) -> Result<Self, MalformedAnswer> {
        let record: OwnedRecord = json::object(record.expose(), MAX_RECORD)?;
        if record.format != RECORD_FORMAT {
            return Err(MalformedAnswer::Invalid("format"));
        }
        Ok(Self {
            issuer: record.issuer,
            names_issuer: record.names_issuer,
            redirect_uri: Url::parse(&record.redirect_uri).map_err(|_| MalformedAnswer::Invalid("redirect_uri"))?,
            state: secret(record.state, "state")?,
            nonce: Secret::new(record.nonce.into_bytes()),
            verifier: Verifier::from_secret(secret(record.verifier, "verifier")?),
            started_at: record.started_at,
            wanted: AuthenticationWanted { acr_values: record.acr_values, max_age: record.max_age },
        })
    }
}

#[derive(Deserialize)]
struct OwnedRecord {
    format: u8,
    issuer: String,
    names_issuer: bool,
    redirect_uri: String,
    state: json::Lenient<Secret>,
    nonce: String,
    verifier: json::Lenient<Secret>,
    started_at: Timestamp,
    #[serde(default)]
    acr_values: Option<String>,
    #[serde(default)]
    max_age: Option<u64>,
}

/// An empty state would equal an empty state.
fn secret(member: json::Lenient<Secret>, name: &'static str) -> Result<Secret, MalformedAnswer> {
    member.0.filter(|secret| !secret.is_empty()).ok_or(MalformedAnswer::Invalid(name))
}

/// Whether a callback went to the redirect URI: scheme, host, port and path.
fn same_address(callback: &Url, redirect_uri: &Url) -> bool {
    let address = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    address(callback) == address(redirect_uri) && callback.path() == redirect_uri.path()
}

/// The parameters of a callback.
struct Parameters {
    pairs: Vec<(String, String)>,
    doubled: bool,
}

impl Parameters {
    fn read(url: &Url) -> Self {
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        let names: BTreeSet<_> = pairs.iter().map(|(name, _)| name).collect();
        let doubled = names.len() != pairs.len();
        Self { pairs, doubled }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests;
