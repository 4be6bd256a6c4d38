//! `cargo xtask bench`: measures in release, and writes what came of it into `docs/performance.md`.

use std::fs;
use std::process::Stdio;

use crate::error::Error;
use crate::workspace::Workspace;

#[cfg(test)]
mod tests;

const PAGE: &str = "docs/performance.md";

/// What stands between these is written by this command, the rest by people.
const BEGIN: &str = "<!-- bench:begin -->\n";
const END: &str = "<!-- bench:end -->";

const MEASURE: &[&str] = &["run", "--quiet", "--release", "--locked", "-p", "mainstay-benches"];

/// Measures and writes the page, to be committed.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Error> {
    let path = workspace.root.join(PAGE);
    let page = fs::read_to_string(&path).map_err(|source| Error::File { path: path.clone(), source })?;
    let shown = format!("cargo {}", MEASURE.join(" "));
    let output = workspace.cargo(MEASURE).stderr(Stdio::inherit()).output();
    let output = output.map_err(|source| Error::Command { command: shown.clone(), source })?;
    if !output.status.success() {
        return Err(Error::Failed { command: shown, stderr: output.status.to_string() });
    }
    let tables = String::from_utf8_lossy(&output.stdout);
    let page = replaced(&page, &tables).ok_or_else(|| Error::Markers(path.clone()))?;
    fs::write(&path, page).map_err(|source| Error::File { path, source })?;
    print!("{tables}");
    println!("wrote {PAGE}");
    Ok(())
}

/// The page with other tables; `None` if it does not say where they belong.
fn replaced(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_old, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{tables}{END}{after}"))
}
