//! `cargo xtask fleet`: builds the simulator in release and hands everything on to it.

use crate::error::Error;
use crate::workspace::Workspace;

const SIMULATE: &[&str] = &["run", "--quiet", "--release", "--locked", "-p", "mainstay-fleet", "--"];

/// Whether it succeeded. Its output is the terminal's.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<bool, Error> {
    let mut command = workspace.cargo(SIMULATE);
    command.args(args);
    let failed = |source| Error::Command { command: format!("cargo {}", SIMULATE.join(" ")), source };
    command.status().map(|status| status.success()).map_err(failed)
}
