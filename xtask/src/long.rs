//! `docs/long-runs.md`: what came of the steps that are too long for every day.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::error::Error;
use crate::report::{Counts, Report, StepRun, minutes};
use crate::suites::When;
use crate::workspace::Workspace;

#[cfg(test)]
mod tests;

const PAGE: &str = "docs/long-runs.md";

/// Tests that measure print such lines; a long step's are kept.
const MEASUREMENT: &str = "measured: ";

/// What a line of a test program's output says beyond its counts.
pub(crate) fn measurement(line: &str) -> Option<&str> {
    line.trim().strip_prefix(MEASUREMENT)
}

/// Writes the page, to be committed.
pub(crate) fn write(workspace: &Workspace, report: &Report) -> Result<(), Error> {
    let runs = report.rows.iter().flat_map(|row| &row.steps).filter(|run| run.step.when == When::Long);
    let path = workspace.root.join(PAGE);
    let made_on = [
        &["date", "-u", "+%F"][..],
        &["git", "describe", "--always", "--dirty"],
        &["rustc", "--version"],
        &["uname", "-sm"],
    ];
    let made_on: Vec<_> = made_on.into_iter().map(answer).collect();
    fs::write(&path, page(&made_on.join(", "), &runs.collect::<Vec<_>>()))
        .map_err(|source| Error::File { path, source })?;
    println!("wrote {PAGE}");
    Ok(())
}

fn page(made_on: &str, runs: &[&StepRun]) -> String {
    let mut page = format!(
        "# Long runs\n\nWhat `cargo xtask test --long` adds to the daily suites, and what came of it last.\n\
         Written by that command; do not edit.\n\nMade on {made_on}.\n"
    );
    for run in runs {
        let Counts { passed, failed, ref measurements, .. } = run.counts;
        let _ = write!(page, "\n## {}\n\n```\n{}\n```\n\n", run.step.label, run.step.shown());
        let _ = writeln!(page, "{passed} passed, {failed} failed, in {}.", minutes(run.time));
        if !measurements.is_empty() {
            let _ = writeln!(page, "\n- {}", measurements.join("\n- "));
        }
    }
    page
}

/// The first line a command prints; a question mark where it cannot run.
fn answer(command: &[&str]) -> String {
    let Some((program, args)) = command.split_first() else { return String::new() };
    let output = Command::new(program).args(args).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or("?").to_owned()
}
