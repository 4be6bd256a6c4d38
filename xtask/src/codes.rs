//! `docs/codes.md`, generated from the core's one table of codes.

use std::fs;

use crate::error::Error;
use crate::workspace::Workspace;

#[cfg(test)]
mod tests;

const PAGE: &str = "docs/codes.md";

/// Writes the page.
pub(crate) fn write(workspace: &Workspace) -> Result<(), Error> {
    let path = workspace.root.join(PAGE);
    fs::write(&path, mainstay_core::codes::markdown()).map_err(|source| Error::File { path, source })
}

/// A violation if the page is missing or says something else than the table.
pub(crate) fn are_current(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let committed = fs::read_to_string(workspace.root.join(PAGE)).unwrap_or_default();
    let current = committed == mainstay_core::codes::markdown();
    Ok(if current { Vec::new() } else { vec![format!("{PAGE} is not what the table says: run `cargo xtask codes`")] })
}
