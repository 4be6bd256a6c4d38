//! Checking access tokens (RFC 6750, RFC 9068), and saying no.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::{
    call::{Call, Problem, no_store},
    config::Rejection,
    jwt::Unverified,
    oauth::{BadProof, Part, StoreFailure, Unreachable, proven_key},
    observations::count,
    state::{App, World},
};

/// Who calls, by a token that is good.
#[derive(Clone, Debug)]
pub(crate) struct Bearer {
    pub(crate) person: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) sid: String,
    pub(crate) jti: String,
    pub(crate) expires_s: u64,
    /// The thumbprint of the key that the token is bound to.
    pub(crate) bound_to: Option<String>,
}

/// Why a token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Missing,
    Malformed,
    UnknownKey,
    BadSignature,
    WrongIssuer,
    WrongAudience,
    Expired,
    NotYetValid,
    Revoked,
    /// A token that is bound to a key came without a proof, or one that is bound to none came with one.
    WrongScheme,
    /// The proof of possession is not good, or is another key's.
    DpopProof,
    /// The proof of possession lacks the server's nonce.
    DpopNonce,
    /// The session store did not answer, and the server takes that for a no.
    NoSession,
    /// The session store did not answer, and the server says so.
    Unreachable,
}

impl Reason {
    /// Every reason that is counted.
    pub(crate) const ALL: [Self; 13] = [
        Self::Missing,
        Self::Malformed,
        Self::UnknownKey,
        Self::BadSignature,
        Self::WrongIssuer,
        Self::WrongAudience,
        Self::Expired,
        Self::NotYetValid,
        Self::Revoked,
        Self::WrongScheme,
        Self::DpopProof,
        Self::DpopNonce,
        Self::NoSession,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
            Self::WrongScheme => "wrong_scheme",
            Self::DpopProof => "dpop_proof",
            Self::DpopNonce => "dpop_nonce",
            Self::NoSession => "no_session",
            Self::Unreachable => "store_unreachable",
        }
    }
}

/// How far a token may have been issued in the future, in seconds.
const LEEWAY_S: u64 = 60;

/// Checks the token of a call; `audience` is the one that it must name, if any.
pub(crate) fn check(world: &mut World, issuer: &str, call: &Call, audience: Option<&str>) -> Result<Bearer, Reason> {
    let header = call.headers.get(header::AUTHORIZATION).ok_or(Reason::Missing)?;
    let (scheme, token) = header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Reason::Malformed)?;
    let is_dpop = scheme.eq_ignore_ascii_case("dpop");
    if !(is_dpop || scheme.eq_ignore_ascii_case("bearer"))
        || call.headers.get_all(header::AUTHORIZATION).iter().count() > 1
    {
        return Err(Reason::Malformed);
    }
    let signed = check_signed(world, issuer, token.trim(), audience)?;
    check_possession(world, issuer, call, (&signed, token.trim(), is_dpop))?;
    let mut bearer = look_up(world, signed)?;
    if let Some(person) = &call.foreign {
        bearer.person.clone_from(person);
    }
    Ok(bearer)
}

/// Checks that whoever sends a token that is bound to a key has the key (RFC 9449 section 7.1).
fn check_possession(
    world: &mut World,
    issuer: &str,
    call: &Call,
    (bearer, token, is_dpop): (&Bearer, &str, bool),
) -> Result<(), Reason> {
    match (&bearer.bound_to, is_dpop) {
        (None, false) => Ok(()),
        (Some(key), true) => match proven_key(world, issuer, Part::Resource, call, Some(token)) {
            Ok(Some(proven)) if proven == *key => Ok(()),
            Ok(_) | Err(BadProof::Invalid) => Err(Reason::DpopProof),
            Err(BadProof::Nonce) => Err(Reason::DpopNonce),
        },
        _ => Err(Reason::WrongScheme),
    }
}

/// Looks a token's session up, as every request does. While the store is out of reach it is the configuration's matter what
/// comes of it; a server that fails open goes on with whatever session it had last.
fn look_up(world: &mut World, bearer: Bearer) -> Result<Bearer, Reason> {
    let known = world.sessions.is_revoked(&bearer.jti, &bearer.sid).and_then(|revoked| {
        world.sessions.read(&bearer.sid)?;
        Ok(revoked)
    });
    match (known, world.config.when_the_store_fails) {
        (Ok(true), _) => Err(Reason::Revoked),
        (Ok(false), _) => Ok(bearer),
        (Err(Unreachable), StoreFailure::Closed) => Err(Reason::Unreachable),
        (Err(Unreachable), StoreFailure::Denies) => Err(Reason::NoSession),
        (Err(Unreachable), StoreFailure::Open) => match world.sessions.in_hand() {
            Some((sid, session)) => Ok(Bearer { person: session.person.clone(), sid: sid.clone(), ..bearer }),
            None => Err(Reason::Unreachable),
        },
    }
}

