//! `docs/codes.md` and `docs/explanations.md`, generated from the core's tables.

use std::fs;

use crate::error::Error;
use crate::workspace::Workspace;

#[cfg(test)]
mod tests;

/// A page, and what a table makes of it.
type Page = (&'static str, fn() -> String);

/// Pages, and what the tables make of them.
const PAGES: [Page; 2] =
    [("docs/codes.md", mainstay_core::codes::markdown), ("docs/explanations.md", mainstay_core::explain::markdown)];

/// Writes the pages.
pub(crate) fn write(workspace: &Workspace) -> Result<(), Error> {
    PAGES.iter().try_for_each(|(page, markdown)| {
        let path = workspace.root.join(page);
        fs::write(&path, markdown()).map_err(|source| Error::File { path, source })
    })
}

/// A violation for each page that is missing or says something else than its table.
pub(crate) fn are_current(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let is_stale = |page: &str, markdown: fn() -> String| {
        fs::read_to_string(workspace.root.join(page)).unwrap_or_default() != markdown()
    };
    let stale = PAGES.iter().filter(|(page, markdown)| is_stale(page, *markdown));
    Ok(stale.map(|(page, _)| format!("{page} is not what the table says: run `cargo xtask codes`")).collect())
}
