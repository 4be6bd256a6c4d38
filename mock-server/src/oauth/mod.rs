//! The authorization server, one file per concept.

mod authorize;
mod code;
mod device;
mod discovery;
mod dpop;
mod enroll;
mod introspect;
mod issue;
mod jwt_bearer;
mod refresh;
mod revoke;
mod sessions;
mod status;
mod token;
mod userinfo;

pub(crate) use authorize::{Codes, authorize, push, sign_in};
pub(crate) use device::{DeviceGrants, device_answer, device_authorization, device_page};
pub(crate) use discovery::{document, jwks};
pub(crate) use dpop::{BadProof, Part, Proofs, hand_out, proven_key};
pub(crate) use enroll::{Enrolment, enroll, unenroll};
pub(crate) use introspect::introspect;
pub(crate) use issue::{device_of, somebody};
pub(crate) use revoke::revoke;
pub(crate) use sessions::{Redis, Session, Sessions, Unreachable};
pub use sessions::{SessionInfo, StoreFailure};
pub(crate) use status::status;
pub(crate) use token::{grant, token};
pub(crate) use userinfo::userinfo;

use http::StatusCode;

use crate::{
    call::{Call, Problem},
    pos::{Bearer, Reason, check, note, standard},
    state::App,
};

/// Who calls, where the authorization server is the resource server: always in the standard style, whatever the POS API does.
fn bearer(app: &App, call: &Call) -> Result<Bearer, Problem> {
    app.update(|world| match check(world, &app.issuer, call, None) {
        Ok(bearer) => {
            world.seen.tokens_accepted += 1;
            world.metrics.accepted();
            Ok(bearer)
        }
        Err(Reason::Unreachable) => Err(Unreachable.into()),
        Err(reason) => {
            note(world, reason.name());
            Err(standard(StatusCode::UNAUTHORIZED, reason.name()))
        }
    })
}
