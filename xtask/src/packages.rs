//! System packages that the tests need, and how they get there.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::suites::Plan;

#[cfg(test)]
mod tests;

/// A Debian package.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: &'static str,
    pub(crate) why: &'static str,
    /// A command that succeeds where the package is installed.
    pub(crate) probe: &'static [&'static str],
    /// The suites that need it.
    pub(crate) needed_by: NeededBy,
}

/// Who needs a package.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NeededBy {
    /// Every run, because everything is compiled first.
    All,
    /// Runs of these suites.
    Suites(&'static [&'static str]),
    /// `cargo xtask bench`.
    Bench,
    /// `cargo xtask fleet`.
    Fleet,
}

/// Every package, in the order of installing.
const PACKAGES: &[Package] = &[
    Package {
        name: "gcc",
        why: "links every program and compiles the C parts of ring",
        probe: &["cc", "--version"],
        needed_by: NeededBy::All,
    },
    Package {
        name: "dbus-daemon",
        why: "a session bus for the tests of the keyring",
        probe: &["dbus-daemon", "--version"],
        needed_by: NeededBy::Suites(&["vault"]),
    },
    Package {
        name: "dbus-bin",
        why: "tells whether a keyring was made to ask somebody",
        probe: &["dbus-monitor", "--help"],
        needed_by: NeededBy::Suites(&["vault"]),
    },
    Package {
        name: "gnome-keyring",
        why: "a real keyring for its tests",
        probe: &["gnome-keyring-daemon", "--version"],
        needed_by: NeededBy::Suites(&["vault"]),
    },
    Package {
        name: "libglib2.0-bin",
        why: "locks that keyring",
        probe: &["gdbus", "help"],
        needed_by: NeededBy::Suites(&["vault"]),
    },
    Package {
        name: "redis-server",
        why: "a session store that is killed, as in the second founding incident",
        probe: &["redis-server", "--version"],
        needed_by: NeededBy::Suites(&["server", "incidents"]),
    },
    Package {
        name: "prometheus",
        why: "promtool, which proves the alert rules",
        probe: &["promtool", "--version"],
        needed_by: NeededBy::Suites(&["server"]),
    },
    Package {
        name: "curl",
        why: "runs the commands of docs/runbook.md",
        probe: &["curl", "--version"],
        needed_by: NeededBy::Suites(&["server"]),
    },
    Package {
        name: "jq",
        why: "reads their answers",
        probe: &["jq", "--version"],
        needed_by: NeededBy::Suites(&["server"]),
    },
    Package {
        name: "g++",
        why: "compiles libFuzzer",
        probe: &["c++", "--version"],
        needed_by: NeededBy::Suites(&["fuzz"]),
    },
    Package {
        name: "valgrind",
        why: "counts instructions for docs/performance.md",
        probe: &["valgrind", "--version"],
        needed_by: NeededBy::Bench,
    },
    Package {
        name: "fonts-dejavu-core",
        why: "the letters in the pictures of the fleet",
        probe: &["test", "-f", "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"],
        needed_by: NeededBy::Fleet,
    },
];

/// How missing packages get onto this machine.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// Nothing is missing.
    Nothing,
    /// We may install them: the commands, in order.
    Install(Vec<Vec<&'static str>>),
    /// We may not: what a person has to do.
    Ask(String),
}

/// The packages that the tests of `plan` need, installed or not.
pub(crate) fn for_tests(plan: &Plan) -> impl Iterator<Item = &'static Package> {
    PACKAGES.iter().filter(|package| match package.needed_by {
        NeededBy::All => true,
        NeededBy::Suites(names) => plan.suites.iter().any(|suite| names.contains(&suite.name)),
        NeededBy::Bench | NeededBy::Fleet => false,
    })
}

/// The packages that `cargo xtask bench` needs, installed or not.
pub(crate) fn for_bench() -> impl Iterator<Item = &'static Package> {
    PACKAGES.iter().filter(|package| matches!(package.needed_by, NeededBy::All | NeededBy::Bench))
}

/// The packages that `cargo xtask fleet` needs, installed or not.
pub(crate) fn for_fleet() -> impl Iterator<Item = &'static Package> {
    PACKAGES.iter().filter(|package| matches!(package.needed_by, NeededBy::All | NeededBy::Fleet))
}

/// Installs what is `wanted` and this machine lacks, or says which and ends.
pub(crate) fn ensure(wanted: impl Iterator<Item = &'static Package>) -> Result<(), Error> {
    let missing: Vec<_> = wanted.filter(|package| !succeeds(package.probe)).collect();
    match way(&missing, is_root(), Path::new("/etc/debian_version").exists()) {
        Way::Nothing => Ok(()),
        Way::Ask(message) => Err(Error::MissingPackages(message)),
        Way::Install(commands) => {
            for package in missing {
                println!("installing {}: {}", package.name, package.why);
            }
            commands.iter().try_for_each(|command| install(command))
        }
    }
}

fn way(missing: &[&'static Package], root: bool, debian: bool) -> Way {
    if missing.is_empty() {
        return Way::Nothing;
    }
    let names = missing.iter().map(|package| package.name);
    if root && debian {
        let install = ["apt-get", "install", "--yes"].into_iter().chain(names).collect();
        return Way::Install(vec![vec!["apt-get", "update"], install]);
    }
    let reasons: String = missing.iter().map(|package| format!("\n    {}: {}", package.name, package.why)).collect();
    let command = format!("sudo apt-get install --yes {}", names.collect::<Vec<_>>().join(" "));
    let elsewhere = if debian { "" } else { " (on Debian; elsewhere the same by your own package manager)" };
    Way::Ask(format!("system packages are missing:{reasons}\ninstall them{elsewhere}:\n    {command}"))
}

fn install(command: &[&str]) -> Result<(), Error> {
    let Some((program, args)) = command.split_first() else { return Ok(()) };
    let shown = command.join(" ");
    println!("$ {shown}");
    let status = Command::new(program)
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .map_err(|source| Error::Command { command: shown.clone(), source })?;
    if status.success() { Ok(()) } else { Err(Error::Failed { command: shown, stderr: status.to_string() }) }
}

/// Whether a command runs and succeeds. What it prints is not shown.
pub(crate) fn succeeds(command: &[&str]) -> bool {
    let Some((program, args)) = command.split_first() else { return false };
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
