//! The demo as people and machines start it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn demo() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay-demo"));
    command.env_remove("RUST_LOG").env_remove("CLICOLOR_FORCE");
    command
}

fn run(args: &[&str]) -> Output {
    demo().args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The main incident with a change, as a file of its own.
fn changed(from: &str, to: &str) -> (tempfile::TempDir, String) {
    let original = fs::read_to_string(repository().join("tests/incidents/mews-secret-changed.toml")).unwrap();
    assert!(original.contains(from));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.toml");
    fs::write(&path, original.replace(from, to)).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn a_pipe_gets_plain_lines_and_nobody_waits_for_them() {
    for args in [&["play"][..], &[]] {
        let output = run(args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let lines = text(&output.stdout);
        assert!(!lines.contains(['\u{1b}', '\r']));
        for line in [
            "server  The secret that signs tokens becomes another one.",
            "http    POST /api/sales → 401",
            "sdk     rung      Rung 3: refresh.",
            "till    “Go on selling; your sign-in is being checked.”",
            "person  clears the app's data, as told, and signs in",
            "Nobody had to do anything",
        ] {
            assert!(lines.contains(line), "{line}\n{lines}");
        }
        assert!(lines.lines().all(|line| line.chars().count() <= 100));
    }
}

#[test]
fn two_runs_print_the_same() {
    assert_eq!(text(&run(&[]).stdout), text(&run(&[]).stdout));
}

/// Some of the catalogue, as a folder of its own: all of it is played elsewhere.
fn some(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let file = format!("{name}.toml");
        fs::copy(repository().join("tests/incidents").join(&file), folder.path().join(&file)).unwrap();
    }
    folder
}

#[test]
fn machines_get_one_object_per_incident_and_client() {
    let folder = some(&["mews-secret-changed", "vonage-403"]);
    let output = run(&["--all", "--json", "--catalogue", folder.path().to_str().unwrap()]);
    assert!(output.status.success());
    let objects: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 4);
    for object in &objects {
        for member in [
            "incident",
            "client",
            "ok",
            "state",
            "reason",
            "prompts",
            "requests",
            "credentials_destroyed",
            "foreign_bytes",
            "app_data_identical",
            "seconds_not_selling",
            "failures",
        ] {
            assert!(object.get(member).is_some(), "{member} in {object}");
        }
        let is_naive = object["client"] == "naive";
        assert_eq!(object["ok"], !is_naive, "{object}");
        assert_eq!(object["failures"].as_array().unwrap().is_empty(), !is_naive);
    }
}

#[test]
fn an_expectation_that_does_not_hold_is_told_with_expected_and_seen_and_ends_with_status_1() {
    let (_folder, path) = changed("prompts = 0", "prompts = 7");
    let output = run(&["--incident", &path]);
    assert_eq!(output.status.code(), Some(1));
    let lines = text(&output.stdout);
    assert!(lines.contains("✗ changed, line"), "{lines}");
    assert!(lines.contains("prompts: expected 7, seen 0"), "{lines}");
    let output = run(&["--json", "--incident", &path]);
    assert_eq!(output.status.code(), Some(1));
    let object: Value = serde_json::from_str(text(&output.stdout).lines().next().unwrap()).unwrap();
    assert_eq!((&object["ok"], &object["failures"][0]["expected"]), (&Value::Bool(false), &Value::from("7")));
}

#[test]
fn a_file_that_is_wrong_is_named_with_its_line() {
    let (_folder, path) = changed("prompts = 0", "promts = 0");
    let output = run(&["--incident", &path]);
    assert_eq!(output.status.code(), Some(2));
    let complaint = text(&output.stderr);
    assert!(complaint.contains("changed.toml:"), "{complaint}");
    assert!(complaint.contains("unknown key `promts`; did you mean `prompts`?"), "{complaint}");
}

#[test]
fn an_incident_that_is_not_there_is_answered_with_the_nearest_one() {
    let output = run(&["--incident", "mews-secret-chagned"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean `mews-secret-changed`?"));
}

#[test]
fn the_list_names_every_incident() {
    let output = run(&["--list"]);
    let lines = text(&output.stdout);
    for entry in fs::read_dir(repository().join("tests/incidents")).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(lines.lines().any(|line| line.starts_with(&name)), "{name}");
    }
}

#[test]
fn all_of_them_are_a_story_with_a_table_at_its_end() {
    let folder = some(&["mews-secret-changed", "cachetur-no-echo", "vonage-403"]);
    let output = run(&["--all", "--catalogue", folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    for line in [
        "── with Mainstay ──",
        "  vonage-403  2022 · API client",
        "  ✓ mews-secret-changed                         0/1      0/1      0/0      0/4",
        "  ✓ cachetur-no-echo                            0/0      0/0     0/10      0/0",
        "    all together                                0/2      0/2     0/10      0/4",
        "All 3 incidents went as they should.",
    ] {
        assert!(lines.contains(line), "{line}\n{lines}");
    }
    assert!(lines.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn serve_keeps_the_server_and_its_page_up() {
    let mut child = demo().arg("--serve").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let page = lines.find(|line| line.trim_start().starts_with("page")).unwrap();
    assert!(lines.any(|line| line.contains("The server stays up")));
    let address = page.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("<html"), "{answer}");
}

/// Numbers differ from release to release, lines should not. `MAINSTAY_UPDATE_README=1` writes the section anew.
#[test]
fn the_readme_shows_what_the_demo_prints() {
    let path = repository().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- demo:begin -->\n", "<!-- demo:end -->");
    let (before, rest) = readme.split_once(begin).unwrap();
    let (shown, after) = rest.split_once(end).unwrap();
    let output = run(&[]);
    let section = format!("```text\n{}```\n", text(&output.stdout).trim_start_matches('\n'));
    if std::env::var_os("MAINSTAY_UPDATE_README").is_some() {
        fs::write(&path, format!("{before}{begin}{section}{end}{after}")).unwrap();
        return;
    }
    let hint = "MAINSTAY_UPDATE_README=1 cargo test -p mainstay-demo writes the section anew";
    assert_eq!(without_numbers(shown), without_numbers(&section), "{hint}");
}

fn without_numbers(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars().filter(|character| !character.is_whitespace()) {
        match character.is_ascii_digit() {
            true if plain.ends_with('0') => {}
            true => plain.push('0'),
            false => plain.push(character),
        }
    }
    plain
}
