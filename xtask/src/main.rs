//! `cargo xtask`: one program that sets up, tests and reports. It orchestrates only; what it checks lives elsewhere.
//!
//! `cargo xtask test` runs the suites of [`suites`] one after another and ends with a line `N passed, N failed`.

mod bench;
mod codes;
mod conformance;
mod error;
mod fleet;
mod house;
mod incidents;
mod layering;
mod links;
mod long;
mod mutants;
mod packages;
mod report;
mod run;
mod suites;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::error::Error;
use crate::workspace::Workspace;

/// Sets up, tests and reports.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every test suite, after installing what is missing. The last line is `N passed, N failed`.
    Test(TestArgs),
    /// Write docs/codes.md and docs/explanations.md from the core's tables.
    Codes {
        /// Write nothing; fail if the file differs from the table.
        #[arg(long)]
        check: bool,
    },
    /// Write docs/incidents.md from the catalogue in tests/incidents.
    Incidents {
        /// Write nothing; fail if the page differs from the files.
        #[arg(long)]
        check: bool,
    },
    /// Try Mainstay at real authorization servers and write docs/conformance.md. `--help` names its options.
    #[command(disable_help_flag = true)]
    Conformance {
        /// What the run is told, as `--check`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Measure in release, against floors in the same run, and write docs/performance.md.
    Bench,
    /// Play incidents with many simulated devices and show what the server sees. `--help` names its options.
    #[command(disable_help_flag = true)]
    Fleet {
        /// What the simulator is told, as `--devices 1000000`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

/// Which suites to run, and how thoroughly.
#[derive(Debug, Default, Args)]
struct TestArgs {
    /// At most ten minutes: fewer random cases, no documentation build, no licence check, no second
    /// build of the SDK for single-threaded hosts.
    #[arg(long, conflicts_with = "long")]
    fast: bool,
    /// Also what is too long for every day.
    #[arg(long)]
    long: bool,
    /// Run only this suite; may be repeated.
    #[arg(long = "suite", value_name = "NAME")]
    suites: Vec<String>,
    /// Print suites, budgets, steps and needed packages, and run nothing.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether everything that was asked for succeeded.
fn dispatch(command: Command) -> Result<bool, Error> {
    match command {
        Command::Test(args) => test(&args),
        Command::Codes { check } => generated(check, codes::write, codes::are_current),
        Command::Incidents { check } => generated(check, incidents::write, incidents::are_current),
        Command::Conformance { args } => conformance::run(&Workspace::load()?, &args),
        Command::Bench => bench::run(&Workspace::load()?).map(|()| true),
        Command::Fleet { args } => fleet::run(&Workspace::load()?, &args),
    }
}

fn test(args: &TestArgs) -> Result<bool, Error> {
    let plan = suites::Plan::new(args.fast, args.long, &args.suites)?;
    if args.list {
        print!("{plan}");
        return Ok(true);
    }
    packages::ensure(packages::for_tests(&plan))?;
    let workspace = Workspace::load()?;
    let report = run::run(&workspace, &plan);
    if plan.long {
        long::write(&workspace, &report)?;
    }
    print!("{}", report.render(report::wants_colour()));
    Ok(report.succeeded())
}

/// Writes a generated page, or only says whether it is current.
fn generated(
    check: bool,
    write: fn(&Workspace) -> Result<(), Error>,
    are_current: fn(&Workspace) -> Result<Vec<String>, Error>,
) -> Result<bool, Error> {
    let workspace = Workspace::load()?;
    if !check {
        write(&workspace)?;
        return Ok(true);
    }
    let violations = are_current(&workspace)?;
    for violation in &violations {
        eprintln!("{violation}");
    }
    Ok(violations.is_empty())
}
