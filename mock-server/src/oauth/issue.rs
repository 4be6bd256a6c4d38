//! Making tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Session, Unreachable};
use crate::{
    call::{Problem, Reply, no_store},
    config::{Algorithm, ExpiresIn, RefreshTokens},
    jwt,
    people::display_name,
    state::World,
};

/// What a token answer carries besides the access token.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) refresh_token: Option<String>,
    pub(crate) id_token: bool,
    pub(crate) nonce: Option<String>,
    /// The authentication context class, if the ID token says one.
    pub(crate) acr: Option<String>,
    /// Whom the tokens name instead of the session's own person, by order of a fault.
    pub(crate) foreign: Option<String>,
    /// The resource that was asked for this time (RFC 8707 section 2.2) instead of the session's own.
    pub(crate) audience: Option<String>,
}

/// Opens a session of a device, or of one more, and returns its id, which begins with the device's number.
pub(crate) fn open_session(world: &mut World, session: &Session, device: Option<u64>) -> Result<String, Problem> {
    let device = device.unwrap_or_else(|| {
        world.devices += 1;
        world.devices
    });
    let sid = format!("{device}-{}", world.random.short());
    world.sessions.put(&sid, session)?;
    Ok(sid)
}

/// The number of the device whose session this is, counted from 1.
pub(crate) fn device_of(sid: &str) -> Option<u64> {
    sid.split_once('-')?.0.parse().ok()
}

/// A new refresh token for a session, remembered.
pub(crate) fn refresh_token(world: &mut World, sid: &str) -> Result<String, Problem> {
    let random = world.random.text();
    let (token, key) = match world.config.refresh_tokens {
        RefreshTokens::Opaque => (random, None),
        RefreshTokens::Signed => {
            let key = world.keys.here().active(Algorithm::Hs256).ok_or_else(no_key)?;
            (jwt::sign(key, "rt+jwt", &json!({ "jti": random, "sid": sid })), Some(key.kid.clone()))
        }
    };
    let mut session = world.sessions.get(sid)?.ok_or_else(session_is_gone)?;
    session.last_refresh_key = key;
    world.sessions.put(sid, &session)?;
    world.sessions.remember_refresh_token(&token, sid, &session.client_id)?;
    world.random.note("refresh token", &token);
    Ok(token)
}

/// The answer of the token endpoint (RFC 6749 section 5.1, OpenID Connect Core 1.0 section 3.1.3.3).
pub(crate) fn answer(
    world: &mut World,
    issuer: &str,
    sid: &str,
    scope: &str,
    extras: Extras,
) -> Result<axum::response::Response, Problem> {
    let mut session = world.sessions.read(sid)?.ok_or_else(session_is_gone)?;
    let (body, access) = tokens(world, issuer, sid, &session, scope, extras)?;
    session.last_access = Some(access);
    world.sessions.put(sid, &session)?;
    world.seen.tokens_issued += 1;
    Ok(no_store(StatusCode::OK, &body))
}

/// The answer of a server that cannot reach its session store and goes on with the session it had in its hands last, whoever
/// asks. The refresh token is known to nobody.
pub(super) fn careless_answer(world: &mut World, issuer: &str) -> Reply {
    let (sid, session) = world.sessions.in_hand().cloned().ok_or(Unreachable)?;
    let extras = Extras { refresh_token: Some(world.random.text()), id_token: true, ..Extras::default() };
    let scope = session.scope.clone();
    let (body, _) = tokens(world, issuer, &sid, &session, &scope, extras)?;
    world.seen.tokens_issued += 1;
    Ok(no_store(StatusCode::OK, &body))
}

/// A session of a person who has none here: what another server may have stored.
pub(crate) fn somebody(issuer: &str, person: &str) -> (String, Session) {
    let session = Session {
        person: person.to_owned(),
        client_id: "elsewhere".to_owned(),
        scope: "openid profile offline_access pos".to_owned(),
        audience: default_audience(issuer),
        auth_time: 0,
        revoked: false,
        last_access: None,
        last_refresh_key: None,
        bound_to: None,
    };
    (format!("0-{person}"), session)
}

