//! Several nodes behind one address, each with keys of its own.

use http::Method;
use mainstay_mock_server::{MockServer, NodeKeys, Nodes, Route, SecretChange};
use serde_json::json;

use crate::{
    start,
    support::{Answer, Till},
};

const THREE: Nodes = Nodes { count: 3, route: Route::Random, keys: NodeKeys::Own, seed: 7 };

/// The statuses of `count` calls of `/api/me`.
async fn statuses(till: &Till, token: &str, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(till.get("/api/me", token).await.status.as_u16());
    }
    statuses
}

fn nodes_of(server: &MockServer) -> Vec<usize> {
    server.control().requests().iter().filter_map(|record| record.node).collect()
}

#[tokio::test]
async fn a_node_rejects_what_another_one_signed_until_they_share_their_keys() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.set_nodes(THREE).unwrap();
    let seen = statuses(&till, &tokens.access, 30).await;
    let good = seen.iter().filter(|status| **status == 200).count();
    assert!((5..=15).contains(&good), "{good} of 30");
    assert!(seen.iter().all(|status| [200, 401].contains(status)));
    assert_eq!(control.observations().tokens_rejected["unknown_key"], 30 - u64::try_from(good).unwrap());

    let fresh = till.refreshed(&tokens.refresh).await;
    control.set_nodes(Nodes { keys: NodeKeys::Shared, ..THREE }).unwrap();
    for token in [&tokens.access, &fresh.access] {
        assert_eq!(statuses(&till, token, 10).await, [200; 10]);
    }
    control.set_nodes(Nodes::default()).unwrap();
    assert_eq!(statuses(&till, &tokens.access, 3).await, [200; 3]);
}

#[tokio::test]
async fn the_same_seed_sends_requests_to_the_same_nodes() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let (server, till) = start().await;
        server.control().set_nodes(Nodes { seed, ..THREE }).unwrap();
        statuses(&till, "", 20).await;
        runs.push(nodes_of(&server));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn a_connection_stays_at_its_node_and_the_next_one_goes_to_the_next() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    server.control().set_nodes(Nodes { route: Route::Connection, ..THREE }).unwrap();
    let mut firsts = Vec::new();
    for _ in 0..3 {
        // A till of its own has a connection of its own.
        let till = Till::new(&server);
        let seen = statuses(&till, &tokens.access, 4).await;
        assert!(seen.iter().all(|status| *status == seen[0]), "{seen:?}");
        firsts.push(seen[0]);
    }
    firsts.sort_unstable();
    assert_eq!(firsts, [200, 401, 401]);
    let nodes = nodes_of(&server);
    assert!(nodes.chunks(4).all(|four| four.iter().all(|node| *node == four[0])), "{nodes:?}");
}

#[tokio::test]
async fn a_cookie_keeps_a_browser_at_its_node() {
    let (server, till) = start().await;
    server.control().set_nodes(Nodes { route: Route::Cookie, ..THREE }).unwrap();
    let with = async |cookie: &str| -> Answer {
        let headers = [("cookie", cookie)];
        till.send(Method::GET, "/jwks", if cookie.is_empty() { &[] } else { &headers }, "").await
    };
    let first = with("").await;
    let cookie = first.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("mainstay-node="), "{cookie}");
    for _ in 0..5 {
        let again = with(&cookie).await;
        assert_eq!((again.header("set-cookie"), again.json()), ("", first.json()));
    }
    let nodes = nodes_of(&server);
    assert!(nodes.iter().all(|node| *node == nodes[0]), "{nodes:?}");
    assert!(!with("mainstay-node=99").await.header("set-cookie").is_empty());
}

#[tokio::test]
async fn a_roll_out_that_stops_half_way_leaves_nodes_that_disagree() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.set_nodes(Nodes { keys: NodeKeys::Same, ..THREE }).unwrap();
    assert_eq!(statuses(&till, &tokens.access, 10).await, [200; 10]);

    control.secret(SecretChange::Change { keep_old: false, nodes: vec![2, 3] }).unwrap();
    assert!(statuses(&till, &tokens.access, 20).await.contains(&401));
    control.secret(SecretChange::AcceptOldAgain { nodes: vec![2, 3] }).unwrap();
    assert_eq!(statuses(&till, &tokens.access, 10).await, [200; 10]);

    control.secret(SecretChange::Change { keep_old: false, nodes: vec![1] }).unwrap();
    assert!(statuses(&till, &tokens.access, 20).await.contains(&401));
    control.set_nodes(Nodes { keys: NodeKeys::Shared, ..THREE }).unwrap();
    assert_eq!(statuses(&till, &tokens.access, 10).await, [200; 10]);
    assert!(control.secret(SecretChange::Change { keep_old: false, nodes: vec![4] }).is_err());
}

#[tokio::test]
async fn a_key_operation_reaches_every_node() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    server.control().set_nodes(Nodes { keys: NodeKeys::Same, ..THREE }).unwrap();
    for change in [
        json!({ "action": "schedule", "algorithm": "HS256", "why": "a test" }),
        json!({ "action": "activate", "kid": "hs-3", "why": "a test" }),
    ] {
        let id = till.admin(0, Method::POST, "/operations", Some(change)).await.text("id");
        assert_eq!(till.admin(1, Method::POST, &format!("/operations/{id}/approve"), None).await.status, 200);
    }
    let fresh = till.refreshed(&tokens.refresh).await;
    for token in [&tokens.access, &fresh.access] {
        assert_eq!(statuses(&till, token, 10).await, [200; 10]);
    }
}

#[tokio::test]
async fn nodes_that_cannot_be_are_refused() {
    let (server, till) = start().await;
    for wrong in [json!({ "count": 0 }), json!({ "count": 17 }), json!({ "count": 2, "route": "luck" }), json!({})] {
        assert_eq!(till.control(Method::PUT, "/nodes", Some(wrong)).await.status, 400);
    }
    assert_eq!(server.control().nodes(), Nodes::default());
}
