//! The status document: what the operators say about their server.

use crate::{
    call::{Call, Reply, ok},
    state::App,
};

/// `GET /.well-known/mainstay-status`.
pub(crate) fn status(app: &App, _call: &Call) -> Reply {
    Ok(ok(&app.read(|world| world.config.status.clone())))
}
