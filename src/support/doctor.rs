//! What a real authorization server offers, and what that means on a bad day. `mainstay doctor` presents it.
//!
//! Everything is read from what the server publishes: no sign-in, no token, three or four requests. What only a sign-in could
//! tell, such as what becomes of a refresh token that is presented twice, is said to be unknown.

mod outlook;
mod profile;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

pub use outlook::{Outlook, Recovery};

use crate::{
    host::{Clock, ConnectionWish, Inbound, Lane, Outbound, Transport, TransportError},
    oauth::{
        Answer, Endpoint, EndpointError, Issuer, KeySet, MAX_BODY, MalformedAnswer, SecretRequest, ServerMetadata,
        ServerStatus, jwks_request, status_request,
    },
};

/// The grant of [RFC 8628 section 3.4](https://www.rfc-editor.org/rfc/rfc8628#section-3.4).
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The grant of [RFC 7523 section 2.1](https://www.rfc-editor.org/rfc/rfc7523#section-2.1).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// A clock that is further off than this makes signed things look too old or too new, in milliseconds.
const NOTABLE_OFFSET_MS: u64 = 30_000;

/// Why there is no diagnosis.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The issuer is no address that a client could use. Correct it.
    #[error("the issuer cannot be used: {0}")]
    Issuer(#[from] EndpointError),
    /// Nobody answers there. Try again, or check the address and the network.
    #[error("the server cannot be reached: {0}")]
    Unreachable(#[from] TransportError),
    /// Somebody answers, but no authorization server of this name. Check the issuer, letter by letter.
    #[error("what is there is no authorization server of this name: {0}")]
    NoMetadata(MalformedAnswer),
}

/// Whether a server offers something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It says so.
    Yes,
    /// It does not say so, and would have to.
    No,
    /// It says so, and it does not work.
    Broken,
}

/// What a feature is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Ways in, for a person.
    SignIn,
    /// Staying signed in.
    StayingSignedIn,
    /// Telling who is who.
    Identity,
    /// Bad days.
    Recovery,
    /// Against thieves.
    Protection,
}

impl Area {
    /// Every area, in the order of a report.
    pub const ALL: [Self; 5] = [Self::SignIn, Self::StayingSignedIn, Self::Identity, Self::Recovery, Self::Protection];

    /// In words for people.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::SignIn => "signing in",
            Self::StayingSignedIn => "staying signed in",
            Self::Identity => "who is who",
            Self::Recovery => "bad days",
            Self::Protection => "protection",
        }
    }
}

/// One thing that a server could offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is for.
    pub area: Area,
    /// A stable code.
    pub code: &'static str,
    /// What it is, in a few words.
    pub feature: &'static str,
    /// Whether it is there.
    pub offered: Offered,
    /// What that means, in a sentence.
    pub meaning: &'static str,
}

/// What is known about a server without signing in.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// The issuer.
    pub issuer: Issuer,
    /// How far the server's clock is ahead of this device's, in milliseconds; `None` if it does not say.
    pub clock_ahead_ms: Option<i64>,
    /// What it offers.
    pub findings: Vec<Finding>,
    /// What becomes of its devices on bad days.
    pub outlooks: Vec<Outlook>,
    /// A profile for it (docs/profile.md), in TOML.
    pub profile: String,
}

impl Diagnosis {
    /// Whether the clocks agree well enough for everything that is signed.
    #[must_use]
    pub fn clocks_agree(&self) -> bool {
        self.clock_ahead_ms.is_none_or(|ahead| ahead.unsigned_abs() <= NOTABLE_OFFSET_MS)
    }

    /// Whether something that the server says it offers does not work.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.findings.iter().any(|finding| finding.offered == Offered::Broken)
    }
}

/// What was read.
struct Read {
    metadata: ServerMetadata,
    /// The same document, with what the SDK itself does not look at.
    document: Value,
    keys: Option<bool>,
    status: bool,
}

