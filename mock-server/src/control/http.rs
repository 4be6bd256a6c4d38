//! `/control` over HTTP: each route reads JSON and calls the [`Control`] handle.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{ClockChange, Control, Released, SecretChange, SessionLoss};
use crate::{
    Fault,
    call::{Call, NoMembers, Problem, Reply, nothing, ok},
    state::{App, is_loopback, same},
};

/// The header that opens `/control`.
pub(crate) const TOKEN_HEADER: &str = "x-mainstay-control";

/// Lets in who is on this machine, names it by a loopback name (a page that rebinds its DNS name does not), and has the token.
pub(crate) fn guard(app: &App, call: &Call) -> Result<(), Problem> {
    let host = call.header("host").unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, port)| if port.bytes().all(|digit| digit.is_ascii_digit()) { name } else { host });
    let local = is_loopback(call.peer.address) && ["127.0.0.1", "[::1]", "localhost"].contains(&name);
    let known = call.header(TOKEN_HEADER).is_some_and(|token| same(&app.doors.control, token));
    if local && known {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "this door is for loopback and needs X-Mainstay-Control"))
}

fn control(app: &App) -> Control {
    Control::new(app.clone())
}

/// `GET /control/faults`.
pub(crate) fn faults(app: &App, _call: &Call) -> Reply {
    Ok(ok(&json!({ "faults": control(app).faults() })))
}

/// `PUT /control/faults/{name}`.
pub(crate) fn set_fault(app: &App, call: &Call) -> Reply {
    let name = call.param("name");
    let mut json: Map<String, Value> = call.json()?;
    let kind = name.split('.').next().unwrap_or_default();
    if json.insert("kind".to_owned(), kind.into()).is_some_and(|given| given != kind) {
        return Err(Problem::bad_request("kind is not what the name says"));
    }
    let fault = Fault::try_from(json).map_err(Problem::bad_request)?;
    control(app).set_named_fault(name, fault.clone())?;
    Ok(ok(&fault))
}

/// `DELETE /control/faults/{name}`.
pub(crate) fn clear_fault(app: &App, call: &Call) -> Reply {
    match control(app).clear_fault(call.param("name")) {
        true => Ok(nothing()),
        false => Err(Problem::not_found("no such fault stands")),
    }
}

/// `DELETE /control/faults`.
pub(crate) fn clear_faults(app: &App, _call: &Call) -> Reply {
    control(app).clear_faults();
    Ok(nothing())
}

/// `GET /control/nodes`.
pub(crate) fn nodes(app: &App, _call: &Call) -> Reply {
    Ok(ok(&control(app).nodes()))
}

/// `PUT /control/nodes`.
pub(crate) fn set_nodes(app: &App, call: &Call) -> Reply {
    control(app).set_nodes(call.json()?)?;
    nodes(app, call)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseRequest {
    #[serde(default)]
    count: Option<u64>,
}

/// `POST /control/release`.
pub(crate) fn release(app: &App, call: &Call) -> Reply {
    let ReleaseRequest { count } = call.json_or_default()?;
    let released = count.map_or_else(|| control(app).release(), |count| control(app).release_oldest(count));
    Ok(ok(&Released { released }))
}

/// `POST /control/secret`.
pub(crate) fn secret(app: &App, call: &Call) -> Reply {
    control(app).secret(call.json::<SecretChange>()?)?;
    Ok(nothing())
}

/// `POST /control/sessions`.
pub(crate) fn sessions(app: &App, call: &Call) -> Reply {
    control(app).lose_sessions(&call.json::<SessionLoss>()?)?;
    Ok(nothing())
}

/// `PUT /control/session-store`.
pub(crate) fn session_store(app: &App, call: &Call) -> Reply {
    control(app).session_store(&call.json()?);
    Ok(nothing())
}

/// `GET /control/clock`.
pub(crate) fn clock(app: &App, _call: &Call) -> Reply {
    Ok(ok(&control(app).clock()))
}

/// `POST /control/clock`.
pub(crate) fn set_clock(app: &App, call: &Call) -> Reply {
    control(app).set_clock(call.json::<ClockChange>()?)?;
    Ok(ok(&control(app).clock()))
}

/// `GET /control/config`.
pub(crate) fn config(app: &App, _call: &Call) -> Reply {
    Ok(ok(&control(app).config()))
}

/// `PUT /control/config`: any part of it.
pub(crate) fn configure(app: &App, call: &Call) -> Reply {
    let patch = call.json()?;
    let config = app.update(|world| {
        world.config = world.config.patched(patch)?;
        Ok::<_, Problem>(world.config.clone())
    })?;
    Ok(ok(&config))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scripted {
    person: Option<String>,
}

/// `GET /control/scripted`.
pub(crate) fn scripted(app: &App, _call: &Call) -> Reply {
    Ok(ok(&Scripted { person: control(app).scripted_person() }))
}

/// `PUT /control/scripted`.
pub(crate) fn script(app: &App, call: &Call) -> Reply {
    match call.json::<Scripted>()?.person {
        Some(person) if person.is_empty() || person.len() > 100 => {
            return Err(Problem::bad_request("a person has a name of at most 100 bytes"));
        }
        Some(person) => control(app).script_sign_in(person),
        None => control(app).show_sign_in_page(),
    }
    scripted(app, call)
}

/// `GET /control/observations`.
pub(crate) fn observations(app: &App, _call: &Call) -> Reply {
    Ok(ok(&control(app).observations()))
}

/// `POST /control/observations/reset`.
pub(crate) fn reset_observations(app: &App, call: &Call) -> Reply {
    call.json_or_default::<NoMembers>()?;
    control(app).reset_observations();
    Ok(nothing())
}

/// `GET /control/requests`: the last 10,000, or the `last` so many.
pub(crate) fn requests(app: &App, call: &Call) -> Reply {
    let query = call.query()?;
    let last = query.get("last").map(str::parse::<usize>).transpose().map_err(Problem::bad_request)?;
    let mut requests = control(app).requests();
    let skipped = last.map_or(0, |last| requests.len().saturating_sub(last));
    Ok(ok(&json!({ "requests": requests.split_off(skipped) })))
}

/// `POST /control/reset`.
pub(crate) fn reset(app: &App, call: &Call) -> Reply {
    call.json_or_default::<NoMembers>()?;
    control(app).reset();
    Ok(nothing())
}