/// Checks an access token against the keys, the revocations and the clock of this server.
pub(crate) fn check_token(world: &World, issuer: &str, token: &str, audience: Option<&str>) -> Result<Bearer, Reason> {
    let bearer = check_signed(world, issuer, token, audience)?;
    match world.sessions.is_revoked(&bearer.jti, &bearer.sid) {
        Ok(false) => Ok(bearer),
        Ok(true) => Err(Reason::Revoked),
        Err(Unreachable) => Err(Reason::Unreachable),
    }
}

/// Checks what a token says by itself.
fn check_signed(world: &World, issuer: &str, token: &str, audience: Option<&str>) -> Result<Bearer, Reason> {
    let token = Unverified::parse(token).ok_or(Reason::Malformed)?;
    let kid = token.header.kid.as_deref().ok_or(Reason::Malformed)?;
    let key = world.keys.here().accepted(kid, world.now_ms()).ok_or(Reason::UnknownKey)?;
    if !token.is_signed_by(key) {
        return Err(Reason::BadSignature);
    }
    // ID tokens and signed refresh tokens are ours too, and are no access tokens (RFC 9068 section 4).
    if token.header.typ.as_deref() != Some("at+jwt") {
        return Err(Reason::Malformed);
    }
    if token.text("iss") != Some(issuer) {
        return Err(Reason::WrongIssuer);
    }
    if audience.is_some_and(|audience| !token.is_for(&[audience])) {
        return Err(Reason::WrongAudience);
    }
    let now_s = world.now_s();
    let expires_s = token.seconds("exp").ok_or(Reason::Malformed)?;
    if expires_s <= now_s {
        return Err(Reason::Expired);
    }
    if token.seconds("iat").ok_or(Reason::Malformed)? > now_s.saturating_add(LEEWAY_S) {
        return Err(Reason::NotYetValid);
    }
    let text = |claim| token.text(claim).map(str::to_owned).ok_or(Reason::Malformed);
    Ok(Bearer {
        person: text("sub")?,
        client_id: text("client_id")?,
        scope: text("scope")?,
        sid: text("sid")?,
        jti: text("jti")?,
        expires_s,
        bound_to: token.bound_to().map(str::to_owned),
    })
}

/// Rejects a token in this style, and counts it under `reason`. `status` counts in the standard style only.
pub(crate) fn reject(app: &App, style: &Rejection, status: u16, reason: &str) -> Response {
    app.update(|world| note(world, reason));
    rejection(style, status, reason)
}

/// Counts a rejection and lets the operators' alarm see it.
pub(crate) fn note(world: &mut World, reason: &str) {
    count(&mut world.seen.tokens_rejected, reason);
    world.metrics.rejected(reason);
    let (now_ms, rule) = (world.now_ms(), world.config.alarm);
    world.desk.rejected(now_ms, reason, rule);
}

/// The answer to a token that is not good.
pub(crate) fn rejection(style: &Rejection, status: u16, reason: &str) -> Response {
    let code = |status| StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
    match style {
        Rejection::Standard => standard(code(status), reason).into_response(),
        Rejection::Legacy { status, content_type, body } => {
            let kind = HeaderValue::from_str(content_type).unwrap_or(HeaderValue::from_static("application/json"));
            (code(*status), [(header::CONTENT_TYPE, kind)], body.clone()).into_response()
        }
    }
}

/// The answer of RFC 6750 section 3; a request without any token gets a challenge without an error (section 3.1).
pub(crate) fn standard(status: StatusCode, reason: &str) -> Problem {
    let (challenge, error) = if reason == Reason::Missing.name() {
        ("Bearer realm=\"mainstay-mock\"", "unauthorized")
    } else if reason == Reason::DpopNonce.name() {
        ("DPoP realm=\"mainstay-mock\", error=\"use_dpop_nonce\", algs=\"ES256\"", "use_dpop_nonce")
    } else if reason == Reason::DpopProof.name() {
        ("DPoP realm=\"mainstay-mock\", error=\"invalid_dpop_proof\", algs=\"ES256\"", "invalid_dpop_proof")
    } else {
        (
            "Bearer realm=\"mainstay-mock\", error=\"invalid_token\", error_description=\"The access token is not valid\"",
            "invalid_token",
        )
    };
    let body = serde_json::json!({ "error": error, "error_description": reason });
    Problem::from(no_store(status, &body)).with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}
