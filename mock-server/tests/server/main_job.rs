//! The main job: sign in, sell, break as Mews did, come back.

use http::Method;
use mainstay_mock_server::{Endpoint, Fault, RefreshTokens, Rejection};
use serde_json::json;

use crate::{
    start,
    support::{DeviceKey, claims, parameter},
};

#[tokio::test]
async fn a_person_signs_in_and_sells_once_per_idempotency_key() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    assert_eq!(tokens.answer["expires_in"], 900);
    assert_eq!(claims(&tokens.access)["sub"], "ada");
    assert_eq!(claims(tokens.answer["id_token"].as_str().unwrap())["aud"], "till");

    let sale = json!({ "items": [{ "id": "espresso", "count": 2 }], "total_cents": 520 });
    let first = till.post_json("/api/sales", &tokens.access, &[("idempotency-key", "k1")], &sale).await;
    let again = till.post_json("/api/sales", &tokens.access, &[("idempotency-key", "k1")], &sale).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(first.json(), again.json());
    let other = json!({ "items": [{ "id": "filter" }], "total_cents": 340 });
    let refused = till.post_json("/api/sales", &tokens.access, &[("idempotency-key", "k1")], &other).await;
    assert_eq!(refused.status, 422);

    let listed = till.get("/api/sales", &tokens.access).await.json();
    assert_eq!(listed["sales"].as_array().unwrap().len(), 1);
    let seen = server.control().observations();
    assert_eq!(seen.sales["k1"], 2);
    assert_eq!(seen.duplicate_sales, 1);
    assert_eq!(seen.prompts["ada"], 1);
    assert_eq!(seen.identities_served["ada"], 4);
}

#[tokio::test]
async fn a_changed_secret_voids_access_tokens_and_a_hotfix_brings_them_back() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);

    control.change_secret(false);
    let rejected = till.get("/api/me", &tokens.access).await;
    assert_eq!(rejected.status, 401);
    assert!(rejected.header("www-authenticate").contains("error=\"invalid_token\""));
    assert_eq!(control.observations().tokens_rejected["unknown_key"], 1);
    let renewed = till.refreshed(&tokens.refresh).await;
    assert_eq!(till.get("/api/me", &renewed.access).await.status, 200);

    control.accept_old_secret_again();
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
    control.change_secret(true);
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
}

#[tokio::test]
async fn signed_refresh_tokens_die_with_the_secret_and_a_device_key_survives() {
    let (server, till) = start().await;
    let control = server.control();
    control.reconfigure(|config| config.refresh_tokens = RefreshTokens::Signed).unwrap();
    let tokens = till.sign_in().await;
    let key = DeviceKey::new(7);
    let kid = till.enroll(&tokens.access, &key).await;

    control.change_secret(false);
    let refused = till.refresh(&tokens.refresh).await;
    assert_eq!((refused.status.as_u16(), refused.text("error").as_str()), (400, "invalid_grant"));
    let assertion = key.assertion(&server, &kid, &json!({}));
    let back = till.assert(&assertion).await;
    assert_eq!(back.status, 200, "{:?}", back.body);
    assert_eq!(till.get("/api/me", &back.text("access_token")).await.text("sub"), "ada");
    assert_eq!(control.observations().prompts_in_all(), 1);

    let replayed = till.assert(&assertion).await;
    assert_eq!(replayed.text("error"), "invalid_grant");
}

#[tokio::test]
async fn legacy_rejections_have_no_challenge_and_the_chosen_status() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    server.control().reconfigure(|config| config.rejection = Rejection::legacy(403)).unwrap();
    server.control().change_secret(false);
    let rejected = till.get("/api/me", &tokens.access).await;
    assert_eq!(rejected.status, 403);
    assert_eq!(rejected.body, r#"{"error":"Token invalid"}"#);
    assert!(!rejected.headers.contains_key("www-authenticate"));
    assert_eq!(till.get("/userinfo", &tokens.access).await.status, 401);
}

#[tokio::test]
async fn reject_all_says_no_to_good_tokens_until_it_is_cleared() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    let set = till.control(Method::PUT, "/faults/reject_all", Some(json!({ "status": 401, "legacy": true }))).await;
    assert_eq!(set.status, 200, "{:?}", set.body);
    let rejected = till.get("/api/catalogue", &tokens.access).await;
    assert_eq!((rejected.status.as_u16(), rejected.text("error").as_str()), (401, "Token invalid"));
    assert_eq!(till.refresh(&tokens.refresh).await.status, 200);
    assert_eq!(till.control(Method::DELETE, "/faults/reject_all", None).await.status, 204);
    assert_eq!(till.get("/api/catalogue", &tokens.access).await.status, 200);
    assert!(server.control().faults().is_empty());
}

