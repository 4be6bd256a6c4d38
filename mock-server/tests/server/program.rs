//! `mainstay-mock` as a program.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay-mock"));
    command
        .env_remove("MAINSTAY_MOCK_SECRET")
        .env_remove("MAINSTAY_MOCK_RETIRED_SECRET")
        .args(["--listen", "127.0.0.1:0"]);
    command
}

fn text(output: &Output) -> (String, String) {
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn it_does_not_start_without_a_secret_and_names_the_setting() {
    let output = program().output().unwrap();
    let (out, err) = text(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(out.is_empty());
    for name in ["MAINSTAY_MOCK_SECRET", "--secret", "--generate-secret", "missing"] {
        assert!(err.contains(name), "{err}");
    }
}

#[test]
fn it_does_not_start_with_an_empty_secret_and_names_the_setting() {
    for empty in ["", "  "] {
        let output = program().env("MAINSTAY_MOCK_SECRET", empty).output().unwrap();
        let (_, err) = text(&output);
        assert_eq!(output.status.code(), Some(2));
        assert!(err.contains("MAINSTAY_MOCK_SECRET") && err.contains("empty"), "{err}");
    }
}

#[test]
fn it_starts_with_a_secret_and_says_where_without_saying_the_secret() {
    let mut child = program()
        .env("MAINSTAY_MOCK_SECRET", "canary-secret-of-the-test")
        .env("MAINSTAY_MOCK_CONTROL_TOKEN", "canary-control-token")
        .env("RUST_LOG", "trace")
        .arg("--json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    let (_, err) = text(&child.wait_with_output().unwrap());
    let said: Value = serde_json::from_str(&line).unwrap();
    assert!(said["url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert_eq!(said["control_token"], Value::Null);
    for canary in ["canary-secret-of-the-test", "canary-control-token"] {
        assert!(!line.contains(canary) && !err.contains(canary));
    }
}

#[test]
fn help_names_every_setting_and_no_secret() {
    let output = program().env("MAINSTAY_MOCK_SECRET", "canary-secret-of-the-test").arg("--help").output().unwrap();
    let (out, _) = text(&output);
    assert!(output.status.success());
    let options = [
        "--listen",
        "--issuer",
        "--secret",
        "--key-memory",
        "--retired-secret",
        "--fingerprint",
        "--generate-secret",
        "--control-token",
        "--config",
        "--rotation",
        "--access-token-lifetime",
        "--legacy-status",
        "--scripted-person",
        "--sessions",
        "--virtual-clock",
        "--json",
        "MAINSTAY_MOCK_SECRET",
    ];
    for option in options {
        assert!(out.contains(option), "{option}");
    }
    assert!(!out.contains("canary"));
}

#[test]
fn a_configuration_with_a_typo_names_the_file_and_the_member() {
    let file = std::env::temp_dir().join(format!("mainstay-mock-config-{}.json", std::process::id()));
    std::fs::write(&file, r#"{"rotatoin":"strict"}"#).unwrap();
    let output = program().arg("--generate-secret").arg("--config").arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    let (_, err) = text(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(err.contains("rotatoin") && err.contains(&*file.to_string_lossy()), "{err}");
}
