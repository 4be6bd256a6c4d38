//! What a server's deployment can do to a till, as steps of a file: each breaks something, and each is mended.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use mainstay_incidents::{
    director::{ClientCommand, play},
    format::Incident,
    report::Report,
};

const HEAD: &str = r#"
title = "Something small"
year = 2026
source = "This test"
story = "It is made up."
suffered = "Nobody did."
[given]
lasts = "40m"
app = { sells_every = "1m", sale_cents = 450 }
"#;

/// The end of every incident here: mended, and nothing lost.
const ALL_IS_WELL: &str = r#"
[[expect]]
state = "signed_in"
never = ["signed_out", "sign_in_required", "quarantined"]
prompts = 0
credentials_destroyed = 0
foreign_bytes = 0
sales_delivered_once = true
app_data_identical = true
"#;

fn parsed(body: &str) -> Incident {
    Incident::parse("small", &format!("{HEAD}{body}")).unwrap_or_else(|error| panic!("{error}"))
}

async fn run(body: &str) -> Report {
    let client = ClientCommand::new(env!("CARGO_BIN_EXE_mainstay-incident-client"));
    let mut scenes = Vec::new();
    let report = play(&parsed(body), &client, &mut |scene| scenes.push(scene)).await.unwrap();
    assert!(report.ok, "{:#?}\n{scenes:#?}", report.failures);
    report
}

fn step(at: &str, what: &str, rest: &str) -> String {
    format!("[[steps]]\nat = \"{at}\"\nwho = \"server\"\nwhat = \"{what}\"\n{rest}\n")
}

#[tokio::test]
async fn nodes_that_disagree_are_survived_and_mended() {
    let broken = step("10m", "nodes", "count = 3\nroute = \"random\"\nkeys = \"own\"\nseed = 3");
    let mended = step("20m", "nodes", "count = 3\nkeys = \"shared\"");
    let report = run(&format!("{broken}{mended}{ALL_IS_WELL}")).await;
    assert!(report.requests["me"] > 1, "it was noticed: {:?}", report.requests);
}

#[tokio::test]
async fn a_roll_out_that_stops_half_way_is_survived_and_mended() {
    let nodes = step("5m", "nodes", "count = 2\nroute = \"random\"\nseed = 1");
    let broken = step("10m", "change_secret", "keep_old = false\nnodes = [2]");
    let mended = step("20m", "nodes", "count = 2\nkeys = \"shared\"");
    let report = run(&format!("{nodes}{broken}{mended}{ALL_IS_WELL}")).await;
    assert!(report.requests["me"] > 1, "it was noticed: {:?}", report.requests);
}

#[tokio::test]
async fn a_store_that_fails_closed_is_waited_for() {
    let broken = step("10m", "session_store", "state = \"cut_off\"");
    let mended = step("13m", "session_store", "state = \"reconnect\"");
    run(&format!("{broken}{mended}{ALL_IS_WELL}")).await;
}

#[tokio::test]
async fn a_store_whose_silence_is_taken_for_a_no_costs_a_prompt_and_no_credentials() {
    let broken = step("10m", "session_store", "state = \"cut_off\"\nfailing = \"denies\"");
    let mended = step("13m", "session_store", "state = \"reconnect\"");
    let expect = "[[expect]]\nat = \"14m\"\nstate = \"signed_in\"\nnever = [\"signed_out\", \"quarantined\"]\nprompts = 1\n\
                  [[expect]]\nprompts = 1\ncredentials_destroyed = 0\n";
    run(&format!("{broken}{mended}{expect}")).await;
}

#[tokio::test]
async fn a_store_that_fails_open_shows_nobody_elses_name() {
    let broken = step("10m", "session_store", "state = \"cut_off\"\nfailing = \"open\"\nperson = \"grace\"");
    let called = "[[steps]]\nat = \"11m\"\nwho = \"app\"\nwhat = \"call\"\npath = \"/api/me\"\n";
    let expect =
        "[[expect]]\nnever = [\"signed_out\", \"sign_in_required\"]\nforeign_bytes = 0\ncredentials_destroyed = 0\n";
    run(&format!("{broken}{called}{expect}")).await;
}

#[tokio::test]
async fn a_key_set_that_lost_its_old_keys_gets_them_back() {
    let rotated = step("10m", "rotate_jwks", "keep_old = true");
    let gone = step("12m", "rotate_jwks", "");
    let mended = step("14m", "restore_jwks", "");
    run(&format!("{rotated}{gone}{mended}{ALL_IS_WELL}")).await;
}

#[tokio::test]
async fn every_kind_of_fault_is_a_step_and_can_be_mended() {
    let kinds = [
        ("brown_out", "capacity = 1\npatience_ms = 0"),
        ("shared_cache", "scope = \"catalogue\""),
        ("portal", "location = \"http://portal.example/\""),
        ("wrong_retry_after", "how = \"past_date\"\ndevices = 0.1"),
        ("cut_short", "bytes = 4\nscope = \"sales\""),
    ];
    for (kind, settings) in kinds {
        let broken = step("10m", "fault", &format!("name = \"{kind}\"\n{settings}"));
        let mended = step("13m", "clear_faults", &format!("name = \"{kind}\""));
        run(&format!("{broken}{mended}{ALL_IS_WELL}")).await;
    }
}

#[test]
fn a_mistake_in_such_a_step_has_a_place() {
    let wrong = [
        (step("1m", "nodes", "count = 17"), "1 to 16 nodes"),
        (step("1m", "nodes", "count = 2\nkeys = \"owm\""), "did you mean `own`"),
        (step("1m", "session_store", "state = \"cut_of\""), "did you mean `cut_off`"),
        (step("1m", "fault", "name = \"brown_out\""), "capacity"),
        (step("1m", "fault", "name = \"portl\""), "did you mean `portal`"),
    ];
    for (body, expected) in wrong {
        let error = Incident::parse("small", &format!("{HEAD}{body}{ALL_IS_WELL}")).unwrap_err();
        assert!(error.line.is_some() && error.message.contains(expected), "{error}");
    }
}
