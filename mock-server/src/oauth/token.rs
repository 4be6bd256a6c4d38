//! The token endpoint: one door, four grants.

use http::StatusCode;

use super::{
    StoreFailure, code, device,
    dpop::{BadProof, Part, proven_key},
    issue::{careless_answer, invalid_grant},
    jwt_bearer, refresh,
};
use crate::{
    Endpoint,
    call::{Call, Problem, Reply},
    state::App,
};

/// The grant type of a JWT bearer assertion (RFC 7523 section 2.1).
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// As which endpoint a token request counts.
pub(crate) fn grant(call: &Call) -> Endpoint {
    match call.form().ok().as_ref().and_then(|form| form.get("grant_type")) {
        Some("refresh_token") => Endpoint::Refresh,
        Some(JWT_BEARER) => Endpoint::JwtBearer,
        Some(device::GRANT) => Endpoint::DeviceCode,
        _ => Endpoint::Token,
    }
}

/// `POST /token` (RFC 6749 section 3.2).
pub(crate) fn token(app: &App, call: &Call) -> Reply {
    let answer = exchange(app, call);
    let grant = grant(call);
    app.read(|world| match &answer {
        Ok(_) => world.metrics.gave(grant),
        Err(problem) if grant == Endpoint::Refresh => world.metrics.refused(problem.status().as_u16()),
        Err(_) => {}
    });
    answer
}

fn exchange(app: &App, call: &Call) -> Reply {
    let form = call.form()?;
    let grant = form.require("grant_type")?;
    let without_store = app.update(|world| {
        let failure = world.config.when_the_store_fails;
        // A closed server finds out by itself, where it needs the store.
        if failure == StoreFailure::Closed || world.sessions.is_reachable() {
            return None;
        }
        Some(match failure {
            StoreFailure::Open => careless_answer(world, &app.issuer),
            StoreFailure::Closed | StoreFailure::Denies => Err(invalid_grant("no such session")),
        })
    });
    if let Some(answer) = without_store {
        return answer;
    }
    let proven = app.update(|world| {
        let proven = proven_key(world, &app.issuer, Part::TokenEndpoint, call, None)?;
        if proven.is_none() && world.config.dpop_required { Err(BadProof::Invalid) } else { Ok(proven) }
    })?;
    match grant {
        "authorization_code" => code::exchange(app, call, &form, proven),
        "refresh_token" => refresh::refresh(app, call, &form, proven.as_deref()),
        JWT_BEARER => jwt_bearer::exchange(app, call, &form, proven),
        device::GRANT => device::exchange(app, call, &form, proven),
        _ => Err(Problem::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", "no such grant")),
    }
}
