//! Runs a plan: one suite at a time, all of them even after a failure, output passed through as it comes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::packages;
use crate::report::{BOLD, Counts, Report, Row, StepRun, paint, wants_colour};
use crate::suites::{BUILD, CASES, FAST_CASES, Plan, Step, Suite, Work, fuzzing};
use crate::tools::CARGO_FUZZ;
use crate::workspace::Workspace;

#[cfg(test)]
mod tests;

/// Builds, then runs every suite of `plan`.
pub(crate) fn run(workspace: &Workspace, plan: &Plan) -> Report {
    let runner = Runner { workspace, plan };
    let mut rows = vec![timed(&BUILD, || runner.build())];
    rows.extend(plan.suites.iter().map(|suite| timed(suite, || runner.steps(suite))));
    Report { rows }
}

/// Runs `steps` and looks at the clock.
fn timed(suite: &'static Suite, steps: impl FnOnce() -> Vec<StepRun>) -> Row {
    let started = Instant::now();
    let steps = steps();
    Row { suite: suite.name, budget: Duration::from_secs(suite.budget * 60), steps, time: started.elapsed() }
}

struct Runner<'a> {
    workspace: &'a Workspace,
    plan: &'a Plan,
}

impl Runner<'_> {
    /// Compiles everything, or for a chosen few suites just what they run.
    fn build(&self) -> Vec<StepRun> {
        let mut runs = if self.plan.complete { self.steps(&BUILD) } else { Vec::new() };
        // Packages are tested one by one, each with its own features: what that adds is compiled here as well.
        let mut compiled = Vec::new();
        for step in self.plan.suites.iter().flat_map(|suite| self.plan.steps(suite)) {
            let Work::Tests(args) = step.work else { continue };
            let Some(args) = without_running(args).filter(|args| !compiled.contains(args)) else { continue };
            runs.push(attempt(step, || self.check(step.label, self.cargo(&args, step))));
            compiled.push(args);
        }
        runs
    }

    fn steps(&self, suite: &'static Suite) -> Vec<StepRun> {
        let heading =
            |step: &Step| println!("\n{}", paint(&format!("{}: {}", suite.name, step.label), BOLD, wants_colour()));
        let run = |step| {
            heading(step);
            attempt(step, || self.step(step))
        };
        self.plan.steps(suite).map(run).collect()
    }

    fn step(&self, step: &'static Step) -> Result<Counts, Error> {
        if let Some(probe) = step.probe.filter(|probe| !packages::succeeds(probe)) {
            println!("    left out: `{}` fails on this machine", probe.join(" "));
            return Ok(Counts { ignored: 1, ..Counts::default() });
        }
        match step.work {
            Work::Cargo(args) => self.check(step.label, self.cargo(args, step)),
            Work::Tests(args) => self.tests(step.label, self.cargo(&to_the_end(args), step)),
            Work::Tool(tool, args) => {
                let program = tool.locate(self.workspace)?;
                let mut command = self.workspace.command(&program);
                command.args(args).envs(step.env.iter().copied());
                self.check(step.label, command)
            }
            Work::Fuzz(target, runs) => self.fuzz(step.label, target, runs),
            Work::Score(score) => score(self.workspace),
            Work::Check(check) => {
                let violations = check(self.workspace)?;
                for violation in &violations {
                    println!("    {violation}");
                }
                if !violations.is_empty() {
                    return Ok(Counts::fail(step.label));
                }
                println!("    ok");
                Ok(Counts::pass())
            }
        }
    }

    fn cargo(&self, args: &[&str], step: &Step) -> Command {
        let mut command = self.workspace.cargo(args);
        if self.plan.fast && std::env::var_os(CASES).is_none() {
            command.env(CASES, FAST_CASES);
        }
        command.envs(step.env.iter().copied());
        command
    }

    /// One command, one check.
    fn check(&self, label: &str, mut command: Command) -> Result<Counts, Error> {
        let shown = announce(&command);
        let status = command.status().map_err(|source| Error::Command { command: shown, source })?;
        Ok(if status.success() { Counts::pass() } else { Counts::fail(format!("{label} ({status})")) })
    }

    /// One fuzz target, executed until it fails or has been executed often enough.
    fn fuzz(&self, label: &str, target: &str, runs: u32) -> Result<Counts, Error> {
        let failed = |source| Error::Command { command: label.to_owned(), source };
        let folder = self.workspace.target.display().to_string();
        std::fs::create_dir_all(self.workspace.target.join("fuzz/corpus").join(target)).map_err(failed)?;
        let mut command = self.workspace.command(&CARGO_FUZZ.locate(self.workspace)?);
        command.args(fuzzing(target, runs, &folder).iter().skip(1));
        announce(&command);
        let mut child = command.stderr(Stdio::piped()).spawn().map_err(failed)?;
        let mut said = Vec::new();
        for line in child.stderr.take().map(BufReader::new).into_iter().flat_map(BufReader::lines) {
            let line = line.map_err(failed)?;
            // One line for each new file would be thousands.
            if !line.starts_with(['#', '\t']) || line.contains("DONE") {
                eprintln!("{line}");
                said.push(line);
            }
        }
        let status = child.wait().map_err(failed)?;
        let Some(executed) = executions(&said).filter(|_| status.success()) else {
            return Ok(Counts::fail(format!("{label} ({status})")));
        };
        Ok(Counts { measurements: vec![executed], ..Counts::pass() })
    }

    /// One command, as many tests as it says.
    fn tests(&self, label: &str, mut command: Command) -> Result<Counts, Error> {
        let shown = announce(&command);
        let failed = |source| Error::Command { command: shown.clone(), source };
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
        let mut counts = Counts::default();
        if let Some(stdout) = child.stdout.take() {
            let mut stdout = BufReader::new(stdout);
            let mut line = Vec::new();
            while stdout.read_until(b'\n', &mut line).map_err(failed)? > 0 {
                let mut terminal = std::io::stdout().lock();
                terminal.write_all(&line).and_then(|()| terminal.flush()).map_err(failed)?;
                counts.read_line(&String::from_utf8_lossy(&line));
                line.clear();
            }
        }
        let status = child.wait().map_err(failed)?;
        Ok(judged(counts, label, status.success(), &status.to_string()))
    }
}

