//! House rules that no linter knows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::workspace::Workspace;

mod field_cases;
#[cfg(test)]
mod tests;

/// Files stay near 400 lines. From here on one must be split.
const MOST_LINES: usize = 600;

/// Folders that hold nothing of ours.
const FOREIGN_FOLDERS: &[&str] = &["target", "node_modules", ".git"];

/// A text file of the repository.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Source {
    /// Whether it is compiled for tests only, by its name: `tests.rs`, or anything in a folder `tests`.
    pub(crate) fn is_test(&self) -> bool {
        self.path.iter().any(|part| part == "tests" || part == "tests.rs")
    }
}

/// The lock file is what the manifests ask for.
pub(crate) fn lock_is_current(workspace: &Workspace) -> Result<Vec<String>, Error> {
    match workspace.ask(&["metadata", "--format-version", "1", "--locked"]) {
        Ok(_) => Ok(Vec::new()),
        Err(Error::Failed { stderr, .. }) => Ok(vec![stderr.trim().to_owned()]),
        Err(other) => Err(other),
    }
}

/// Everything this file looks after but the lock file.
pub(crate) fn rules(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let mut violations = Vec::new();
    // The compiler to use is in Cargo.toml (`rust-version`). A toolchain file would make rustup download another one.
    for name in ["rust-toolchain", "rust-toolchain.toml"] {
        if workspace.root.join(name).exists() {
            violations.push(format!("{name}: must not exist"));
        }
    }
    for package in &workspace.packages {
        let manifest = read(&package.manifest_path)?;
        if !inherits_lints(&manifest) {
            violations.push(format!("{}: the manifest does not inherit the workspace's lints", package.name));
        }
    }
    let sources = rust_sources(&workspace.root)?;
    violations.extend(field_cases::violations(&read(&workspace.root.join(field_cases::DOCUMENT))?, &sources));
    for source in sources {
        let shown = source.path.strip_prefix(&workspace.root).unwrap_or(&source.path).display().to_string();
        violations.extend(broken_rules(&source.text).into_iter().map(|rule| format!("{shown}: {rule}")));
    }
    Ok(violations)
}

fn inherits_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
    lines.next() == Some("workspace = true")
}

fn broken_rules(text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let lines = text.lines().count();
    if lines > MOST_LINES {
        broken.push(format!("{lines} lines, more than {MOST_LINES}: split it"));
    }
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let ignored_doc_test = line.starts_with("//") && line.contains("```ignore");
        if line.starts_with("#[ignore") || ignored_doc_test {
            broken.push(format!("line {}: an ignored test is no test", index + 1));
        }
    }
    broken
}

/// Every Rust file below `folder`.
pub(crate) fn rust_sources(folder: &Path) -> Result<Vec<Source>, Error> {
    sources(folder, "rs")
}

/// Every file below `folder` with this ending, sorted; none if there is no such folder.
pub(crate) fn sources(folder: &Path, ending: &str) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for path in entries(&folder)? {
            let foreign = path.file_name().is_some_and(|name| FOREIGN_FOLDERS.iter().any(|foreign| name == *foreign));
            if path.is_dir() && !foreign {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                sources.push(Source { text: read(&path)?, path });
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sources)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::File { path: folder.to_path_buf(), source };
    let found = fs::read_dir(folder).map_err(failed)?;
    found.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect()
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::File { path: path.to_path_buf(), source })
}