fn session_is_gone() -> Problem {
    Problem::bad_request("the session is gone")
}

/// The body of an answer; and which key signed the access token, and when that expires in seconds since 1970.
fn tokens(
    world: &mut World,
    issuer: &str,
    sid: &str,
    session: &Session,
    scope: &str,
    extras: Extras,
) -> Result<(Value, (String, u64)), Problem> {
    let now = world.now_s();
    let lifetime = world.config.access_token_lifetime;
    let expires = now.saturating_add(lifetime);
    let person = extras.foreign.as_deref().unwrap_or(&session.person);
    let audience = extras.audience.as_deref().unwrap_or(&session.audience);
    let jti = world.random.short();

    let key = world.keys.here().active(world.config.algorithm).ok_or_else(no_key)?;
    let mut claims = json!({
        "iss": issuer, "sub": person, "aud": audience, "iat": now, "exp": expires, "scope": scope,
        "client_id": session.client_id, "jti": jti, "sid": sid,
    });
    if let Some(key) = &session.bound_to {
        claims["cnf"] = json!({ "jkt": key });
    }
    let token_type = if session.bound_to.is_some() { "DPoP" } else { "Bearer" };
    let access_token = jwt::sign(key, "at+jwt", &claims);
    world.random.note("access token", &access_token);
    let mut body = json!({ "access_token": access_token, "token_type": token_type, "scope": scope });
    let signed_by = key.kid.clone();

    match &world.config.expires_in {
        ExpiresIn::Actual => body["expires_in"] = lifetime.into(),
        ExpiresIn::Missing => {}
        ExpiresIn::Raw(raw) => body["expires_in"] = raw.clone(),
    }
    if let Some(token) = extras.refresh_token {
        body["refresh_token"] = token.into();
    }
    if extras.id_token && scope.split(' ').any(|scope| scope == "openid") {
        let key = world.keys.here().active(Algorithm::Es256).ok_or_else(no_key)?;
        let mut claims = json!({
            "iss": issuer, "sub": person, "aud": session.client_id, "iat": now, "exp": expires,
            "auth_time": session.auth_time, "sid": sid, "name": display_name(person), "preferred_username": person,
        });
        // The left half of the access token's hash (OpenID Connect Core 1.0 section 3.1.3.6).
        let hash = Sha256::digest(body["access_token"].as_str().unwrap_or_default());
        claims["at_hash"] = URL_SAFE_NO_PAD.encode(hash.split_at(hash.len() / 2).0).into();
        if let Some(nonce) = extras.nonce {
            claims["nonce"] = nonce.into();
        }
        if let Some(acr) = extras.acr {
            claims["acr"] = acr.into();
        }
        let id_token = jwt::sign(key, "JWT", &claims);
        world.random.note("ID token", &id_token);
        body["id_token"] = id_token.into();
    }
    Ok((body, (signed_by, expires)))
}

/// There is always an active key of each algorithm; if not, it is the server's own fault.
fn no_key() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "no signing key is active")
}

/// Checks that a client is known (RFC 6749 section 2.3: public clients only name themselves).
pub(crate) fn known_client(world: &World, client_id: &str) -> Result<(), Problem> {
    match &world.config.client_ids {
        Some(known) if !known.iter().any(|id| id == client_id) => {
            Err(Problem::new(StatusCode::UNAUTHORIZED, "invalid_client", "no such client"))
        }
        _ => Ok(()),
    }
}

/// The `aud` of access tokens that were asked for without a resource indicator (RFC 8707).
pub(crate) fn default_audience(issuer: &str) -> String {
    format!("{issuer}/api")
}

pub(crate) fn invalid_grant(description: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_grant", description)
}

/// Whether every word of `asked` is in `granted`.
pub(crate) fn is_within(asked: &str, granted: &str) -> bool {
    asked.split(' ').all(|scope| granted.split(' ').any(|known| known == scope))
}
