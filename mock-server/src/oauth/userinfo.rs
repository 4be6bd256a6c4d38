//! Userinfo (OpenID Connect Core 1.0, section 5.3).

use serde_json::json;

use super::bearer;
use crate::{
    call::{Call, Reply, ok},
    observations::count,
    people::display_name,
    state::App,
};

/// `GET /userinfo`.
pub(crate) fn userinfo(app: &App, call: &Call) -> Reply {
    let person = bearer(app, call)?.person;
    app.update(|world| count(&mut world.seen.identities_served, &person));
    Ok(ok(&json!({ "sub": person, "name": display_name(&person), "preferred_username": person })))
}
