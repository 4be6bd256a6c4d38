//! The suites as data: what runs, in which order, and how long it may take. A new suite is one more row.

use std::fmt;

use crate::error::Error;
use crate::report::Counts;
use crate::tools::{CARGO_DENY, Tool};
use crate::workspace::Workspace;
use crate::{codes, house, incidents, layering, links, mutants, packages};

#[cfg(test)]
mod tests;

/// A named group of steps with a budget.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    /// Minutes on two cores. Exceeding it is a warning mark in the report, not a failure.
    pub(crate) budget: u64,
    pub(crate) steps: &'static [Step],
}

/// One command or check.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) label: &'static str,
    pub(crate) when: When,
    /// Environment variables for this step alone.
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// A command that succeeds where the step can run at all; elsewhere it counts as ignored.
    pub(crate) probe: Option<&'static [&'static str]>,
    pub(crate) work: Work,
}

/// In which runs a step takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    /// Left out with `--fast`.
    NotFast,
    /// Only with `--long`.
    Long,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum Work {
    /// A cargo command that succeeds or not: one check.
    Cargo(&'static [&'static str]),
    /// A `cargo test` whose tests are counted. None at all is a failure.
    Tests(&'static [&'static str]),
    /// A pinned cargo tool, installed on first use: one check.
    Tool(&'static Tool, &'static [&'static str]),
    /// A fuzz target in `fuzz/`, and how often it is executed: one check.
    Fuzz(&'static str, u32),
    /// A check of our own: the violations it found.
    Check(fn(&Workspace) -> Result<Vec<String>, Error>),
    /// A check of our own that counts and measures.
    Score(fn(&Workspace) -> Result<Counts, Error>),
}

impl Step {
    const fn new(label: &'static str, work: Work) -> Self {
        Self { label, when: When::Always, env: &[], probe: None, work }
    }

    const fn when(self, when: When) -> Self {
        Self { when, ..self }
    }

    /// Runs only where this command succeeds.
    const fn where_possible(self, probe: &'static [&'static str]) -> Self {
        Self { probe: Some(probe), ..self }
    }

    const fn env(self, env: &'static [(&'static str, &'static str)]) -> Self {
        Self { env, ..self }
    }
}

/// Property tests read their number of random cases from this variable.
pub(crate) const CASES: &str = "MAINSTAY_CASES";
/// The number of cases with `--fast`.
pub(crate) const FAST_CASES: &str = "500";

/// The goals of the fleet, one run after the other: a million devices fill a gibibyte.
const FLEET_GOALS: &[&str] =
    &["test", "-p", "mainstay-fleet", "--test", "goals", "--locked", "--", "--nocapture", "--test-threads=1"];

/// The one row that is not a test: everything is compiled first, so that the other suites' times are their own.
pub(crate) const BUILD: Suite = Suite {
    name: "build",
    budget: 9,
    steps: &[Step::new("everything compiles", Work::Cargo(&["build", "--workspace", "--all-targets", "--locked"]))],
};

/// Every suite, in the order of running.
pub(crate) const SUITES: &[Suite] = &[
    Suite {
        name: "static",
        budget: 6,
        steps: &[
            Step::new("Cargo.lock is up to date", Work::Check(house::lock_is_current)),
            Step::new("format", Work::Cargo(&["fmt", "--all", "--check"])),
            Step::new(
                "clippy",
                Work::Cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
            ),
            // Alone, so that no feature of another package, nor of the tests, hides a missing one.
            Step::new(
                "clippy, the SDK as shipped",
                Work::Cargo(&["clippy", "-p", "mainstay", "--locked", "--", "-D", "warnings"]),
            ),
            Step::new(
                "clippy, single-threaded host",
                Work::Cargo(&[
                    "clippy",
                    "-p",
                    "mainstay",
                    "--no-default-features",
                    "--features",
                    "single-threaded,test-support",
                    "--locked",
                    "--",
                    "-D",
                    "warnings",
                ]),
            ),
            Step::new(
                "clippy, the core's seeded mutations",
                Work::Cargo(&[
                    "clippy",
                    "-p",
                    "mainstay-core",
                    "--all-targets",
                    "--features",
                    "mutants",
                    "--locked",
                    "--",
                    "-D",
                    "warnings",
                ]),
            ),
            Step::new("documentation", Work::Cargo(&["doc", "--workspace", "--no-deps", "--locked"]))
                .env(&[("RUSTDOCFLAGS", "-D warnings")])
                .when(When::NotFast),
            // Advisories are left out: their database cannot be fetched where this must run.
            Step::new(
                "licences, bans, sources",
                Work::Tool(
                    &CARGO_DENY,
                    &["--locked", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"],
                ),
            )
            .when(When::NotFast),
            Step::new("dependencies point downward", Work::Check(layering::packages_point_downward)),
            Step::new("modules point downward", Work::Check(layering::modules_point_downward)),
            Step::new("the core is no_std and stands alone", Work::Check(layering::core_stands_alone)),
            Step::new("nothing shipped has test features", Work::Check(layering::shipped_without_test_features)),
            Step::new("no manifest turns mutations on", Work::Check(layering::mutations_stay_in_the_core)),
            Step::new("the single-threaded host is alone", Work::Check(layering::single_threaded_without_native)),
            Step::new("docs/codes.md and docs/explanations.md are current", Work::Check(codes::are_current)),
            Step::new("docs/incidents.md is current", Work::Check(incidents::are_current)),
            Step::new("links in documents lead somewhere", Work::Check(links::lead_somewhere)),
            Step::new("house rules", Work::Check(house::rules)),
            Step::new("xtask's own tests", Work::Tests(&["test", "-p", "xtask", "--locked"])),
        ],
    },
    Suite {
        name: "core",
        budget: 3,
        steps: &[
            Step::new("the decision core", Work::Tests(&["test", "-p", "mainstay-core", "--locked"])),
            Step::new(
                "the decision core, broken on purpose",
                Work::Tests(&[
                    "test",
                    "-p",
                    "mainstay-core",
                    "--features",
                    "mutants",
                    "--test",
                    "promises",
                    "--locked",
                    "--",
                    "mutants",
                ]),
            ),
            Step::new(
                "the decision core, a million histories",
                Work::Tests(&["test", "-p", "mainstay-core", "--test", "promises", "--locked", "--", "--nocapture"]),
            )
            .env(&[(CASES, "1000000")])
            .when(When::Long),
            Step::new("the decision core, mutated", Work::Score(mutants::score)).when(When::Long),
        ],
    },
    Suite {
        name: "sdk",
        budget: 6,
        steps: &[
            Step::new("the SDK", Work::Tests(&["test", "-p", "mainstay", "--locked"])),
            Step::new(
                "the SDK on a single-threaded host",
                Work::Tests(&[
                    "test",
                    "-p",
                    "mainstay",
                    "--no-default-features",
                    "--features",
                    "single-threaded,test-support",
                    "--locked",
                ]),
            )
            .when(When::NotFast),
            Step::new(
                "the SDK against an adversary, many histories",
                Work::Tests(&["test", "-p", "mainstay", "--test", "adversary", "--locked", "--", "--nocapture"]),
            )
            .env(&[(CASES, "20000")])
            .when(When::Long),
            Step::new("what the SDK costs, counted", Work::Tests(&["test", "-p", "mainstay-benches", "--locked"])),
        ],
    },
    Suite {
        name: "vault",
        budget: 6,
        steps: &[
            Step::new(
                "clippy, with the keyring",
                Work::Cargo(&[
                    "clippy",
                    "-p",
                    "mainstay",
                    "--all-targets",
                    "--features",
                    "keyring",
                    "--locked",
                    "--",
                    "-D",
                    "warnings",
                ]),
            )
            .when(When::NotFast),
            Step::new(
                "keyring",
                Work::Tests(&["test", "-p", "mainstay", "--features", "keyring", "--test", "keyring", "--locked"]),
            ),
            Step::new("`mainstay`, the command line", Work::Tests(&["test", "-p", "mainstay-cli", "--locked"])),
            Step::new(
                "`mainstay vault` and the keyring",
                Work::Tests(&["test", "-p", "mainstay-cli", "--features", "keyring", "--test", "keyring", "--locked"]),
            ),
            Step::new(
                "clippy, `mainstay` with the keyring, as it is shipped",
                Work::Cargo(&[
                    "clippy",
                    "-p",
                    "mainstay-cli",
                    "--all-targets",
                    "--features",
                    "keyring",
                    "--locked",
                    "--",
                    "-D",
                    "warnings",
                ]),
            )
            .when(When::NotFast),
            Step::new(
                "processes that are killed, stopped and many",
                Work::Tests(&["test", "-p", "mainstay", "--features", "keyring", "--test", "process", "--locked"]),
            ),
            Step::new(
                "a full disk, where a small one may be mounted",
                Work::Tests(&["test", "-p", "mainstay", "--features", "keyring", "--test", "full_disk", "--locked"]),
            )
            .where_possible(&[
                "sh",
                "-c",
                "disk=$(mktemp -d) && mount -t tmpfs -o size=64k tmpfs $disk && umount $disk && rmdir $disk",
            ]),
            Step::new(
                "processes that are killed 500 times",
                Work::Tests(&[
                    "test",
                    "-p",
                    "mainstay",
                    "--features",
                    "keyring",
                    "--test",
                    "process",
                    "--locked",
                    "killed::",
                    "--",
                    "--nocapture",
                ]),
            )
            .env(&[("MAINSTAY_KILLS", "500")])
            .when(When::Long),
            Step::new(
                "the keyring's thread",
                Work::Tests(&["test", "-p", "mainstay", "--features", "keyring", "--lib", "--locked", "keyring::"]),
            ),
            Step::new(
                "the README's example",
                Work::Tests(&["test", "-p", "mainstay", "--features", "keyring", "--doc", "--locked"]),
            )
            .when(When::NotFast),
        ],
    },
    Suite {
        name: "fuzz",
        budget: 1,
        steps: &[
            Step::new("what fuzzers found", Work::Tests(&["test", "-p", "mainstay", "--lib", "--locked", "fuzzed::"])),
            Step::new("fuzzing: any file, read in every way", Work::Fuzz("decode", 10_000_000)).when(When::Long),
            Step::new("fuzzing: a till started with any file", Work::Fuzz("survive", 1_000_000)).when(When::Long),
        ],
    },
    Suite {
        name: "server",
        budget: 7,
        steps: &[
            Step::new("the mock server", Work::Tests(&["test", "-p", "mainstay-mock-server", "--locked"])),
            Step::new(
                "clippy, with a Redis and Prometheus",
                Work::Cargo(&[
                    "clippy",
                    "-p",
                    "mainstay-mock-server",
                    "-p",
                    "mainstay-incidents",
                    "--all-targets",
                    "--features",
                    "mainstay-mock-server/system-tests,mainstay-incidents/system-tests",
                    "--locked",
                    "--",
                    "-D",
                    "warnings",
                ]),
            )
            .when(When::NotFast),
            Step::new(
                "the mock server, with a Redis and Prometheus",
                Work::Tests(&[
                    "test",
                    "-p",
                    "mainstay-mock-server",
                    "--features",
                    "system-tests",
                    "--test",
                    "redis",
                    "--test",
                    "alerts",
                    "--test",
                    "runbook",
                    "--locked",
                ]),
            ),
            Step::new(
                "servers that others wrote",
                Work::Tests(&["test", "-p", "mainstay-conformance", "--locked", "--", "--nocapture"]),
            )
            .when(When::NotFast),
        ],
    },
    Suite {
        name: "incidents",
        budget: 7,
        steps: &[
            Step::new("the incidents", Work::Tests(&["test", "-p", "mainstay-incidents", "--locked"])),
            Step::new(
                "the second founding incident, with a Redis",
                Work::Tests(&[
                    "test",
                    "-p",
                    "mainstay-incidents",
                    "--features",
                    "system-tests",
                    "--test",
                    "redis",
                    "--locked",
                ]),
            ),
            Step::new("the demo", Work::Tests(&["test", "-p", "mainstay-demo", "--locked"])),
            Step::new("the fleet", Work::Tests(&["test", "-p", "mainstay-fleet", "--locked"])),
            Step::new(
                "the fleet, simulated and real",
                Work::Tests(&["test", "-p", "mainstay-fleet", "--test", "real", "--locked", "--", "--nocapture"]),
            )
            .env(&[("MAINSTAY_FLEET_PICTURES", "docs/fleet")])
            .when(When::Long),
            Step::new("the fleet, 20,000 devices", Work::Tests(FLEET_GOALS))
                .env(&[("MAINSTAY_DEVICES", "20000")])
                .when(When::Long),
            Step::new("the fleet, a million devices", Work::Tests(FLEET_GOALS))
                .env(&[("MAINSTAY_DEVICES", "1000000")])
                .when(When::Long),
        ],
    },
];

/// The suites and steps of one run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) fast: bool,
    pub(crate) long: bool,
    pub(crate) suites: Vec<&'static Suite>,
    /// Whether every suite was asked for, and so the whole workspace is built first.
    pub(crate) complete: bool,
}

impl Plan {
    /// The suites called `names`, in the table's order; all of them if there are no names.
    pub(crate) fn new(fast: bool, long: bool, names: &[String]) -> Result<Self, Error> {
        let unknown = names.iter().find(|name| SUITES.iter().all(|suite| suite.name != name.as_str()));
        if let Some(name) = unknown {
            let known = SUITES.iter().map(|suite| suite.name).collect::<Vec<_>>().join(", ");
            return Err(Error::UnknownSuite { name: name.clone(), known });
        }
        let complete = names.is_empty();
        let wanted = |suite: &&Suite| complete || names.iter().any(|name| name == suite.name);
        Ok(Self { fast, long, complete, suites: SUITES.iter().filter(wanted).collect() })
    }

    /// The steps of `suite` that take part in this run.
    pub(crate) fn steps(&self, suite: &'static Suite) -> impl Iterator<Item = &'static Step> {
        suite.steps.iter().filter(|step| match step.when {
            When::Always => true,
            When::NotFast => !self.fast,
            When::Long => self.long,
        })
    }
}

impl Step {
    /// The command as a person would type it.
    pub(crate) fn shown(&self) -> String {
        let env: String = self.env.iter().map(|(name, value)| format!("{name}='{value}' ")).collect();
        env + &self.work.shown()
    }
}

impl Work {
    fn shown(&self) -> String {
        let quoted = |args: &[&str]| {
            args.iter()
                .map(|arg| if arg.contains(' ') { format!("'{arg}'") } else { (*arg).to_owned() })
                .collect::<Vec<_>>()
        };
        match self {
            Self::Cargo(args) | Self::Tests(args) => format!("cargo {}", quoted(args).join(" ")),
            Self::Tool(tool, args) => format!("{} {}", tool.name, quoted(args).join(" ")),
            Self::Fuzz(target, runs) => fuzzing(target, *runs, "target").join(" "),
            Self::Check(_) | Self::Score(_) => "built in".to_owned(),
        }
    }
}

/// What runs a fuzz target so many times, built in this folder. New files go to the first corpus, and stay out of the
/// repository; the frozen vaults and what was found before are the others.
pub(crate) fn fuzzing(target: &str, runs: u32, folder: &str) -> Vec<String> {
    let args = ["cargo-fuzz", "run", "--sanitizer", "none", "--target-dir"].map(str::to_owned).into_iter();
    let corpus = format!("{folder}/fuzz/corpus/{target}");
    let places = [format!("{folder}/fuzz"), target.to_owned(), corpus].into_iter();
    let fixed = ["tests/fixtures/vault", "tests/fixtures/hostile", "--", "-print_final_stats=1"].map(str::to_owned);
    args.chain(places).chain(fixed).chain([format!("-runs={runs}")]).collect()
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for suite in std::iter::once(&BUILD).chain(self.suites.iter().copied()) {
            writeln!(out, "{} ({} min)", suite.name, suite.budget)?;
            for step in self.steps(suite) {
                writeln!(out, "    {:<40} {}", step.label, step.shown())?;
            }
        }
        writeln!(out, "system packages")?;
        for package in packages::for_tests(self) {
            writeln!(out, "    {:<40} {}", package.name, package.why)?;
        }
        Ok(())
    }
}