#[tokio::test]
async fn requests_wait_until_they_are_released() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.hold(Endpoint::Refresh);
    let waiting = tokio::spawn({
        let till = till.clone();
        async move { till.refresh(&tokens.refresh).await }
    });
    control.wait_for_held(1).await;
    assert_eq!(control.observations().in_flight, 0);
    assert_eq!(control.release(), 1);
    assert_eq!(waiting.await.unwrap().status, 200);
    assert_eq!(control.observations().held, 0);
}

#[tokio::test]
async fn a_held_client_that_goes_away_is_held_no_longer() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.hold(Endpoint::Me);
    let waiting = tokio::spawn(async move { till.get("/api/me", &tokens.access).await });
    control.wait_for_held(1).await;
    waiting.abort();
    control.wait_until(|seen| seen.held == 0 && seen.in_flight == 0).await;
    assert_eq!(control.observations().identities_served.get("ada"), None);
}

#[tokio::test]
async fn the_connection_is_cut_after_the_work_was_done() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.set_fault(Fault::drop_after_commit().at(Endpoint::Refresh).times(1)).unwrap();
    let fields = [("grant_type", "refresh_token"), ("client_id", "till"), ("refresh_token", tokens.refresh.as_str())];
    assert!(till.try_form("/token", &fields).await.is_none());
    assert_eq!(control.observations().requests[&Endpoint::Refresh].by_status["cut"], 1);
    assert_eq!(till.refresh(&tokens.refresh).await.text("error"), "invalid_grant");
    assert_eq!(control.observations().reuse_detections, 1);
}

#[tokio::test]
async fn an_unavailable_server_says_when_to_come_back_if_told_so() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.set_fault(Fault::status_with_retry_after(503, "120").at(Endpoint::Refresh).times(1)).unwrap();
    let answer = till.refresh(&tokens.refresh).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "120"));
    control.set_fault(Fault::status(429).at(Endpoint::Refresh).times(1)).unwrap();
    let answer = till.refresh(&tokens.refresh).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, ""));
    assert_eq!(till.refresh(&tokens.refresh).await.status, 200);
    assert_eq!(control.observations().requests_to(Endpoint::Refresh), 3);
}

#[tokio::test]
async fn time_stands_still_until_it_is_advanced() {
    let (server, till) = start().await;
    let control = server.control();
    let set =
        till.control(Method::POST, "/clock", Some(json!({ "virtual": true, "now_ms": 1_800_000_000_000_u64 }))).await;
    assert_eq!(set.json()["now_ms"], 1_800_000_000_000_u64);
    let tokens = till.sign_in().await;
    let answer = till.get("/api/me", &tokens.access).await;
    assert_eq!(answer.header("date"), "Fri, 15 Jan 2027 08:00:00 GMT");
    till.control(Method::POST, "/clock", Some(json!({ "advance_ms": 899_999 }))).await;
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
    control.advance(std::time::Duration::from_millis(1));
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 401);
    assert_eq!(control.observations().tokens_rejected["expired"], 1);
}

#[tokio::test]
async fn control_is_closed_without_its_token_and_to_foreign_hosts() {
    let (server, till) = start().await;
    let bare = till.send(Method::GET, "/control/observations", &[], "").await;
    assert_eq!(bare.status, 403);
    let token = ("x-mainstay-control", server.control_token());
    let rebound = till.send(Method::GET, "/control/observations", &[token, ("host", "evil.example:80")], "").await;
    assert_eq!(rebound.status, 403);
    assert_eq!(till.control(Method::GET, "/observations", None).await.status, 200);
}

#[tokio::test]
async fn the_answer_carries_state_and_issuer() {
    let (server, till) = start().await;
    let answer = till.authorize(&[("state", "s p"), ("nonce", "n1")]).await;
    assert_eq!(answer.status, 302);
    let location = answer.header("location");
    assert_eq!(parameter(location, "state"), "s p");
    assert_eq!(parameter(location, "iss"), server.issuer());
    let tokens = till.exchange(&parameter(location, "code")).await;
    assert_eq!(claims(&tokens.text("id_token"))["nonce"], "n1");
    let silent = till.authorize(&[("prompt", "none")]).await;
    assert_eq!(parameter(silent.header("location"), "error"), "login_required");
}
