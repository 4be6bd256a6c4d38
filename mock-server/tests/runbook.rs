//! Every command of `docs/runbook.md`, run by a shell against a server in the trouble that the chapter is about.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "tests"
)]

#[path = "server/support/mod.rs"]
mod support;

use std::{path::Path, process::Command};

use mainstay_mock_server::{MockServer, NodeKeys, Nodes, Route, StoreFailure, secret_fingerprint};
use support::Till;

const RUNBOOK: &str = include_str!("../../docs/runbook.md");

/// The commands of one chapter, by the name that its comment gives it.
fn commands(chapter: &str) -> String {
    let text = RUNBOOK.split(&format!("<!-- chapter: {chapter} -->")).nth(1).unwrap_or_else(|| panic!("no {chapter}"));
    let text = text.split("<!-- chapter:").next().unwrap();
    let blocks: Vec<_> = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty(), "{chapter} has no commands");
    blocks.concat()
}

/// Runs them; what they printed.
fn run(server: &MockServer, commands: &str) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_mainstay-mock")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .env("PATH", path)
        .env("SERVER", server.issuer())
        .env("FIRST", server.admin_token("first").unwrap())
        .env("SECOND", server.admin_token("second").unwrap())
        .env("NEW_SECRET", "the-secret-of-next-week")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{commands}\n{out}\n{err}");
    out.into_owned()
}

async fn start() -> (MockServer, Till) {
    let server = MockServer::builder().scripted_person("ada").start().await.unwrap();
    let till = Till::new(&server);
    (server, till)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_change_of_keys_hits_nobody() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    run(&server, &commands("planned"));
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
    let fresh = till.refreshed(&tokens.refresh).await;
    assert_eq!(till.get("/api/me", &fresh.access).await.status, 200);
    let keys = till.admin(0, http::Method::GET, "/keys", None).await.json();
    assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["kid"] == "hs-1" && key["state"] == "retired"));
    assert!(server.control().observations().tokens_rejected.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_secret_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let server = MockServer::builder().secret("old").key_memory(&file).start().await.unwrap();
    run(&server, &commands("announce"));
    let remembered = std::fs::read_to_string(&file).unwrap();
    assert!(remembered.contains(&secret_fingerprint("the-secret-of-next-week")), "{remembered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_secret_is_mended_without_anybody_signing_in() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    server.control().change_secret(false);
    for _ in 0..25 {
        assert_eq!(till.get("/api/me", &tokens.access).await.status, 401);
    }
    let said = run(&server, &commands("secret-changed"));
    assert!(said.contains("unknown_key") && said.contains("hs-1"), "{said}");
    assert!(said.contains("\"sessions_affected\":1"), "{said}");
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
    let status = till.get("/.well-known/mainstay-status", "").await.json();
    assert_eq!((&status["healthy"], &status["spread_seconds"]), (&true.into(), &600.into()));
    assert_eq!(server.control().observations().prompts_in_all(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_store_is_seen_and_announced() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    server.control().cut_off_session_store(StoreFailure::Closed);
    let said = run(&server, &commands("store-lost"));
    assert!(said.contains("mainstay_session_store_up 0"), "{said}");
    let status = till.get("/.well-known/mainstay-status", "").await.json();
    assert_eq!((&status["healthy"], &status["spread_seconds"]), (&false.into(), &900.into()));
    server.control().reconnect_session_store();
    let said = run(&server, &commands("store-back"));
    assert!(said.contains("mainstay_session_store_up 1"), "{said}");
    assert_eq!(till.get("/.well-known/mainstay-status", "").await.json()["healthy"], true);
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_disagree_are_seen() {
    let (server, _) = start().await;
    let nodes = Nodes { count: 3, route: Route::Connection, keys: NodeKeys::Own, seed: 0 };
    server.control().set_nodes(nodes).unwrap();
    let said = run(&server, &commands("nodes"));
    assert_eq!(said.lines().filter(|line| line.contains("es-")).count(), 3, "{said}");
    server.control().set_nodes(Nodes { keys: NodeKeys::Same, ..nodes }).unwrap();
    let said = run(&server, &commands("nodes"));
    assert_eq!(said.lines().filter(|line| line.contains("es-")).count(), 1, "{said}");
}
