//! `cargo xtask fleet`: builds the simulator in release and hands everything on to it.

use std::path::Path;

use crate::error::Error;
use crate::packages;
use crate::workspace::Workspace;

const SIMULATE: &[&str] = &["run", "--quiet", "--release", "--locked", "-p", "mainstay-fleet", "--"];

/// Whether it succeeded. Its output is the terminal's.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<bool, Error> {
    // Elsewhere than on Debian the simulator looks for fonts of its own accord.
    if Path::new("/etc/debian_version").exists() {
        packages::ensure(packages::for_fleet())?;
    }
    let mut command = workspace.cargo(SIMULATE);
    command.args(args);
    let failed = |source| Error::Command { command: format!("cargo {}", SIMULATE.join(" ")), source };
    command.status().map(|status| status.success()).map_err(failed)
}
