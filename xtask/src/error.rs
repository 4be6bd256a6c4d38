//! What can stop xtask itself. A failing test is not an error here: it is a count in the report.

use std::io;
use std::path::PathBuf;

/// Why xtask could not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program could not be started, or its output not be read.
    #[error("`{command}` could not be run: {source}")]
    Command { command: String, source: io::Error },
    /// A program ended badly where its answer was needed.
    #[error("`{command}` failed:\n{stderr}")]
    Failed { command: String, stderr: String },
    /// A file or folder of the repository could not be read or written.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// A file of the catalogue is not what a page about it needs.
    #[error("{}: {reason}", path.display())]
    Toml { path: PathBuf, reason: String },
    /// `cargo metadata` answered something this xtask does not understand.
    #[error("cargo metadata was not understood: {0}")]
    Metadata(#[from] serde_json::Error),
    /// Started without cargo.
    #[error("the repository was not found: start this as `cargo xtask`")]
    NoWorkspace,
    /// `--suite` names none of the suites.
    #[error("there is no suite `{name}`; there are: {known}")]
    UnknownSuite { name: String, known: String },
    /// System packages are missing and may not be installed from here.
    #[error("{0}")]
    MissingPackages(String),
    /// A page does not say where the measurements belong.
    #[error("{}: the markers of `cargo xtask bench` are missing", .0.display())]
    Markers(PathBuf),
}
