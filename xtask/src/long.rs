//! `docs/long-runs.md`: what came of the steps that are too long for every day.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::error::Error;
use crate::report::{Counts, Report, StepRun, minutes};
use crate::suites::{BUILD, SUITES, When};
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

/// Writes what ran into the page, to be committed. What did not run, or failed, keeps the section that it has.
pub(crate) fn write(workspace: &Workspace, report: &Report) -> Result<(), Error> {
    let path = workspace.root.join(PAGE);
    let made_on = [&["git", "describe", "--always", "--dirty"][..], &["rustc", "--version"], &["uname", "-sm"]];
    let made_on: Vec<_> = made_on.into_iter().map(answer).collect();
    let made_on = made_on.join(", ");
    let is_fit = |run: &&StepRun| run.step.when == When::Long && run.counts.failed == 0 && run.counts.passed > 0;
    // The first row is the build: there the same steps were only compiled.
    let rows = report.rows.iter().filter(|row| row.suite != BUILD.name);
    let runs = rows.flat_map(|row| &row.steps).filter(is_fit);
    let made: Vec<_> = runs.map(|run| (run.step.label, section(&made_on, run))).collect();
    if made.is_empty() {
        return Ok(());
    }
    let known = SUITES.iter().flat_map(|suite| suite.steps).filter(|step| step.when == When::Long);
    let known: Vec<_> = known.map(|step| step.label).collect();
    // The first run makes the page.
    let old = fs::read_to_string(&path).unwrap_or_default();
    fs::write(&path, page(&known, &made, &old)).map_err(|source| Error::File { path, source })?;
    println!("wrote {PAGE}");
    Ok(())
}

/// The page: of every known step what was made now, else what the old page says of it.
fn page(known: &[&str], made: &[(&str, String)], old: &str) -> String {
    let head = "# Long runs\n\nWhat `cargo xtask test --long` adds to the daily suites, and what came of it last.\n\
                Written by that command; do not edit.\n";
    let of_old = |label: &str| {
        let (_, after) = old.split_once(&format!("\n## {label}\n"))?;
        let end = after.find("\n## ").map_or(after.len(), |end| end);
        Some(format!("\n## {label}\n{}", after.get(..end)?))
    };
    let sections = known.iter().filter_map(|label| {
        let now = made.iter().find(|(made, _)| made == label).map(|(_, section)| section.clone());
        now.or_else(|| of_old(label))
    });
    std::iter::once(head.to_owned()).chain(sections).collect()
}

fn section(made_on: &str, run: &StepRun) -> String {
    let Counts { passed, failed, ref measurements, .. } = run.counts;
    let (label, shown, time) = (run.step.label, run.step.shown(), minutes(run.time));
    let mut section =
        format!("\n## {label}\n\n```\n{shown}\n```\n\n{passed} passed, {failed} failed, in {time}, on {made_on}.\n");
    if !measurements.is_empty() {
        let _ = writeln!(section, "\n- {}", measurements.join("\n- "));
    }
    section
}

/// The first line a command prints; a question mark where it cannot run.
fn answer(command: &[&str]) -> String {
    let Some((program, args)) = command.split_first() else { return String::new() };
    let output = Command::new(program).args(args).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or("?").to_owned()
}
