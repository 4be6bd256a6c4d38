//! `cargo xtask conformance`: builds the conformance run and hands everything on to it.

use crate::error::Error;
use crate::workspace::Workspace;

const RUN: &[&str] = &["run", "--quiet", "--locked", "-p", "mainstay-conformance", "--"];

/// Whether it succeeded. Its output is the terminal's.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<bool, Error> {
    let mut command = workspace.cargo(RUN);
    command.args(args);
    let failed = |source| Error::Command { command: format!("cargo {}", RUN.join(" ")), source };
    command.status().map(|status| status.success()).map_err(failed)
}
