//! The repository, as cargo describes it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::error::Error;

/// Variables that `cargo run` sets for xtask alone. Passed on, they would look like settings to the cargo we start.
const OWN_VARIABLES: &[&str] =
    &["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];

/// The repository's folder, its target folder and its packages.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// Where cargo builds, `CARGO_TARGET_DIR` respected.
    pub(crate) target: PathBuf,
    /// Every workspace member.
    pub(crate) packages: Vec<Package>,
}

/// A workspace member, as far as the checks look at it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    /// Each feature with what it turns on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// One line under a `dependencies` table of a manifest.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Absent for an ordinary dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
    /// Present for a dependency on a folder of this repository.
    pub(crate) path: Option<PathBuf>,
    /// What it turns on there.
    pub(crate) features: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self, Error> {
        let own = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).ok_or(Error::NoWorkspace)?;
        let root = own.parent().ok_or(Error::NoWorkspace)?.to_path_buf();
        let mut workspace = Self { target: root.join("target"), root, packages: Vec::new() };
        let answer = workspace.ask(&["metadata", "--format-version", "1", "--no-deps"])?;
        let metadata: Metadata = serde_json::from_str(&answer)?;
        workspace.root = metadata.workspace_root;
        workspace.target = metadata.target_directory;
        workspace.packages = metadata.packages;
        Ok(workspace)
    }

    /// A cargo command in the repository's folder, without input.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = self.command(&std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
        command.args(args);
        command
    }

    /// Any program in the repository's folder, without input.
    pub(crate) fn command(&self, program: &OsString) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let ours =
                name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || OWN_VARIABLES.contains(&name));
            if ours {
                command.env_remove(name);
            }
        }
        command
    }

    /// What a cargo command prints, for commands that are questions.
    pub(crate) fn ask(&self, args: &[&str]) -> Result<String, Error> {
        let shown = || format!("cargo {}", args.join(" "));
        let output = self.cargo(args).output().map_err(|source| Error::Command { command: shown(), source })?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Error::Failed { command: shown(), stderr });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
