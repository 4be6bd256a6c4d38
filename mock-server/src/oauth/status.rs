//! The status document: what the operators say about their server.

use crate::{
    StatusDocument,
    call::{Call, Reply, ok},
    state::App,
};

/// `GET /.well-known/mainstay-status`.
pub(crate) fn status(app: &App, _call: &Call) -> Reply {
    Ok(ok(&app.read(|world| {
        let told = world.config.status.clone();
        // Nobody need say what the server sees for itself.
        StatusDocument { healthy: told.healthy && world.sessions.is_reachable(), ..told }
    })))
}
