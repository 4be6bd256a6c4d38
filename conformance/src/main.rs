//! `cargo xtask conformance`.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use mainstay_conformance::{Column, cell::Cell, run, server::Kind, table};

/// Takes Mainstay through real authorization servers and writes the table.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask conformance")]
struct Args {
    /// Write nothing; fail if the page differs from what was seen.
    #[arg(long)]
    check: bool,
    /// The page.
    #[arg(long, default_value = "docs/conformance.md")]
    page: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    println!("starting {}", Kind::ALL.map(Kind::name).join(" and "));
    let progress = |kind: Kind, feature: &str, cell: &Cell| println!("{:<33} {feature:<52} {cell}", kind.name());
    match run(&Kind::ALL, progress).await {
        Ok(columns) => end(&args, &columns),
        Err(error) => trouble(&error.to_string()),
    }
}

fn end(args: &Args, columns: &[Column]) -> ExitCode {
    let failed = columns.iter().flat_map(|column| &column.cells).filter(|cell| cell.is_failure()).count();
    let page = table::page(columns);
    let old = std::fs::read_to_string(&args.page).unwrap_or_default();
    if failed > 0 {
        return trouble(&format!("{failed} cells failed; {} is as it was", args.page.display()));
    }
    if args.check && old != page {
        return trouble(&format!("{} differs from what was seen: run `cargo xtask conformance`", args.page.display()));
    }
    if old != page
        && let Err(error) = std::fs::write(&args.page, page)
    {
        return trouble(&format!("{}: {error}", args.page.display()));
    }
    println!("{} is current", args.page.display());
    ExitCode::SUCCESS
}

fn trouble(what: &str) -> ExitCode {
    eprintln!("error: {what}");
    ExitCode::FAILURE
}
