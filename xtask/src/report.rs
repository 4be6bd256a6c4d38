//! Counts: read from what test programs print, summed per suite, shown as a table.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::ops::AddAssign;
use std::time::Duration;

use crate::long;
use crate::suites::Step;

#[cfg(test)]
mod tests;

/// What became of some tests or checks.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
    /// What failed, by name, as far as it was named.
    pub(crate) failures: Vec<String>,
    /// What was measured on the way: see [`long::measurement`].
    pub(crate) measurements: Vec<String>,
}

impl Counts {
    /// One check that held.
    pub(crate) fn pass() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// One check that did not hold.
    pub(crate) fn fail(what: impl Into<String>) -> Self {
        Self { failed: 1, failures: vec![what.into()], ..Self::default() }
    }

    /// Adds what one line of a test program's output says.
    ///
    /// Understood are libtest's `test NAME ... FAILED` and `test result: ...` (unit, integration and doc tests) and the
    /// summary of a harness of our own, a line `N passed, N failed`.
    pub(crate) fn read_line(&mut self, line: &str) {
        let line = line.trim();
        if let Some(summary) = line.strip_prefix("test result: ") {
            for part in summary.split([';', '.']) {
                self.add_part(part);
            }
        } else if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.failures.push(name.to_owned());
        } else if let Some((passed, failed)) = own_summary(line) {
            self.passed += passed;
            self.failed += failed;
        } else if let Some(measurement) = long::measurement(line) {
            self.measurements.push(measurement.to_owned());
        }
    }

    fn add_part(&mut self, part: &str) {
        let Some((number, word)) = part.trim().split_once(' ') else { return };
        let Ok(number) = number.parse::<usize>() else { return };
        match word {
            "passed" => self.passed += number,
            "failed" => self.failed += number,
            "ignored" => self.ignored += number,
            _ => {}
        }
    }

    /// Whether nothing was counted at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.passed == 0 && self.failed == 0
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.failures.extend(other.failures);
        self.measurements.extend(other.measurements);
    }
}

/// Reads exactly `N passed, N failed`.
fn own_summary(line: &str) -> Option<(usize, usize)> {
    let (passed, failed) = line.split_once(", ")?;
    let passed = passed.strip_suffix(" passed")?.parse().ok()?;
    let failed = failed.strip_suffix(" failed")?.parse().ok()?;
    Some((passed, failed))
}

/// A step that ran.
#[derive(Debug)]
pub(crate) struct StepRun {
    pub(crate) step: &'static Step,
    pub(crate) counts: Counts,
    pub(crate) time: Duration,
}

/// A suite that ran.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) suite: &'static str,
    pub(crate) budget: Duration,
    pub(crate) steps: Vec<StepRun>,
    pub(crate) time: Duration,
}

/// Everything that ran.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) rows: Vec<Row>,
}

impl Report {
    /// The sum over all suites.
    pub(crate) fn total(&self) -> Counts {
        let mut total = Counts::default();
        for row in &self.rows {
            total += row.counts();
        }
        total
    }

    /// Whether something ran and nothing failed.
    pub(crate) fn succeeded(&self) -> bool {
        let total = self.total();
        total.failed == 0 && total.passed > 0
    }

    /// The table, what failed, and the last line `N passed, N failed`.
    pub(crate) fn render(&self, colour: bool) -> String {
        let mut out = format!("\n{:<12}{:>8}{:>8}{:>10}{:>9}\n", "suite", "passed", "failed", "time", "budget");
        for row in &self.rows {
            let _ = writeln!(out, "{}", row.render(colour));
        }
        for row in &self.rows {
            for failure in row.counts().failures {
                let _ = writeln!(out, "{} {}: {failure}", paint("failed", RED, colour), row.suite);
            }
        }
        let total = self.total();
        // Uncoloured even on a terminal: programs read this line.
        let _ = writeln!(out, "\n{} passed, {} failed", total.passed, total.failed);
        out
    }
}

impl Row {
    /// The sum over its steps. None at all is a failure.
    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for run in &self.steps {
            counts += run.counts.clone();
        }
        if counts.is_empty() {
            counts += Counts::fail("not a single test ran");
        }
        counts
    }

    fn render(&self, colour: bool) -> String {
        let Counts { passed, failed, ignored, .. } = self.counts();
        let verdict = if failed == 0 { GREEN } else { RED };
        let line = format!(
            "{}{passed:>8}{failed:>8}{:>10}{:>9}",
            paint(&format!("{:<12}", self.suite), verdict, colour),
            minutes(self.time),
            format!("{} min", self.budget.as_secs() / 60),
        );
        let mut notes = String::new();
        if self.time > self.budget {
            notes += &format!("  {}", paint("! over budget", YELLOW, colour));
        }
        if ignored > 0 {
            notes += &format!("  {}", paint(&format!("{ignored} ignored"), YELLOW, colour));
        }
        line + &notes
    }
}

/// `1m 05s`, or `7.3s` under a minute.
pub(crate) fn minutes(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1}s", time.as_secs_f64()),
        seconds => format!("{}m {:02}s", seconds / 60, seconds % 60),
    }
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
/// For headings.
pub(crate) const BOLD: &str = "1";

/// `text` in an ANSI style, or as it is.
pub(crate) fn paint(text: &str, style: &str, colour: bool) -> String {
    if colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Colours are for people: a terminal, and no `NO_COLOR`.
pub(crate) fn wants_colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
