//! `/admin` over HTTP.

use http::StatusCode;
use serde_json::json;

use crate::{
    call::{Call, Problem, Reply, ok},
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
    let alarms = app.update(|world| world.desk.alarms(world.clock.now_ms(), world.config.alarm));
    Ok(ok(&json!({ "active": alarms.iter().any(|alarm| alarm.active), "alarms": alarms })))
}

/// `GET /admin/keys`, without their material.
pub(crate) fn keys(app: &App, _call: &Call) -> Reply {
    Ok(ok(&json!({ "keys": app.read(|world| world.keys.infos()) })))
}

/// `GET /admin/sessions`.
pub(crate) fn sessions(app: &App, _call: &Call) -> Reply {
    Ok(ok(&json!({ "sessions": app.read(|world| world.sessions.infos()) })))
}
