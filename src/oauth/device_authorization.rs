//! Signing in on another device: the device authorization grant, [RFC 8628](https://www.rfc-editor.org/rfc/rfc8628).
//!
//! For a screen without a browser or a keyboard: it shows a short code, somebody types that in on their phone, and the
//! screen asks the token endpoint meanwhile, no faster than the server allows ([`DevicePacing`]).

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{
    Answer, Endpoint, ErrorCode, MAX_BODY, MalformedAnswer, OAuthClient, RequestError, SecretRequest, TokenAnswer,
    TokenError, Verifier, form::Form, json,
};
use crate::Secret;

/// How often to ask where the server does not say ([RFC 8628 section
/// 3.2](https://www.rfc-editor.org/rfc/rfc8628#section-3.2)).
pub const DEVICE_POLL_INTERVAL: Duration = Duration::from_secs(5);

/// What `slow_down` adds to it ([RFC 8628 section 3.5](https://www.rfc-editor.org/rfc/rfc8628#section-3.5)).
pub const DEVICE_SLOW_DOWN: Duration = Duration::from_secs(5);

/// The longest wait between two questions, whatever a server says.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);

/// How long a code lives where the server does not say, and the most and the least that is believed.
const LIFE_ASSUMED: u64 = 600;
const LONGEST_LIFE: u64 = 1800;
const SHORTEST_LIFE: u64 = 10;

/// The longest code for people to type, in characters.
const MAX_USER_CODE: usize = 64;

/// The grant type ([RFC 8628 section 3.4](https://www.rfc-editor.org/rfc/rfc8628#section-3.4)).
pub const DEVICE_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A request for a code ([RFC 8628 section 3.1](https://www.rfc-editor.org/rfc/rfc8628#section-3.1)). The verifier is for
/// servers that want PKCE here too; others ignore its challenge.
///
/// # Errors
/// [`RequestError`] only if the client's own secret cannot be sent.
pub fn device_authorization_request(
    endpoint: &Endpoint,
    client: &OAuthClient,
    scopes: &[String],
    verifier: &Verifier,
) -> Result<SecretRequest, RequestError> {
    let (scope, challenge) = (scopes.join(" "), verifier.challenge());
    let form = Form::default()
        .with_some("scope", Some(scope.as_str()).filter(|scope| !scope.is_empty()))
        .with("code_challenge", &challenge)
        .with("code_challenge_method", "S256");
    let pairs = client.form_pairs();
    let form = pairs.iter().fold(form, |form, (name, value)| form.with_some(name, *value));
    client.authorize(SecretRequest::post(endpoint, Form::CONTENT_TYPE, form.encode()))
}

/// A code, and where to type it in ([RFC 8628 section 3.2](https://www.rfc-editor.org/rfc/rfc8628#section-3.2)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAuthorization {
    /// What the token endpoint is asked with.
    pub device_code: Secret,
    /// What the person types in: printable and without blanks at its ends. Not secret: it stands on a screen.
    pub user_code: String,
    /// Where: `https`, or `http` on this very device.
    pub verification_uri: Url,
    /// The same with the code in it, for a QR code; `None` if the server has none, or one on another origin.
    pub verification_uri_complete: Option<Url>,
    /// How long the code is good.
    pub lifetime: Duration,
    /// How long to wait between two questions.
    pub interval: Duration,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    device_code: json::Lenient<Secret>,
    #[serde(default)]
    user_code: json::Lenient<String>,
    #[serde(default)]
    verification_uri: json::Lenient<String>,
    /// What drafts called it; some servers still do.
    #[serde(default)]
    verification_url: json::Lenient<String>,
    #[serde(default)]
    verification_uri_complete: json::Lenient<String>,
    #[serde(default)]
    expires_in: Option<Value>,
    #[serde(default)]
    interval: Option<Value>,
}

impl DeviceAuthorization {
    /// Reads the answer to a request for a code.
    ///
    /// # Errors
    /// [`TokenError`]: the server refuses in the words of the token endpoint, or its answer cannot be used.
    pub fn read(answer: &Answer<'_>) -> Result<Self, TokenError> {
        if !answer.is_success() {
            return Err(TokenError::read(answer));
        }
        let body = answer.require_uncached().and_then(|()| json::object(answer.body(), MAX_BODY));
        body.and_then(Self::from_body).map_err(|reason| TokenError::malformed(answer, reason))
    }

    fn from_body(body: Body) -> Result<Self, MalformedAnswer> {
        let device_code = body.device_code.0.filter(|code| !code.is_empty());
        let user_code = body.user_code.0.as_deref().and_then(typed).ok_or(MalformedAnswer::Invalid("user_code"))?;
        let place = body.verification_uri.0.or(body.verification_url.0);
        let verification_uri =
            place.as_deref().and_then(shown_address).ok_or(MalformedAnswer::Invalid("verification_uri"))?;
        let complete = body.verification_uri_complete.0.as_deref().and_then(shown_address);
        let seconds = |value: Option<&Value>| {
            value.and_then(json::whole_number).and_then(|seconds| u64::try_from(seconds).ok()).filter(|it| *it > 0)
        };
        let lifetime = seconds(body.expires_in.as_ref()).unwrap_or(LIFE_ASSUMED).clamp(SHORTEST_LIFE, LONGEST_LIFE);
        let interval = seconds(body.interval.as_ref()).map_or(DEVICE_POLL_INTERVAL, Duration::from_secs);
        Ok(Self {
            device_code: device_code.ok_or(MalformedAnswer::Invalid("device_code"))?,
            user_code,
            verification_uri_complete: complete.filter(|it| it.origin() == verification_uri.origin()),
            verification_uri,
            lifetime: Duration::from_secs(lifetime),
            interval: interval.min(LONGEST_INTERVAL),
        })
    }
}

/// A code as it may stand on a screen.
fn typed(code: &str) -> Option<String> {
    let code = code.trim();
    let plain = |letter: char| letter == ' ' || letter.is_alphanumeric() || letter.is_ascii_graphic();
    (!code.is_empty() && code.chars().count() <= MAX_USER_CODE && code.chars().all(plain)).then(|| code.to_owned())
}

/// An address that a person may be sent to.
fn shown_address(text: &str) -> Option<Url> {
    Endpoint::parse(text).ok().map(|endpoint| endpoint.url().clone())
}

/// What came of one question ([RFC 8628 section 3.5](https://www.rfc-editor.org/rfc/rfc8628#section-3.5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DevicePoll {
    /// Somebody approved.
    Granted(Box<TokenAnswer>),
    /// Nobody has done anything yet. Ask again after the interval.
    Pending,
    /// The same, and less often from now on.
    SlowDown,
    /// No answer, or none that says anything of the code: the network, or a server in trouble. Ask again, less often, and
    /// not before the server's own wait.
    Trouble(Option<Duration>),
    /// Somebody said no.
    Denied,
    /// The code is not good any more: ask for another one.
    Expired,
    /// Asking again would not help.
    Failed(TokenError),
}

