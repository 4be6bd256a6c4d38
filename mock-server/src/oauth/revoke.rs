//! Revocation (RFC 7009).

use http::StatusCode;

use super::issue::known_client;
use crate::{
    call::{Call, Reply, no_store},
    fingerprint,
    jwt::Unverified,
    state::App,
};

/// `POST /revoke`: a refresh token ends its session, an access token only itself. An unknown token is no error.
pub(crate) fn revoke(app: &App, call: &Call) -> Reply {
    let form = call.form()?;
    let (token, client_id) = (form.require("token")?, form.require("client_id")?);
    app.update(|world| {
        known_client(world, client_id)?;
        let known = world.sessions.refresh_token(&fingerprint(token))?.filter(|known| known.client_id == client_id);
        let sid = known.map(|known| known.sid);
        let revoked = match sid {
            Some(sid) => world.sessions.revoke(&sid)?,
            None => match own_access_token(world, token, client_id) {
                Some(jti) => world.sessions.revoke_token(&jti)?,
                None => false,
            },
        };
        world.seen.revoked += u64::from(revoked);
        Ok(no_store(StatusCode::OK, &serde_json::json!({})))
    })
}

fn own_access_token(world: &crate::state::World, token: &str, client_id: &str) -> Option<String> {
    let token = Unverified::parse(token)?;
    let key = world.keys.here().accepted(token.header.kid.as_deref()?, world.now_ms())?;
    let own = token.is_signed_by(key) && token.text("client_id") == Some(client_id);
    own.then(|| token.text("jti").map(str::to_owned)).flatten()
}
