//! How many mistakes that a machine makes in the core its tests find: `cargo-mutants`, and what it leaves alive.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;

use crate::error::Error;
use crate::report::Counts;
use crate::tools::CARGO_MUTANTS;
use crate::workspace::Workspace;

#[cfg(test)]
mod tests;

/// Mutants that no test kills, each with the reason why that is right. One a line: the mutant, ` # `, the reason.
const EXPLAINED: &str = "core/surviving-mutants.txt";

/// `1/40` plays the first of forty parts only: the whole takes a night.
const SHARD: &str = "MAINSTAY_MUTANTS_SHARD";

/// The core's own tests, and the random histories against the promises.
const ARGS: &[&str] = &[
    "mutants",
    "--package",
    "mainstay-core",
    "--file",
    "core/src/**/*.rs",
    "--exclude",
    "core/src/mutants.rs",
    // What only a debugger reads, and the tables that `docs/codes.md` is compared with.
    "--exclude-re",
    "impl Debug",
    "--profile",
    "mutants",
    "--no-shuffle",
    "--colors",
    "never",
];

/// As few as find what more would find: a mutant is played against every one of them.
const CASES: &str = "400";

#[derive(Deserialize)]
struct Outcomes {
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: String,
}

#[derive(Deserialize)]
enum Scenario {
    Baseline,
    Mutant { name: String },
}

/// Mutates the core, and holds what survives against what is explained.
pub(crate) fn score(workspace: &Workspace) -> Result<Counts, Error> {
    let program = CARGO_MUTANTS.locate(workspace)?;
    let output = workspace.target.join("mutants");
    let mut command = workspace.command(&program);
    command.args(ARGS).arg("--output").arg(&output).env(crate::suites::CASES, CASES);
    let shard = std::env::var(SHARD).ok();
    if let Some(shard) = &shard {
        command.args(["--shard", shard]);
    }
    command.args(["--", "--lib", "--test", "promises"]);
    println!("$ cargo {}", ARGS.join(" "));
    // It fails if anything survives; what did stands in its report.
    let shown = format!("cargo {}", ARGS.join(" "));
    command.status().map_err(|source| Error::Command { command: shown, source })?;
    let read = |path: std::path::PathBuf| fs::read_to_string(&path).map_err(|source| Error::File { path, source });
    let report: Outcomes = serde_json::from_str(&read(output.join("mutants.out/outcomes.json"))?)?;
    let explained = read(workspace.root.join(EXPLAINED))?;
    Ok(judge(&report, &explained, shard.as_deref()))
}

fn judge(report: &Outcomes, explained: &str, shard: Option<&str>) -> Counts {
    let mut summaries: BTreeMap<&str, usize> = BTreeMap::new();
    let explained: Vec<_> = explained.lines().filter_map(|line| line.split_once(" # ")).map(|(name, _)| name).collect();
    let mut counts = Counts::default();
    let mut excused = 0;
    for outcome in &report.outcomes {
        let Scenario::Mutant { name } = &outcome.scenario else { continue };
        *summaries.entry(&outcome.summary).or_default() += 1;
        if outcome.summary != "MissedMutant" {
            continue;
        }
        let name = without_place(name);
        if explained.contains(&name.as_str()) {
            excused += 1;
        } else {
            println!("    survives: {name}");
            counts += Counts::fail(format!("survives: {name}"));
        }
    }
    let of = |summary| summaries.get(summary).copied().unwrap_or_default();
    let (caught, slow, missed) = (of("CaughtMutant"), of("Timeout"), of("MissedMutant"));
    let part = shard.map_or_else(|| "all mutants".to_owned(), |shard| format!("part {shard} of the mutants"));
    counts.passed += caught + slow;
    let viable = caught + slow + missed;
    let percent = (caught + slow) * 1000 / viable.max(1);
    counts.measurements.push(format!(
        "{part}: {viable} that compile, {caught} caught, {slow} that never end, {missed} survive ({excused} of them explained \
         in {EXPLAINED}): {}.{} % killed; {} do not compile",
        percent / 10,
        percent % 10,
        of("Unviable"),
    ));
    counts
}

/// `core/src/a.rs:12:5: replace x with y` without line and column, which change with every edit above.
fn without_place(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_line), Some(_column), Some(what)) => format!("{file}:{what}"),
        _ => name.to_owned(),
    }
}
