//! Operating the server: two people, an overlap, and an alarm.

use std::time::Duration;

use http::Method;
use mainstay_mock_server::MockServer;
use serde_json::{Value, json};

use crate::{start, start_with, support::Till};

/// A proposal, with a reason.
fn because(mut change: Value) -> Value {
    change["why"] = "the test says so".into();
    change
}

/// Proposes as the first operator, approves as the second; returns the key's id.
async fn change_key(till: &Till, change: Value) -> String {
    let proposed = till.admin(0, Method::POST, "/operations", Some(because(change))).await;
    assert_eq!(proposed.status, 201, "{:?}", proposed.body);
    let approve = format!("/operations/{}/approve", proposed.text("id"));
    let done = till.admin(1, Method::POST, &approve, None).await;
    assert_eq!(done.status, 200, "{:?}", done.body);
    done.text("kid")
}

async fn state_of(till: &Till, kid: &str) -> String {
    let keys = till.admin(0, Method::GET, "/keys", None).await.json();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid).unwrap();
    key["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nobody_changes_a_key_alone() {
    let (_server, till) = start().await;
    let change = json!({ "action": "schedule", "algorithm": "HS256" });
    let id = till.admin(0, Method::POST, "/operations", Some(because(change))).await.text("id");
    let alone = till.admin(0, Method::POST, &format!("/operations/{id}/approve"), None).await;
    assert_eq!(alone.status, 403);
    let keys = till.admin(0, Method::GET, "/keys", None).await.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_proposal_ends_after_fifteen_minutes() {
    let (server, till) = start().await;
    let change = json!({ "action": "schedule", "algorithm": "HS256" });
    let id = till.admin(0, Method::POST, "/operations", Some(because(change))).await.text("id");
    server.control().advance(Duration::from_secs(15 * 60));
    let late = till.admin(1, Method::POST, &format!("/operations/{id}/approve"), None).await;
    assert_eq!(late.status, 410);
    let listed = till.admin(1, Method::GET, "/operations", None).await.json();
    assert_eq!(listed["operations"][0]["state"], "expired");
}

#[tokio::test]
async fn changing_the_key_properly_hits_nobody() {
    let (server, till) = start_with(MockServer::builder().virtual_clock(1_800_000_000_000)).await;
    let tokens = till.sign_in().await;
    let new = change_key(&till, json!({ "action": "schedule", "algorithm": "HS256" })).await;
    assert_eq!(state_of(&till, &new).await, "scheduled");
    change_key(&till, json!({ "action": "activate", "kid": new })).await;
    assert_eq!((state_of(&till, &new).await.as_str(), state_of(&till, "hs-1").await.as_str()), ("active", "retired"));
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
    assert_eq!(till.get("/api/me", &till.refreshed(&tokens.refresh).await.access).await.status, 200);
    assert_eq!(server.control().observations().tokens_rejected.len(), 0);
}

#[tokio::test]
async fn a_retired_key_is_accepted_until_its_overlap_ends() {
    let builder = MockServer::builder().virtual_clock(1_800_000_000_000).access_token_lifetime(200_000);
    let (server, till) = start_with(builder).await;
    let tokens = till.sign_in().await;
    let new = change_key(&till, json!({ "action": "schedule", "algorithm": "HS256" })).await;
    change_key(&till, json!({ "action": "activate", "kid": new })).await;
    server.control().advance(Duration::from_millis(86_399_999));
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
    server.control().advance(Duration::from_millis(1));
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 401);
}

#[tokio::test]
async fn a_key_that_sessions_need_is_not_retired_unless_it_is_an_emergency() {
    let (_server, till) = start().await;
    let tokens = till.sign_in().await;
    let retire = json!({ "action": "retire", "kid": "hs-1" });
    let active = till.admin(0, Method::POST, "/operations", Some(because(retire.clone()))).await;
    assert_eq!((active.status.as_u16(), active.text("error").as_str()), (409, "refused"));

    let new = change_key(&till, json!({ "action": "schedule", "algorithm": "HS256" })).await;
    change_key(&till, json!({ "action": "activate", "kid": new })).await;
    let dry = till.admin(0, Method::POST, "/dry-run", Some(retire.clone())).await.json();
    assert_eq!((&dry["sessions_affected"], &dry["sessions"]), (&json!(1), &json!(1)));
    assert!(dry["refused"].as_str().unwrap().contains("sessions still need this key"));
    assert_eq!(till.admin(0, Method::POST, "/operations", Some(because(retire))).await.status, 409);
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);

    change_key(&till, json!({ "action": "retire", "kid": "hs-1", "emergency": true })).await;
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 401);
}

#[tokio::test]
async fn a_surge_of_rejections_raises_an_alarm_that_ends() {
    let (server, till) = start_with(MockServer::builder().virtual_clock(1_800_000_000_000)).await;
    let tokens = till.sign_in().await;
    server.control().change_secret(false);
    for _ in 0..19 {
        till.get("/api/me", &tokens.access).await;
    }
    assert_eq!(till.admin(0, Method::GET, "/alarms", None).await.json()["active"], false);
    till.get("/api/me", &tokens.access).await;
    let alarms = till.admin(0, Method::GET, "/alarms", None).await.json();
    assert_eq!(alarms["active"], true);
    assert_eq!(alarms["alarms"][0]["by_reason"]["unknown_key"], 20);
    server.control().advance(Duration::from_secs(61));
    let alarms = till.admin(0, Method::GET, "/alarms", None).await.json();
    assert_eq!((&alarms["active"], alarms["alarms"].as_array().unwrap().len()), (&json!(false), 1));
}

