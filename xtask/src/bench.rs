//! `cargo xtask bench`: measures in release, and writes what came of it into `docs/performance.md`.

use std::fs;
use std::process::Stdio;

use crate::error::Error;
use crate::packages;
use crate::tools::{GUNGRAUN_RUNNER, Tool};
use crate::workspace::Workspace;

#[cfg(test)]
mod tests;

const PAGE: &str = "docs/performance.md";

/// What stands between these is written by this command, the rest by people.
const BEGIN: &str = "<!-- bench:begin -->\n";
const END: &str = "<!-- bench:end -->";

const MEASURE: &[&str] = &["run", "--quiet", "--release", "--locked", "-p", "mainstay-benches"];

const COUNT: &[&str] = &["bench", "--quiet", "--locked", "-p", "mainstay-benches", "--bench", "instructions"];

/// What is counted, by its name in the benchmark, and how often each is done there.
const COUNTED: &[(&str, &str)] = &[
    ("floor", "the floor of `access_token()`: `ArcSwap` load, compare"),
    ("access_token", "`access_token()` from a warm session"),
    ("transition", "one transition of the decision core"),
];
const CALLS: u64 = 1000;

/// Measures and writes the page, to be committed.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Error> {
    packages::ensure(packages::for_bench())?;
    let path = workspace.root.join(PAGE);
    let page = fs::read_to_string(&path).map_err(|source| Error::File { path: path.clone(), source })?;
    let times = output_of(workspace, MEASURE, None)?;
    let counts = output_of(workspace, COUNT, Some(&GUNGRAUN_RUNNER))?;
    let counts = instructions(&counts)
        .ok_or_else(|| Error::Failed { command: shown(COUNT), stderr: "no counts in its output".to_owned() })?;
    let tables = format!("{times}\n{counts}");
    let page = replaced(&page, &tables).ok_or_else(|| Error::Markers(path.clone()))?;
    fs::write(&path, page).map_err(|source| Error::File { path, source })?;
    print!("{tables}");
    println!("wrote {PAGE}");
    Ok(())
}

fn shown(command: &[&str]) -> String {
    format!("cargo {}", command.join(" "))
}

/// What a command of ours printed. `runner` is installed first, and the command finds it by a variable.
fn output_of(workspace: &Workspace, command: &[&str], runner: Option<&Tool>) -> Result<String, Error> {
    let mut cargo = workspace.cargo(command);
    if let Some(runner) = runner {
        cargo.env("GUNGRAUN_RUNNER", runner.locate(workspace)?);
    }
    let output = cargo.stderr(Stdio::inherit()).output();
    let output = output.map_err(|source| Error::Command { command: shown(command), source })?;
    if !output.status.success() {
        return Err(Error::Failed { command: shown(command), stderr: output.status.to_string() });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A table of the counts in the benchmark's output; `None` unless every one is there.
fn instructions(output: &str) -> Option<String> {
    let rows = COUNTED.iter().map(|(name, what)| {
        let (_, after) = output.split_once(&format!("::{name} calls:"))?;
        let (_, count) = after.split_once("Instructions:")?;
        let count: u64 = count.split_once('|')?.0.trim().parse().ok()?;
        Some(format!("| {what} | {} |\n", count / CALLS))
    });
    let rows: Option<String> = rows.collect();
    Some(format!("| counted by valgrind, at a clock that costs nothing | instructions |\n|---|---|\n{}", rows?))
}

/// The page with other tables; `None` if it does not say where they belong.
fn replaced(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_old, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{tables}{END}{after}"))
}
