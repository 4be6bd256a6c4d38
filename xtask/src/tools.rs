//! Cargo tools at pinned versions: taken from the PATH, or installed once under the target folder.

use std::ffi::OsString;
use std::process::Command;

use crate::error::Error;
use crate::workspace::Workspace;

#[cfg(test)]
mod tests;

/// A program that `cargo install` brings.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

/// Checks licences, bans and sources by `deny.toml`.
pub(crate) const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

/// Makes mistakes in the core, one at a time.
pub(crate) const CARGO_MUTANTS: Tool = Tool { name: "cargo-mutants", version: "27.1.0" };

/// Runs the benchmark that counts instructions. Of the same version as the library in `benches/Cargo.toml`.
pub(crate) const GUNGRAUN_RUNNER: Tool = Tool { name: "gungraun-runner", version: "0.20.0" };

/// Builds and runs the fuzz targets in `fuzz/`.
pub(crate) const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

impl Tool {
    /// The program to start, installed first if neither the PATH nor the target folder has this version.
    pub(crate) fn locate(&self, workspace: &Workspace) -> Result<OsString, Error> {
        let home = workspace.target.join("tools");
        let own = home.join("bin").join(self.name).into_os_string();
        let on_path = OsString::from(self.name);
        if let Some(found) = [own.clone(), on_path].into_iter().find(|program| self.is_at(program)) {
            return Ok(found);
        }
        println!("installing {} {} under the target folder: once, about two minutes", self.name, self.version);
        let args = ["install", self.name, "--version", self.version, "--locked", "--debug", "--root"];
        let shown = format!("cargo {} {}", args.join(" "), home.display());
        let mut install = workspace.cargo(&args);
        // Its objects are of no use to anyone else: cargo builds in a temporary folder and removes it.
        install.arg(&home).env_remove("CARGO_TARGET_DIR");
        let status = install.status().map_err(|source| Error::Command { command: shown.clone(), source })?;
        if status.success() { Ok(own) } else { Err(Error::Failed { command: shown, stderr: status.to_string() }) }
    }

    fn is_at(&self, program: &OsString) -> bool {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| self.says_so(&String::from_utf8_lossy(&output.stdout)))
    }

    fn says_so(&self, answer: &str) -> bool {
        answer.trim() == format!("{} {}", self.name, self.version)
    }
}
