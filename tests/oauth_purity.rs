//! `src/oauth` is pure: no clock, no random numbers, no files, no network, no threads, no futures, and nothing of
//! Mainstay's own that has them. This reads the sources and says which line breaks the rule.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Paths that must not be named. Each is a run of path segments, also when a `use` spells it with braces.
const FORBIDDEN: &[&str] = &[
    "SystemTime",
    "Instant",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "std::io",
    "std::os",
    "std::future",
    "tokio",
    "reqwest",
    "getrandom",
    "rand",
    "tracing",
    "crate::driver",
    "crate::host",
    "crate::vault",
    "crate::native",
    "super::super",
    "async",
    "await",
];

/// Every line of `source` that names something forbidden, as `line: what`.
fn violations(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    // The paths that open braces stand behind, brace by brace; empty for a brace that is no part of a `use`.
    let mut open: Vec<String> = Vec::new();
    for (number, line) in source.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let mut path = String::new();
        let mut names = Vec::new();
        for c in code.chars().chain([' ']) {
            if c.is_alphanumeric() || matches!(c, '_' | ':') {
                path.push(c);
                continue;
            }
            names.push(format!("{}{path}", open.concat()));
            match c {
                '{' => open.push(if path.ends_with("::") { path.clone() } else { String::new() }),
                '}' => drop(open.pop()),
                _ => {}
            }
            path.clear();
        }
        for forbidden in FORBIDDEN {
            if names.iter().any(|name| names_path(name, forbidden)) {
                found.push(format!("{}: {forbidden}", number + 1));
            }
        }
    }
    found
}

/// Whether `forbidden` is a run of whole segments of `name`.
fn names_path(name: &str, forbidden: &str) -> bool {
    let segments: Vec<_> = name.split("::").collect();
    let wanted: Vec<_> = forbidden.split("::").collect();
    segments.windows(wanted.len()).any(|window| window == wanted)
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

#[test]
fn the_protocol_layer_is_pure() {
    let files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/oauth"));
    assert!(files.len() > 25, "the sources have moved");
    for file in files {
        let found = violations(&fs::read_to_string(&file).unwrap());
        assert!(found.is_empty(), "{} names what it must not:\n{}", file.display(), found.join("\n"));
    }
}

#[test]
fn a_planted_line_is_caught() {
    for (planted, what) in [
        ("use std::time::{Duration, Instant};", "Instant"),
        ("let now = std::time::SystemTime::now();", "SystemTime"),
        ("use std::{\n    collections::BTreeMap,\n    fs,\n};", "std::fs"),
        ("std::thread::spawn(f);", "std::thread"),
        ("use std::net::TcpStream;", "std::net"),
        ("use crate::{Secret, host::Clock};", "crate::host"),
        ("use crate::{\n    oauth::{Answer},\n    vault::Vault,\n};", "crate::vault"),
        ("crate::driver::start();", "crate::driver"),
        ("use super::super::host::Clock;", "super::super"),
        ("#[cfg(feature = \"native\")] use crate::native;", "crate::native"),
        ("getrandom::fill(&mut bytes);", "getrandom"),
        ("tokio::spawn(task);", "tokio"),
        ("let client = reqwest::Client::new();", "reqwest"),
        ("pub async fn read() {}", "async"),
    ] {
        let found = violations(&format!("struct S {{ a: u8 }}\n{planted}\n"));
        assert!(found.iter().any(|line| line.ends_with(what)), "{planted}: {found:?}");
    }
}

#[test]
fn innocent_lines_are_not_accused() {
    for innocent in [
        "use std::time::Duration;",
        "// like tokio, but pure",
        "let instant_coffee = operand(brand, instance);",
        "use std::{collections::BTreeMap, time::Duration};\nuse crate::{Identity, Secret};",
        "time.duration_since(std::time::UNIX_EPOCH)",
    ] {
        assert_eq!(violations(innocent), Vec::<String>::new(), "{innocent}");
    }
}
