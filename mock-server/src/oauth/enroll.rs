//! Enrolling a device key, so that the device can sign in without a person.

use http::StatusCode;
use p256::ecdsa::VerifyingKey;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{bearer, device_of};
use crate::{
    call::{Call, Problem, Reply, json_answer, nothing},
    keys::public_key,
    pos::Bearer,
    state::App,
};

/// A device key and whose it is.
#[derive(Clone)]
pub(crate) struct Enrolment {
    pub(crate) key: VerifyingKey,
    pub(crate) person: String,
    pub(crate) client_id: String,
    pub(crate) scope: String,
    /// The number of the device, which is that of the session that enrolled the key.
    pub(crate) device: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnrolRequest {
    jwk: Value,
}

/// `POST /enroll`: remembers a public P-256 key for the caller; its id is its thumbprint (RFC 7638).
pub(crate) fn enroll(app: &App, call: &Call) -> Reply {
    let bearer = bearer(app, call)?;
    let request: EnrolRequest = call.json()?;
    let (key, kid) = public_key(&request.jwk).ok_or_else(|| Problem::bad_request("jwk is no public P-256 key"))?;
    app.update(|world| {
        let taken = world.enrolments.get(&kid).is_some_and(|known| known.person != bearer.person);
        if taken {
            return Err(Problem::new(StatusCode::CONFLICT, "key_taken", "somebody else enrolled this key"));
        }
        let Bearer { person, client_id, scope, sid, .. } = bearer;
        let device = device_of(&sid).unwrap_or_default();
        world.enrolments.insert(kid.clone(), Enrolment { key, person, client_id, scope, device });
        Ok(json_answer(StatusCode::CREATED, &json!({ "kid": kid })))
    })
}

/// `DELETE /enroll/{kid}`: forgets one of the caller's own keys.
pub(crate) fn unenroll(app: &App, call: &Call) -> Reply {
    let bearer = bearer(app, call)?;
    let kid = call.param("kid");
    app.update(|world| match world.enrolments.get(kid) {
        Some(enrolment) if enrolment.person == bearer.person => {
            world.enrolments.remove(kid);
            Ok(nothing())
        }
        _ => Err(Problem::not_found("no such key of yours is enrolled")),
    })
}