#[tokio::test]
async fn operators_tell_clients_how_to_spread() {
    let (_server, till) = start().await;
    let told = json!({ "healthy": false, "spread_seconds": 1800, "message": "We are on it." });
    assert_eq!(till.admin(0, Method::PUT, "/status", Some(told.clone())).await.status, 200);
    assert_eq!(till.get("/.well-known/mainstay-status", "").await.json(), told);
}

#[tokio::test]
async fn an_ended_session_is_ended_at_once() {
    let (_server, till) = start().await;
    let (ended, other) = (till.sign_in().await, till.sign_in().await);
    let sid = crate::support::claims(&ended.access)["sid"].as_str().unwrap().to_owned();
    assert_eq!(till.admin(0, Method::DELETE, &format!("/sessions/{sid}"), None).await.status, 204);
    assert_eq!(till.get("/api/me", &ended.access).await.status, 401);
    assert_eq!(till.refresh(&ended.refresh).await.text("error"), "invalid_grant");
    assert_eq!(till.get("/api/me", &other.access).await.status, 200);
}

#[tokio::test]
async fn a_proposal_says_why_and_who() {
    let (_server, till) = start().await;
    let change = json!({ "action": "schedule", "algorithm": "HS256" });
    for why in [json!(null), json!(""), json!("  "), json!(7), json!("x".repeat(1001))] {
        let mut proposal = change.clone();
        proposal["why"] = why;
        assert_eq!(till.admin(0, Method::POST, "/operations", Some(proposal)).await.status, 400);
    }
    till.admin(0, Method::POST, "/operations", Some(because(change))).await;
    let listed = till.admin(1, Method::GET, "/operations", None).await.json();
    let operation = &listed["operations"][0];
    assert_eq!((&operation["why"], &operation["proposed_by"]), (&json!("the test says so"), &json!("first")));
}

/// 1. A clean-up changes the secret, and every session is void.
/// 2. The dry run says how many sessions the old key would bring back; two people accept it again.
/// 3. The operation says what would undo it, and that is done by two people as well.
#[tokio::test]
async fn the_old_key_is_accepted_again_and_that_can_be_undone() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    server.control().change_secret(false);
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 401);
    let hotfix = json!({ "action": "accept_again", "kid": "hs-1" });
    let dry = till.admin(0, Method::POST, "/dry-run", Some(hotfix.clone())).await.json();
    assert_eq!((&dry["sessions_affected"], dry.get("refused")), (&json!(1), None));

    let id = till.admin(0, Method::POST, "/operations", Some(because(hotfix.clone()))).await.text("id");
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 401, "nothing is done yet");
    let done = till.admin(1, Method::POST, &format!("/operations/{id}/approve"), None).await.json();
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
    assert_eq!(till.admin(0, Method::POST, "/operations", Some(because(hotfix))).await.status, 409);

    change_key(&till, done["undo"].clone()).await;
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 401);
}

#[tokio::test]
async fn what_undoes_an_activation_is_the_key_that_signed_before() {
    let (server, till) = start().await;
    let new = change_key(&till, json!({ "action": "schedule", "algorithm": "HS256" })).await;
    change_key(&till, json!({ "action": "activate", "kid": new })).await;
    let listed = till.admin(1, Method::GET, "/operations", None).await.json();
    assert_eq!(listed["operations"][0]["undo"], json!({ "action": "retire", "kid": new, "emergency": false }));
    assert_eq!(listed["operations"][1]["undo"], json!({ "action": "activate", "kid": "hs-1" }));
    change_key(&till, listed["operations"][1]["undo"].clone()).await;
    assert_eq!(state_of(&till, "hs-1").await, "active");
    drop(server);
}

#[tokio::test]
async fn the_status_document_says_by_itself_that_the_store_does_not_answer() {
    let (server, till) = start().await;
    let healthy = async || till.get("/.well-known/mainstay-status", "").await.json()["healthy"].clone();
    assert_eq!(healthy().await, true);
    server.control().cut_off_session_store(mainstay_mock_server::StoreFailure::Closed);
    assert_eq!(healthy().await, false);
    server.control().reconnect_session_store();
    assert_eq!(healthy().await, true);
}

/// The counts of `/metrics` that are not zero.
async fn counts(till: &Till) -> Vec<String> {
    let text = String::from_utf8(till.get("/metrics", "").await.body.to_vec()).unwrap();
    let counts = text.lines().filter(|line| line.contains("_total") && !line.starts_with('#') && !line.ends_with(" 0"));
    counts.map(str::to_owned).collect()
}

#[tokio::test]
async fn tokens_are_counted_by_what_became_of_them() {
    let (server, till) = start().await;
    assert_eq!(counts(&till).await, [""; 0]);
    let tokens = till.sign_in().await;
    let fresh = till.refreshed(&tokens.refresh).await;
    till.refresh(&tokens.refresh).await;
    till.get("/userinfo", "nonsense").await;
    let other = till.sign_in().await;
    till.get("/api/me", &other.access).await;
    server.control().change_secret(false);
    till.get("/api/me", &fresh.access).await;
    let expected = [
        "mainstay_tokens_issued_total{grant=\"token\"} 2",
        "mainstay_tokens_refreshed_total 1",
        "mainstay_refreshes_refused_total{reason=\"invalid_grant\"} 1",
        "mainstay_tokens_accepted_total 1",
        "mainstay_tokens_rejected_total{reason=\"malformed\"} 1",
        "mainstay_tokens_rejected_total{reason=\"unknown_key\"} 1",
    ];
    let mut seen = counts(&till).await;
    seen.sort();
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(seen, expected);
}
