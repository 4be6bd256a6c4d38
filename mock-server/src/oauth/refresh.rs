//! Refreshing (RFC 6749 section 6), with rotation and reuse detection (RFC 9700 section 4.14.2).

use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};

use super::{
    issue::{self, Extras, invalid_grant, is_within, known_client},
    sessions::Spent,
};
use crate::{
    call::{Call, Parameters, Problem, Reply},
    config::{RefreshAnswer, RefreshTokens, Rotation},
    fingerprint,
    jwt::Unverified,
    observations::count,
    state::{App, World},
};

pub(super) fn refresh(app: &App, call: &Call, form: &Parameters, proven: Option<&str>) -> Reply {
    let (client_id, presented) = (form.require("client_id")?, form.require("refresh_token")?);
    app.update(|world| {
        let print = fingerprint(presented);
        count(&mut world.seen.refreshes_by_generation, &print);
        known_client(world, client_id)?;
        if world.config.refresh_tokens == RefreshTokens::Signed && !signature_holds(world, presented) {
            return Err(invalid_grant("the refresh token is not valid"));
        }
        let known = world.sessions.refresh_token(&print)?.filter(|token| token.client_id == client_id);
        let sid = known.map(|token| token.sid).ok_or_else(|| invalid_grant("the refresh token is not valid"))?;
        let session = world.sessions.get(&sid)?.filter(|session| !session.revoked);
        let session = session.ok_or_else(|| invalid_grant("the session was revoked"))?;
        // Before anything is spent: whoever stole the refresh token does not have the key (RFC 9449 section 5).
        if session.bound_to.is_some() && session.bound_to.as_deref() != proven {
            return Err(invalid_grant("the refresh token is bound to another key"));
        }
        let granted = session.scope;
        let scope = form.get("scope").unwrap_or(&granted).to_owned();
        if !is_within(&scope, &granted) {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_scope", "more than was granted"));
        }
        let successor = succeed(world, &sid, &print)?;
        let refresh_token = match world.config.refresh_answer {
            RefreshAnswer::Rotated => successor,
            RefreshAnswer::Same => Some(presented.to_owned()),
            RefreshAnswer::Missing => None,
            RefreshAnswer::Empty => Some(String::new()),
        };
        let id_token = world.config.id_token_on_refresh;
        let audience = form.get("resource").map(str::to_owned);
        let extras = Extras { refresh_token, id_token, foreign: call.foreign.clone(), audience, ..Extras::default() };
        issue::answer(world, &app.issuer, &sid, &scope, extras)
    })
}

/// The next refresh token of the session, as the rotation profile has it; `None` where the presented one stays.
fn succeed(world: &mut World, sid: &str, print: &str) -> Result<Option<String>, Problem> {
    let rotates = world.config.rotation != Rotation::Off && world.config.refresh_answer == RefreshAnswer::Rotated;
    let now_ms = world.now_ms();
    let spent = world.sessions.refresh_token(print)?.and_then(|token| token.spent);
    match spent {
        None if !rotates => Ok(None),
        None => {
            let successor = issue::refresh_token(world, sid)?;
            let spent = Spent {
                at_ms: now_ms,
                successor_fingerprint: fingerprint(&successor),
                successor: SecretString::from(successor.clone()),
            };
            world.sessions.spend(print, spent)?;
            Ok(Some(successor))
        }
        Some(spent) => {
            let successor = world.sessions.refresh_token(&spent.successor_fingerprint)?;
            let successor_unused = successor.is_some_and(|token| token.spent.is_none());
            let grace_ms = world.config.grace_seconds.saturating_mul(1000);
            let forgiven = match world.config.rotation {
                Rotation::Grace => successor_unused && now_ms < spent.at_ms.saturating_add(grace_ms),
                Rotation::UntilUsed => successor_unused,
                Rotation::Strict | Rotation::Off => false,
            };
            if forgiven {
                return Ok(Some(spent.successor.expose_secret().to_owned()));
            }
            world.sessions.revoke(sid)?;
            world.seen.reuse_detections += 1;
            Err(invalid_grant("the refresh token was used before"))
        }
    }
}

fn signature_holds(world: &World, token: &str) -> bool {
    let key = |kid: &str| world.keys.here().accepted(kid, world.now_ms());
    Unverified::parse(token)
        .is_some_and(|token| token.header.kid.as_deref().and_then(key).is_some_and(|key| token.is_signed_by(key)))
}
