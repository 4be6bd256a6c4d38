//! The second founding incident with a real Redis, played with Mainstay and with a naive client.
//! `cargo xtask test --suite incidents` installs one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use mainstay_incidents::{
    director::{ClientCommand, play},
    format::Incident,
    report::Report,
};

/// The store is killed while it holds Ada's session and somebody else was served last.
const STORY: &str = r#"
title = "The session store is killed, and one session goes to everybody"
year = 2022
source = "cachetur.no, 21 June 2022; that its store was a Redis is our assumption"
story = "The store of sessions could not be reached, and weak checks let one session be shared."
suffered = "Nobody did."
[given]
lasts = "30m"
server = { sessions = "redis" }
[[steps]]
at = "10m"
who = "server"
what = "redis"
state = "killed"
failing = "FAILING"
person = "grace"
[[steps]]
at = "11m"
who = "device"
what = "restart"
[[steps]]
at = "12m"
who = "server"
what = "redis"
state = "started"
[[expect]]
"#;

async fn run(client: &str, failing: &str, expect: &str) -> Report {
    let text = STORY.replace("FAILING", failing) + expect;
    let incident = Incident::parse("cachetur", &text).unwrap_or_else(|error| panic!("{error}"));
    let mut scenes = Vec::new();
    let report = play(&incident, &ClientCommand::new(client), &mut |scene| scenes.push(scene)).await.unwrap();
    assert!(report.ok, "{:#?}\n{scenes:#?}", report.failures);
    report
}

const MAINSTAY: &str = env!("CARGO_BIN_EXE_mainstay-incident-client");
const NAIVE: &str = env!("CARGO_BIN_EXE_mainstay-naive-client");

#[tokio::test]
async fn nobody_elses_name_is_shown_while_the_store_is_dead() {
    let expect = "never = [\"signed_out\", \"sign_in_required\"]\nprompts = 0\nforeign_bytes = 0\ncredentials_destroyed = 0\n\
                  session_survives_restart = true\napp_data_identical = true\n";
    run(MAINSTAY, "open", expect).await;
}

/// The control: the same incident, and a client that shows whatever comes back.
#[tokio::test]
async fn a_naive_client_shows_it() {
    run(NAIVE, "open", "foreign_bytes = { min = 1 }\n").await;
}

#[tokio::test]
async fn a_server_that_fails_closed_is_waited_for() {
    run(MAINSTAY, "closed", "state = \"signed_in\"\nprompts = 0\nrequests.authorize = 0\nforeign_bytes = 0\n").await;
}