impl DevicePoll {
    /// Reads the answer to a question.
    #[must_use]
    pub fn read(answer: &Answer<'_>) -> Self {
        match TokenAnswer::read(answer) {
            Ok(tokens) => Self::Granted(Box::new(tokens)),
            Err(error) => Self::of(error),
        }
    }

    fn of(error: TokenError) -> Self {
        match error.error.as_ref().map(|object| &object.code) {
            Some(ErrorCode::AuthorizationPending) => Self::Pending,
            Some(ErrorCode::SlowDown) => Self::SlowDown,
            Some(ErrorCode::AccessDenied) => Self::Denied,
            Some(ErrorCode::ExpiredToken | ErrorCode::InvalidGrant) => Self::Expired,
            // No standard's reason: asking for ever would not bring one.
            Some(ErrorCode::Other(_) | ErrorCode::InvalidRequest) => Self::Failed(error),
            _ if error.is_transient() => Self::Trouble(error.retry_after),
            _ => Self::Failed(error),
        }
    }
}

/// How long to wait before the next question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevicePacing(Duration);

impl DevicePacing {
    /// The server's own pace to begin with.
    #[must_use]
    pub const fn new(authorization: &DeviceAuthorization) -> Self {
        Self(authorization.interval)
    }

    /// The wait before the next question; never shorter than the one before.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.0
    }

    /// Learns from an answer: `slow_down` adds 5 s for good, and trouble doubles the wait. Returns the wait from now.
    #[must_use]
    pub fn after(&mut self, poll: &DevicePoll) -> Duration {
        match poll {
            DevicePoll::SlowDown => self.0 = (self.0 + DEVICE_SLOW_DOWN).min(LONGEST_INTERVAL),
            DevicePoll::Trouble(_) => self.0 = (self.0 * 2).min(LONGEST_INTERVAL),
            _ => {}
        }
        match poll {
            DevicePoll::Trouble(Some(told)) => self.0.max(*told),
            _ => self.0,
        }
    }
}

#[cfg(test)]
mod tests;
