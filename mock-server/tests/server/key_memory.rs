//! A server knows its secret again, and does not start with another one.

use http::Method;
use mainstay_mock_server::{MockServer, MockServerBuilder, StartError, WrongSecret, secret_fingerprint};
use serde_json::json;

use crate::support::Till;

const NOW_MS: u64 = 1_800_000_000_000;

/// A server whose file is in `folder`.
fn server(folder: &tempfile::TempDir, secret: &str) -> MockServerBuilder {
    let file = folder.path().join("keys.json");
    MockServer::builder()
        .virtual_clock(NOW_MS)
        .scripted_person("ada")
        .issuer("http://auth.test")
        .secret(secret)
        .key_memory(file)
}

async fn refused(builder: MockServerBuilder) -> String {
    match builder.start().await.unwrap_err() {
        StartError::WrongSecret(wrong) => wrong.to_string(),
        other => panic!("{other}"),
    }
}

async fn announce(till: &Till, secret: &str) {
    let change = json!({ "action": "announce", "fingerprint": secret_fingerprint(secret), "why": "a test" });
    let id = till.admin(0, Method::POST, "/operations", Some(change)).await.text("id");
    assert_eq!(till.admin(1, Method::POST, &format!("/operations/{id}/approve"), None).await.status, 200);
}

#[tokio::test]
async fn a_secret_that_nobody_announced_is_refused_and_the_old_one_still_starts() {
    let folder = tempfile::tempdir().unwrap();
    drop(server(&folder, "canary-old-secret").start().await.unwrap());
    let said = refused(server(&folder, "canary-new-secret")).await;
    assert!(said.contains(&secret_fingerprint("canary-old-secret")) && said.contains("nobody announced it"), "{said}");
    assert!(!said.contains("canary"));
    drop(server(&folder, "canary-old-secret").start().await.unwrap());
    let kept = std::fs::read_to_string(folder.path().join("keys.json")).unwrap();
    assert!(!kept.contains("canary"), "{kept}");
}

/// The control: the same change on a server that remembers nothing voids every token, and starts.
#[tokio::test]
async fn a_server_that_remembers_nothing_starts_with_anything() {
    for secret in ["old", "new"] {
        MockServer::builder().secret(secret).start().await.unwrap();
    }
}

/// 1. A server runs with the old secret; a till has a token of it.
/// 2. Two people announce the new one. It does not start without the old one beside it.
/// 3. With both it starts, and the old token is good until the overlap ends; and so it is after another start.
#[tokio::test]
async fn an_announced_secret_starts_and_the_old_one_stays_accepted_for_the_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let first = server(&folder, "old").access_token_lifetime(200_000).start().await.unwrap();
    let till = Till::at(&first);
    let tokens = till.sign_in().await;
    announce(&till, "new").await;
    drop(first);

    let said = refused(server(&folder, "new")).await;
    assert!(said.contains("MAINSTAY_MOCK_RETIRED_SECRET"), "{said}");
    assert!(refused(server(&folder, "third").retired_secret("old")).await.contains("nobody announced it"));
    for _ in 0..2 {
        let second = server(&folder, "new").retired_secret("old").start().await.unwrap();
        let till = Till::at(&second);
        assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
        let fresh = till.sign_in().await;
        assert_eq!(till.get("/api/me", &fresh.access).await.status, 200);
        second.control().advance(std::time::Duration::from_secs(86_400));
        assert_eq!(till.get("/api/me", &tokens.access).await.status, 401);
    }
    assert!(refused(server(&folder, "old")).await.contains("nobody announced it"), "the way back is announced as well");
}

#[tokio::test]
async fn a_memory_that_cannot_be_read_is_no_empty_memory() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys.json"), "{").unwrap();
    let error = server(&folder, "old").start().await.unwrap_err();
    assert!(matches!(error, StartError::WrongSecret(WrongSecret::File(..))), "{error}");
    assert!(error.to_string().contains("keys.json"));
}
