//! Mainstay against authorization servers that its makers did not write.
//!
//! Each [`Server`](server::Server) is a real program, started as a process of its own on a port of its own, with its store
//! and its keys in a folder. Each check of [`checks`] takes a new till through one feature: a person's sign-in by the
//! server's own forms, the refresh, an incident. What it breaks, it breaks as a bad day does: the process is stopped, a
//! file is lost, the process comes back.
//!
//! Time is the till's own ([`till`]): the server's clock goes on as it does, while the device's runs ahead of it by hours.
//! Nothing here waits for a duration; it waits for what was answered.
//!
//! [`run`] goes through all of it, and [`table`] writes `docs/conformance.md` from what it saw.

pub mod cell;
pub mod checks;
mod error;
mod form;
pub mod operator;
pub mod person;
pub mod server;
pub mod table;
pub mod till;
pub mod wire;

pub use error::Error;

use crate::{cell::Cell, server::Kind};

/// What became of one server's checks: a [`Cell`] for each of [`checks::ALL`], in that order.
#[derive(Debug)]
pub struct Column {
    /// The server.
    pub kind: Kind,
    /// What was seen.
    pub cells: Vec<Cell>,
}

/// Starts each server, takes it through every check, and stops it. `progress` hears of each check when it is done.
///
/// # Errors
/// [`Error`]: a server could not be installed or started. What a check finds wrong is a [`Cell::Fail`].
pub async fn run(kinds: &[Kind], mut progress: impl FnMut(Kind, &str, &Cell)) -> Result<Vec<Column>, Error> {
    let mut columns = Vec::new();
    for kind in kinds {
        let mut server = server::Server::start(*kind).await?;
        let mut cells = Vec::new();
        for check in checks::ALL {
            let cell = check.run(&mut server).await;
            progress(*kind, check.feature, &cell);
            cells.push(cell);
        }
        server.stop().await?;
        columns.push(Column { kind: *kind, cells });
    }
    Ok(columns)
}
