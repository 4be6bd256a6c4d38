//! Signing in with an enrolled device key (RFC 7523 section 2.1).

use super::{
    Session,
    issue::{self, Extras, invalid_grant, known_client},
    token::JWT_BEARER,
};
use crate::{
    call::{Call, Parameters, Reply},
    jwt::Unverified,
    keys::verifies,
    state::App,
};

/// The longest life of an assertion, in seconds: RFC 7523 section 3 lets a server refuse one that is unreasonably far away.
const LONGEST_LIFE_S: u64 = 600;

pub(super) fn exchange(app: &App, call: &Call, form: &Parameters, bound_to: Option<String>) -> Reply {
    let assertion = form.require("assertion")?;
    let token = Unverified::parse(assertion).ok_or_else(|| invalid_grant("the assertion is no signed JWT"))?;
    let token_endpoint = format!("{}/token", app.issuer);
    app.update(|world| {
        world.random.note("assertion", assertion);
        let kid = token.header.kid.as_deref().unwrap_or_default();
        let enrolment = world.enrolments.get(kid).cloned();
        let enrolment = enrolment.ok_or_else(|| invalid_grant("no such device key is enrolled"))?;
        known_client(world, &enrolment.client_id)?;
        let signed = token.header.alg == "ES256" && verifies(&enrolment.key, token.input.as_bytes(), &token.signature);
        if !signed {
            return Err(invalid_grant("the assertion's signature does not fit the device key"));
        }
        let now_s = world.now_s();
        let named_by = token.text("iss").unwrap_or_default();
        if named_by != enrolment.client_id && named_by != kid {
            return Err(invalid_grant("iss is neither the client nor the key"));
        }
        if token.text("sub") != Some(&enrolment.person) {
            return Err(invalid_grant("sub is not who enrolled the key"));
        }
        if form.get("client_id").is_some_and(|client| client != enrolment.client_id) {
            return Err(invalid_grant("the key was enrolled by another client"));
        }
        if !token.is_for(&[&app.issuer, &token_endpoint]) {
            return Err(invalid_grant("aud is not this server"));
        }
        let expires = token.seconds("exp").unwrap_or(0);
        if expires <= now_s || expires > now_s.saturating_add(LONGEST_LIFE_S) {
            return Err(invalid_grant("exp has passed, or is more than ten minutes away"));
        }
        if token.seconds("nbf").is_some_and(|not_before| not_before > now_s) {
            return Err(invalid_grant("nbf has not come yet"));
        }
        let jti = token.text("jti").filter(|jti| !jti.is_empty()).ok_or_else(|| invalid_grant("jti is missing"))?;
        world.used_assertions.retain(|_, expires| *expires > now_s);
        if world.used_assertions.insert(format!("{kid} {jti}"), expires).is_some() {
            return Err(invalid_grant("the assertion was used before"));
        }
        let scope = form.get("scope").unwrap_or(&enrolment.scope).to_owned();
        let sid = issue::open_session(
            world,
            &Session {
                person: enrolment.person.clone(),
                client_id: enrolment.client_id.clone(),
                scope: scope.clone(),
                audience: form.get("resource").map_or_else(|| issue::default_audience(&app.issuer), str::to_owned),
                auth_time: now_s,
                revoked: false,
                last_access: None,
                last_refresh_key: None,
                bound_to,
            },
            Some(enrolment.device),
        )?;
        let refresh_token = match world.config.refresh_token_on_jwt_bearer {
            true => Some(issue::refresh_token(world, &sid)?),
            false => None,
        };
        let extras = Extras { refresh_token, id_token: true, foreign: call.foreign.clone(), ..Extras::default() };
        issue::answer(world, &app.issuer, &sid, &scope, extras)
    })
}

/// What discovery calls this grant.
pub(super) const GRANT: &str = JWT_BEARER;