/// Runs one step. What keeps it from running is its failure, and not the end of the other steps.
fn attempt(step: &'static Step, work: impl FnOnce() -> Result<Counts, Error>) -> StepRun {
    let started = Instant::now();
    let counts = work().unwrap_or_else(|error| {
        println!("error: {error}");
        Counts::fail(format!("{}: {error}", step.label))
    });
    StepRun { step, counts, time: started.elapsed() }
}

/// What a test program said, corrected by how it ended: one that crashed, or ran nothing, has failed.
fn judged(mut counts: Counts, label: &str, success: bool, status: &str) -> Counts {
    if !success && counts.failed == 0 {
        counts += Counts::fail(format!("{label} ({status})"));
    } else if success && counts.is_empty() {
        counts += Counts::fail(format!("{label}: not a single test ran"));
    }
    counts
}

/// How often a fuzz target was executed, and what that reached, as libFuzzer says it at its end.
fn executions(said: &[String]) -> Option<String> {
    let after = |words: &str| said.iter().find_map(|line| line.split_once(words)).map(|(_, after)| after.trim());
    let number = |words: &str, line: &str| line.split_once(words)?.1.split_whitespace().next().map(str::to_owned);
    let (runs, end) = (after("stat::number_of_executed_units:")?, after("DONE")?);
    let (places, files) = (number("cov:", end)?, number("corp:", end)?);
    let files = files.split('/').next()?.to_owned();
    let rate = after("stat::average_exec_per_sec:")?;
    Some(format!("{runs} executions, {rate} a second: {places} places in the code, reached by {files} files"))
}

/// Prints the command before it runs.
fn announce(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    let shown = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    println!("$ {shown}");
    shown
}

/// A `cargo test` that goes on after the first failing program, so that one run shows everything.
fn to_the_end<'a>(args: &[&'a str]) -> Vec<&'a str> {
    with_flag(args, "--no-fail-fast")
}

/// A `cargo test` that only compiles; `None` for examples in documentation, which are compiled as they run.
fn without_running<'a>(args: &[&'a str]) -> Option<Vec<&'a str>> {
    let own = args.iter().position(|arg| *arg == "--").unwrap_or(args.len());
    let own = args.get(..own).unwrap_or(args);
    (!own.contains(&"--doc")).then(|| with_flag(own, "--no-run"))
}

/// `args` with `flag` among cargo's own, before those of the test program.
fn with_flag<'a>(args: &[&'a str], flag: &'a str) -> Vec<&'a str> {
    let mut args = args.to_vec();
    let own = args.iter().position(|arg| *arg == "--").unwrap_or(args.len());
    args.insert(own, flag);
    args
}