/// Looks at a server over this transport.
///
/// # Errors
/// [`DoctorError`].
pub async fn diagnose(
    transport: &Arc<dyn Transport>,
    clock: &dyn Clock,
    issuer: &str,
) -> Result<Diagnosis, DoctorError> {
    let issuer = Issuer::parse(issuer)?;
    let (inbound, metadata) = discover(transport, &issuer).await?;
    let server_ms = Answer::new(&inbound.response, inbound.from_cache).server_time_ms();
    let here_ms = i64::try_from(clock.wall().as_millis()).unwrap_or(i64::MAX);
    let ahead = server_ms.and_then(|there| i64::try_from(there).ok()).map(|there| there.saturating_sub(here_ms));
    let document = serde_json::from_slice(inbound.response.body()).unwrap_or(Value::Null);
    let keys = match &metadata.jwks_uri {
        Some(place) => Some(reads(transport, jwks_request(place, None), |answer| KeySet::read(answer).is_ok()).await),
        None => None,
    };
    let place = metadata.status_endpoint.clone().or_else(|| issuer.status_url());
    let status = match place {
        Some(place) => reads(transport, status_request(&place), |answer| ServerStatus::read(answer).is_ok()).await,
        None => false,
    };
    let read = Read { metadata, document, keys, status };
    Ok(Diagnosis {
        issuer,
        clock_ahead_ms: ahead,
        findings: findings(&read),
        outlooks: outlook::outlooks(&read),
        profile: profile::profile(&read),
    })
}

async fn discover(transport: &Arc<dyn Transport>, issuer: &Issuer) -> Result<(Inbound, ServerMetadata), DoctorError> {
    let mut latest = MalformedAnswer::Status(404);
    for url in issuer.discovery_urls() {
        let inbound = send(transport, ServerMetadata::request(&url)).await?;
        match ServerMetadata::read(&Answer::new(&inbound.response, inbound.from_cache), issuer) {
            Ok(metadata) => return Ok((inbound, metadata)),
            Err(reason @ MalformedAnswer::Status(404)) => latest = reason,
            Err(reason) => return Err(DoctorError::NoMetadata(reason)),
        }
    }
    Err(DoctorError::NoMetadata(latest))
}

