//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Plays real incidents with a till over Mainstay, and with a naive one beside it.
///
/// Without options it plays the incident that Mainstay exists for, at reading pace: what the till shows the cashier, what
/// the SDK sees and does and why, and a table at the end. In a pipe the same lines come plain and at once.
///
/// The exit status is 1 when something that an incident expects of Mainstay is not so, and 2 when it could not be played.
/// The naive till fails nearly everything; that is what it is for, and does not count.
#[derive(Parser)]
#[command(
    name = "cargo demo",
    bin_name = "cargo demo",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) play: Play,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Be a client process of the director's.
    #[command(hide = true)]
    Client { which: Which },
}

impl Args {
    /// From the command line. Its first word may be `play`: the alias `cargo demo` says so, because flags can follow a word
    /// of the program's own without a `--` between them.
    pub(crate) fn from_command_line() -> Self {
        let words = std::env::args_os().enumerate();
        Self::parse_from(words.filter(|(place, word)| *place != 1 || word != "play").map(|(_, word)| word))
    }
}

/// A client that this program can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    Rust,
    Naive,
}

/// What to play, and how.
#[derive(clap::Args)]
pub(crate) struct Play {
    /// Plays this one: a name from --list, or the path of any incident file.
    #[arg(long, value_name = "NAME|PATH", conflicts_with = "all")]
    pub(crate) incident: Option<String>,

    /// Plays the whole catalogue: the three founding incidents in full, all others in short, and one table.
    #[arg(long)]
    pub(crate) all: bool,

    /// Takes incidents from this folder instead of the repository's own.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) catalogue: Option<PathBuf>,

    /// Lists the catalogue.
    #[arg(long, conflicts_with_all = ["incident", "all", "json", "serve"])]
    pub(crate) list: bool,

    /// Does not wait for anybody to read.
    #[arg(long)]
    pub(crate) fast: bool,

    /// For machines: one JSON object per incident and client, each on a line of its own.
    #[arg(long, conflicts_with = "serve")]
    pub(crate) json: bool,

    /// Afterwards keeps the server and its page up, with what they saw, and prints their addresses.
    #[arg(long, conflicts_with = "all")]
    pub(crate) serve: bool,
}
