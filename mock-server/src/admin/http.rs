//! `/admin` over HTTP.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    KeyChange,
    operations::{self, Proposal},
};
use crate::{
    call::{Call, NoMembers, Problem, Reply, json_answer, nothing, ok},
    config::StatusDocument,
    state::{App, same},
};

/// The header that names an operator by their token.
pub(crate) const TOKEN_HEADER: &str = "x-mainstay-admin";

/// Lets an operator in, and writes their name on the call.
pub(crate) fn guard(app: &App, mut call: Call) -> Result<Call, Problem> {
    let token = call.header(TOKEN_HEADER).unwrap_or_default();
    let operator = app.doors.operators.iter().find(|(_, expected)| same(expected, token));
    match operator.map(|(name, _)| name.clone()) {
        Some(name) => {
            call.operator = name;
            Ok(call)
        }
        None => Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "this door needs an operator's X-Mainstay-Admin")),
    }
}

/// `GET /admin/alarms`.
pub(crate) fn alarms(app: &App, _call: &Call) -> Reply {
    Ok(ok(&app.update(|world| world.desk.alarms(world.clock.now_ms(), world.config.alarm))))
}

/// `GET /admin/keys`, without their material.
pub(crate) fn keys(app: &App, _call: &Call) -> Reply {
    Ok(ok(&json!({ "keys": app.read(|world| world.keys.here().infos()) })))
}

/// `POST /admin/dry-run`: what a change would do, without doing it.
pub(crate) fn dry_run(app: &App, call: &Call) -> Reply {
    let change: KeyChange = call.json()?;
    Ok(ok(&app.read(|world| operations::dry_run(world, &change))))
}

/// `GET /admin/operations`.
pub(crate) fn list_operations(app: &App, _call: &Call) -> Reply {
    Ok(ok(&json!({ "operations": app.update(operations::list) })))
}

/// `POST /admin/operations`: the first person.
pub(crate) fn propose(app: &App, call: &Call) -> Reply {
    let proposal = Proposal::try_from(call.json::<Map<String, Value>>()?).map_err(Problem::bad_request)?;
    let operation = app.update(|world| operations::propose(world, proposal, &call.operator))?;
    Ok(json_answer(StatusCode::CREATED, &operation))
}

/// `POST /admin/operations/{id}/approve`: the second person.
pub(crate) fn approve(app: &App, call: &Call) -> Reply {
    call.json_or_default::<NoMembers>()?;
    Ok(ok(&app.update(|world| operations::approve(world, &app.start, call.param("id"), &call.operator))?))
}

/// `DELETE /admin/operations/{id}`: takes a proposal back.
pub(crate) fn withdraw(app: &App, call: &Call) -> Reply {
    app.update(|world| operations::withdraw(world, call.param("id")))?;
    Ok(nothing())
}

/// `GET /admin/sessions`.
pub(crate) fn sessions(app: &App, _call: &Call) -> Reply {
    Ok(ok(&json!({ "sessions": app.read(|world| world.sessions.infos())? })))
}

/// `DELETE /admin/sessions/{sid}`.
pub(crate) fn revoke_session(app: &App, call: &Call) -> Reply {
    let sid = call.param("sid");
    app.update(|world| match world.sessions.get(sid)? {
        Some(session) if !session.revoked => {
            world.sessions.revoke(sid)?;
            Ok(nothing())
        }
        _ => Err(Problem::not_found("no such session lives")),
    })
}

/// `GET /admin/status`.
pub(crate) fn status(app: &App, _call: &Call) -> Reply {
    Ok(ok(&app.read(|world| world.config.status.clone())))
}

/// `PUT /admin/status`: what the operators tell every client.
pub(crate) fn announce(app: &App, call: &Call) -> Reply {
    let status: StatusDocument = call.json()?;
    app.update(|world| {
        let config = crate::Config { status, ..world.config.clone() };
        config.check()?;
        world.config = config;
        Ok(ok(&world.config.status))
    })
}