async fn reads(
    transport: &Arc<dyn Transport>,
    request: SecretRequest,
    understood: impl FnOnce(&Answer<'_>) -> bool,
) -> bool {
    let answered = send(transport, request).await;
    answered.is_ok_and(|inbound| understood(&Answer::new(&inbound.response, inbound.from_cache)))
}

async fn send(transport: &Arc<dyn Transport>, request: SecretRequest) -> Result<Inbound, TransportError> {
    let request = request.into_request();
    let outbound = Outbound { request, connection: ConnectionWish::Any, lane: Lane::Own, body_limit: MAX_BODY };
    transport.send(outbound).await
}

impl Read {
    fn names(&self, member: &str) -> bool {
        self.document.get(member).and_then(Value::as_str).is_some_and(|text| Endpoint::parse(text).is_ok())
    }

    fn lists(&self, member: &str, wanted: &str) -> bool {
        let listed = self.document.get(member).and_then(Value::as_array);
        listed.is_some_and(|listed| listed.iter().any(|one| one.as_str() == Some(wanted)))
    }

    fn refreshes(&self) -> bool {
        self.metadata.offers("refresh_token")
    }

    fn has_device_keys(&self) -> bool {
        self.metadata.enrollment_endpoint.is_some() && self.metadata.offers(JWT_BEARER)
    }

    fn has_probe(&self) -> bool {
        self.metadata.userinfo_endpoint.is_some()
    }

    fn offered(&self, there: bool, member: &str) -> Offered {
        match there {
            true => Offered::Yes,
            false if self.metadata.unusable.contains(&member) => Offered::Broken,
            false => Offered::No,
        }
    }
}

fn findings(read: &Read) -> Vec<Finding> {
    let metadata = &read.metadata;
    let s256 = metadata.code_challenge_methods.as_ref().is_none_or(|all| all.iter().any(|method| method == "S256"));
    let code = metadata.authorization_endpoint.is_some() && metadata.offers("authorization_code");
    let yes_or_no = |there| if there { Offered::Yes } else { Offered::No };
    let finding = |area, code, feature, offered, (there, missing): (&'static str, &'static str)| Finding {
        area,
        code,
        feature,
        offered,
        meaning: if offered == Offered::Yes { there } else { missing },
    };
    let keys = match read.keys {
        Some(true) => Offered::Yes,
        Some(false) => Offered::Broken,
        None => read.offered(false, "jwks_uri"),
    };
    vec![
        finding(
            Area::SignIn,
            "code_with_pkce",
            "code with PKCE (RFC 7636)",
            yes_or_no(code && s256),
            (
                "A person signs in with the system's browser.",
                "Nobody can sign in with a browser; import tokens, or supply a credential provider.",
            ),
        ),
        finding(
            Area::SignIn,
            "device_grant",
            "device grant (RFC 8628)",
            yes_or_no(metadata.offers(DEVICE_CODE) && read.names("device_authorization_endpoint")),
            ("A till without a browser shows a code for a telephone.", "A device needs a browser of its own."),
        ),
        finding(
            Area::SignIn,
            "pushed_requests",
            "pushed requests (RFC 9126)",
            yes_or_no(read.names("pushed_authorization_request_endpoint")),
            (
                "What is asked for does not pass through the browser.",
                "What is asked for stands in the browser's address.",
            ),
        ),
        finding(
            Area::StayingSignedIn,
            "refresh",
            "refresh tokens (RFC 6749 section 6)",
            yes_or_no(read.refreshes()),
            (
                "Tokens are renewed silently. Whether a retried refresh token is forgiven only a sign-in can tell.",
                "When the token expires, a device key or a person is needed.",
            ),
        ),
        finding(
            Area::StayingSignedIn,
            "device_key",
            "device keys (RFC 7523)",
            yes_or_no(read.has_device_keys()),
            (
                "A device signs in again by itself when every token is lost.",
                "A lost session store costs a sign-in on every device; docs/server-guide.md says what the server would need.",
            ),
        ),
        finding(
            Area::Identity,
            "userinfo",
            "userinfo (OpenID Connect Core 1.0 section 5.3)",
            read.offered(read.has_probe(), "userinfo_endpoint"),
            (
                "It is the probe: it tells a good token from a bad one, and whose it is.",
                "There is no probe: name one in the profile (`probe`), else less is known before anybody is asked.",
            ),
        ),
        finding(
            Area::Identity,
            "signing_keys",
            "public signing keys (RFC 7517)",
            keys,
            (
                "A key that has gone is seen, and points to the server, not to the account.",
                "A lost key cannot be told from a refused account.",
            ),
        ),
        finding(
            Area::Identity,
            "issuer_in_callback",
            "issuer in the way back (RFC 9207)",
            yes_or_no(metadata.names_issuer_in_callback),
            ("An answer of another server is refused.", "Use one server for each redirect URI."),
        ),
        finding(
            Area::Recovery,
            "status_document",
            "status document",
            yes_or_no(read.status),
            (
                "The server can say that it is well, and over how long its devices should come back.",
                "Devices find out by themselves, and spread over minutes that nobody chose.",
            ),
        ),
        finding(
            Area::Protection,
            "revocation",
            "revocation (RFC 7009)",
            read.offered(metadata.revocation_endpoint.is_some(), "revocation_endpoint"),
            ("A sign-out ends the session on the server too.", "After a sign-out tokens stay good until they expire."),
        ),
        finding(
            Area::Protection,
            "dpop",
            "bound tokens (DPoP, RFC 9449)",
            yes_or_no(read.lists("dpop_signing_alg_values_supported", "ES256")),
            ("A stolen token is of no use elsewhere.", "A stolen token is good until it expires."),
        ),
        finding(
            Area::Protection,
            "end_session",
            "sign-out at the server's page",
            yes_or_no(read.names("end_session_endpoint")),
            (
                "The browser forgets the last person too.",
                "The browser may bring the last person back; sign-ins after a sign-out ask for the password.",
            ),
        ),
    ]
}
