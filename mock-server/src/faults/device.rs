//! Which device sent a request: the one whose credentials it shows.

use crate::{call::Call, fingerprint, jwt::Unverified, oauth::device_of, state::World};

/// The number of the device, counted from 1 in the order of signing in; `None` for who shows no credentials, or none
/// that are known.
pub(super) fn of(world: &World, call: &Call) -> Option<u64> {
    let bearer = call.header("authorization").and_then(|value| value.split_once(' '));
    if let Some((_, token)) = bearer {
        return Unverified::parse(token.trim())?.text("sid").and_then(device_of);
    }
    let form = call.form().ok()?;
    if let Some(token) = form.get("refresh_token") {
        return device_of(&world.sessions.refresh_token(&fingerprint(token)).ok()??.sid);
    }
    let assertion = Unverified::parse(form.get("assertion")?)?;
    Some(world.enrolments.get(assertion.header.kid.as_deref()?)?.device)
}
