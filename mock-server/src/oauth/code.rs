//! Exchanging an authorization code (RFC 6749 section 4.1.3) with PKCE (RFC 7636 section 4.5).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{
    Session,
    issue::{self, Extras, invalid_grant, known_client},
};
use crate::{
    call::{Call, Parameters, Reply},
    state::App,
};

pub(super) fn exchange(app: &App, call: &Call, form: &Parameters, bound_to: Option<String>) -> Reply {
    let (client_id, redirect_uri) = (form.require("client_id")?, form.require("redirect_uri")?);
    let (code, verifier) = (form.require("code")?, form.require("code_verifier")?);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
    app.update(|world| {
        world.random.note("code verifier", verifier);
        known_client(world, client_id)?;
        let now_s = world.now_s();
        let Some(issued) = world.codes.code(code).cloned() else {
            return Err(invalid_grant("no such code"));
        };
        if let Some(sid) = &issued.session {
            // RFC 6749 section 4.1.2: a code used twice revokes what was issued for it.
            world.sessions.revoke(sid)?;
            world.seen.reuse_detections += 1;
            return Err(invalid_grant("the code was used before"));
        }
        let request = &issued.request;
        if now_s >= issued.expires_s {
            return Err(invalid_grant("the code has expired"));
        }
        if request.client_id != client_id || request.redirect_uri != redirect_uri {
            return Err(invalid_grant("the code was issued for another client or redirect URI"));
        }
        if request.challenge != challenge {
            return Err(invalid_grant("the code verifier does not fit"));
        }
        let sid = issue::open_session(
            world,
            &Session {
                person: issued.person.clone(),
                client_id: client_id.to_owned(),
                scope: request.scope.clone(),
                audience: request.resource.clone().unwrap_or_else(|| issue::default_audience(&app.issuer)),
                auth_time: issued.auth_time,
                revoked: false,
                last_access: None,
                last_refresh_key: None,
                bound_to,
            },
            None,
        )?;
        world.codes.used(code, &sid);
        let extras = Extras {
            refresh_token: Some(issue::refresh_token(world, &sid)?),
            id_token: true,
            nonce: request.nonce.clone(),
            acr: world.config.authentication.acr.clone(),
            foreign: call.foreign.clone(),
            audience: None,
        };
        issue::answer(world, &app.issuer, &sid, &request.scope, extras)
    })
}
