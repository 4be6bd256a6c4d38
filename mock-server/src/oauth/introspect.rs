//! Introspection (RFC 7662), for the one confidential client.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    call::{Call, Problem, Reply, no_store},
    fingerprint,
    oauth::Unreachable,
    pos::{Reason, check_token},
    state::{App, World, same},
};

/// `POST /introspect`, with HTTP Basic authentication (RFC 6749 section 2.3.1).
pub(crate) fn introspect(app: &App, call: &Call) -> Reply {
    if !may_introspect(app, call) {
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "invalid_client", "this endpoint has one client");
        return Err(
            problem.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"introspection\""))
        );
    }
    let form = call.form()?;
    let token = form.require("token")?;
    let found = app.read(|world| match access_token(world, &app.issuer, token)? {
        Some(found) => Ok(Some(found)),
        None => refresh_token(world, token),
    })?;
    Ok(no_store(StatusCode::OK, &found.unwrap_or_else(|| json!({ "active": false }))))
}

fn may_introspect(app: &App, call: &Call) -> bool {
    let credentials = call.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    let credentials = credentials.and_then(|encoded| STANDARD.decode(encoded).ok());
    let credentials = credentials.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let (id, secret) = &app.doors.introspector;
    credentials.split_once(':').is_some_and(|(given, password)| given == id && same(secret, password))
}

fn access_token(world: &World, issuer: &str, token: &str) -> Result<Option<Value>, Unreachable> {
    let bearer = match check_token(world, issuer, token, None) {
        Ok(bearer) => bearer,
        Err(Reason::Unreachable) => return Err(Unreachable),
        Err(_) => return Ok(None),
    };
    let token_type = if bearer.bound_to.is_some() { "DPoP" } else { "Bearer" };
    let mut found = json!({
        "active": true, "token_type": token_type, "iss": issuer, "sub": bearer.person, "client_id": bearer.client_id,
        "scope": bearer.scope, "exp": bearer.expires_s, "jti": bearer.jti, "sid": bearer.sid,
    });
    if let Some(key) = bearer.bound_to {
        found["cnf"] = json!({ "jkt": key });
    }
    Ok(Some(found))
}

fn refresh_token(world: &World, token: &str) -> Result<Option<Value>, Unreachable> {
    let known = world.sessions.refresh_token(&fingerprint(token))?.filter(|known| known.spent.is_none());
    let Some(known) = known else { return Ok(None) };
    let session = world.sessions.get(&known.sid)?.filter(|session| !session.revoked);
    let Some(session) = session else { return Ok(None) };
    Ok(Some(json!({
        "active": true, "token_type": "refresh_token", "sub": session.person, "client_id": session.client_id,
        "scope": session.scope, "sid": known.sid,
    })))
}
