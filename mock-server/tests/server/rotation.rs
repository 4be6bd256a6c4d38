//! What becomes of a used refresh token, profile by profile.

use std::time::Duration;

use mainstay_mock_server::{Endpoint, ExpiresIn, MockServer, RefreshAnswer, Rotation, fingerprint};
use serde_json::json;

use crate::{start_with, support::claims};

#[tokio::test]
async fn strict_revokes_the_session_at_the_first_reuse() {
    let (server, till) = start_with(MockServer::builder().profile(Rotation::Strict)).await;
    let first = till.sign_in().await;
    let second = till.refreshed(&first.refresh).await;
    assert_ne!(first.refresh, second.refresh);
    assert_eq!(till.refresh(&first.refresh).await.text("error"), "invalid_grant");
    assert_eq!(till.refresh(&second.refresh).await.text("error"), "invalid_grant");
    assert_eq!(till.get("/api/me", &second.access).await.status, 401);
    let seen = server.control().observations();
    assert_eq!((seen.reuse_detections, seen.sessions), (1, 0));
    assert_eq!(seen.refreshes_by_generation[&fingerprint(&first.refresh)], 2);
    assert_eq!(seen.requests_to(Endpoint::Refresh), 3);
}

#[tokio::test]
async fn grace_answers_the_previous_one_with_its_successor_until_the_window_closes() {
    let builder = MockServer::builder().profile(Rotation::Grace).virtual_clock(1_800_000_000_000);
    let (server, till) = start_with(builder).await;
    let control = server.control();
    let first = till.sign_in().await;
    let second = till.refreshed(&first.refresh).await;
    control.advance(Duration::from_millis(59_999));
    let again = till.refreshed(&first.refresh).await;
    assert_eq!(again.refresh, second.refresh);
    assert_ne!(again.access, second.access);
    control.advance(Duration::from_millis(1));
    assert_eq!(till.refresh(&first.refresh).await.text("error"), "invalid_grant");
    assert_eq!(control.observations().reuse_detections, 1);
}

#[tokio::test]
async fn grace_ends_as_soon_as_the_successor_was_used() {
    let (server, till) = start_with(MockServer::builder().profile(Rotation::Grace)).await;
    let first = till.sign_in().await;
    let second = till.refreshed(&first.refresh).await;
    till.refreshed(&second.refresh).await;
    assert_eq!(till.refresh(&first.refresh).await.text("error"), "invalid_grant");
    assert_eq!(server.control().observations().reuse_detections, 1);
}

#[tokio::test]
async fn until_used_keeps_the_previous_one_good_until_its_successor_was_used() {
    let builder = MockServer::builder().profile(Rotation::UntilUsed).virtual_clock(1_800_000_000_000);
    let (server, till) = start_with(builder).await;
    let first = till.sign_in().await;
    let second = till.refreshed(&first.refresh).await;
    server.control().advance(Duration::from_secs(86_400));
    assert_eq!(till.refreshed(&first.refresh).await.refresh, second.refresh);
    till.refreshed(&second.refresh).await;
    assert_eq!(till.refresh(&first.refresh).await.text("error"), "invalid_grant");
}

#[tokio::test]
async fn without_rotation_one_refresh_token_lasts() {
    let (_server, till) = start_with(MockServer::builder().profile(Rotation::Off)).await;
    let first = till.sign_in().await;
    for _ in 0..3 {
        let answer = till.refreshed(&first.refresh).await.answer;
        assert!(answer.get("refresh_token").is_none());
    }
}

#[tokio::test]
async fn a_refresh_answer_may_lack_repeat_or_empty_the_refresh_token_and_the_old_one_stays_good() {
    let (server, till) = start_with(MockServer::builder()).await;
    let first = till.sign_in().await;
    let cases = [
        (RefreshAnswer::Missing, None),
        (RefreshAnswer::Same, Some(first.refresh.as_str())),
        (RefreshAnswer::Empty, Some("")),
    ];
    for (answer, expected) in cases {
        server.control().reconfigure(|config| config.refresh_answer = answer).unwrap();
        let body = till.refreshed(&first.refresh).await.answer;
        assert_eq!(body.get("refresh_token").and_then(|token| token.as_str()), expected);
    }
}

#[tokio::test]
async fn expires_in_is_whatever_a_test_wants_it_to_be() {
    let (server, till) = start_with(MockServer::builder().access_token_lifetime(60)).await;
    let mut refresh = till.sign_in().await.refresh;
    let raws = [json!(0), json!("900"), json!(-1), json!(2_147_483_648_u64), json!(null), json!(1.5)];
    for raw in raws {
        server.control().reconfigure(|config| config.expires_in = ExpiresIn::Raw(raw.clone())).unwrap();
        let tokens = till.refreshed(&refresh).await;
        assert_eq!(tokens.answer["expires_in"], raw);
        let claims = claims(&tokens.access);
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
        refresh = tokens.refresh;
    }
    server.control().reconfigure(|config| config.expires_in = ExpiresIn::Missing).unwrap();
    assert!(till.refreshed(&refresh).await.answer.get("expires_in").is_none());
}

#[tokio::test]
async fn a_refresh_answer_may_come_without_an_id_token() {
    let (server, till) = start_with(MockServer::builder()).await;
    let first = till.sign_in().await;
    let second = till.refreshed(&first.refresh).await;
    assert_eq!(claims(second.answer["id_token"].as_str().unwrap())["sub"], "ada");
    server.control().reconfigure(|config| config.id_token_on_refresh = false).unwrap();
    assert!(till.refreshed(&second.refresh).await.answer.get("id_token").is_none());
}
