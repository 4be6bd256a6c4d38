//! The session store, out of reach: what a server does then is what people remember.

use http::Method;
use mainstay_mock_server::{MockServer, StartError, StoreChange, StoreFailure};
use serde_json::json;

use crate::{
    start,
    support::{Till, Tokens, claims, parameter},
};

/// Two people at two tills, the second of whom was the last one that the server answered.
async fn ada_and_grace() -> (MockServer, Till, Tokens, Tokens) {
    let (server, till) = start().await;
    let ada = till.sign_in().await;
    server.control().script_sign_in("grace");
    let grace = till.sign_in().await;
    for tokens in [&ada, &grace] {
        assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
    }
    (server, till, ada, grace)
}

#[tokio::test]
async fn a_server_that_fails_closed_says_so_and_loses_nothing() {
    let (server, till, ada, _) = ada_and_grace().await;
    let control = server.control();
    control.cut_off_session_store(StoreFailure::Closed);
    let me = till.get("/api/me", &ada.access).await;
    assert_eq!((me.status.as_u16(), me.text("error").as_str()), (503, "temporarily_unavailable"));
    assert_eq!(till.refresh(&ada.refresh).await.status, 503);
    let code = parameter(till.authorize(&[]).await.header("location"), "code");
    assert_eq!(till.exchange(&code).await.status, 503);
    assert_eq!(till.admin(0, Method::GET, "/sessions", None).await.status, 503);
    assert!(control.observations().tokens_rejected.is_empty());

    control.reconnect_session_store();
    assert_eq!(till.get("/api/me", &ada.access).await.text("sub"), "ada");
    assert_eq!(till.refresh(&ada.refresh).await.status, 200);
}

#[tokio::test]
async fn a_server_that_takes_no_answer_for_a_no_rejects_everybody() {
    let (server, till, ada, _) = ada_and_grace().await;
    let control = server.control();
    control.cut_off_session_store(StoreFailure::Denies);
    assert_eq!(till.get("/api/me", &ada.access).await.status, 401);
    let refused = till.refresh(&ada.refresh).await;
    assert_eq!((refused.status.as_u16(), refused.text("error").as_str()), (400, "invalid_grant"));
    assert_eq!(control.observations().tokens_rejected["no_session"], 1);

    control.reconnect_session_store();
    assert_eq!(till.get("/api/me", &ada.access).await.status, 200);
    assert_eq!(till.refresh(&ada.refresh).await.status, 200);
}

#[tokio::test]
async fn a_server_that_fails_open_shows_everybody_the_session_that_it_read_last() {
    let (server, till, ada, grace) = ada_and_grace().await;
    let control = server.control();
    let sale = json!({ "items": [{ "id": "filter" }], "total_cents": 340 });
    till.post_json("/api/sales", &grace.access, &[], &sale).await;
    control.cut_off_session_store(StoreFailure::Open);
    assert_eq!(till.get("/api/me", &ada.access).await.text("sub"), "grace");
    assert_eq!(till.get("/userinfo", &ada.access).await.text("sub"), "grace");
    assert_eq!(till.get("/api/sales", &ada.access).await.json()["sales"].as_array().unwrap().len(), 1);
    let foreign = till.refreshed(&ada.refresh).await;
    assert_eq!(claims(&foreign.access)["sub"], "grace");
    control.script_sign_in("linus");
    let signed_in = till.sign_in().await;
    assert_eq!(claims(signed_in.answer["id_token"].as_str().unwrap())["sub"], "grace");

    control.reconnect_session_store();
    assert_eq!(till.get("/api/me", &ada.access).await.text("sub"), "ada");
    assert_eq!(till.refresh(&foreign.refresh).await.text("error"), "invalid_grant");
    assert_eq!(till.get("/api/me", &till.refreshed(&ada.refresh).await.access).await.text("sub"), "ada");
}

#[tokio::test]
async fn the_shared_session_may_be_that_of_somebody_who_never_was_here() {
    let (server, till) = start().await;
    let ada = till.sign_in().await;
    server.control().session_store(&StoreChange::CutOff { failing: StoreFailure::Open, person: Some("linus".into()) });
    assert_eq!(till.get("/api/me", &ada.access).await.text("sub"), "linus");
    server.control().session_store(&StoreChange::Reconnect);
    assert_eq!(till.get("/api/me", &ada.access).await.text("sub"), "ada");
}

#[tokio::test]
async fn a_server_that_has_no_session_in_its_hands_cannot_share_one() {
    let (server, till) = start().await;
    server.control().cut_off_session_store(StoreFailure::Open);
    let code = parameter(till.authorize(&[]).await.header("location"), "code");
    assert_eq!(till.exchange(&code).await.status, 503);
}

#[tokio::test]
async fn what_is_lost_while_the_store_is_cut_off_stays_lost() {
    let (server, till, ada, _) = ada_and_grace().await;
    let control = server.control();
    control.cut_off_session_store(StoreFailure::Closed);
    control.wipe_sessions();
    control.reconnect_session_store();
    assert_eq!(till.refresh(&ada.refresh).await.text("error"), "invalid_grant");
    assert_eq!(till.get("/api/me", &ada.access).await.status, 200);
}

#[tokio::test]
async fn a_server_does_not_start_on_a_store_that_does_not_answer() {
    for address in ["http://127.0.0.1:1", "redis://127.0.0.1:1"] {
        let refused = MockServer::builder().sessions(address).start().await.unwrap_err();
        assert!(matches!(refused, StartError::SessionStore(..)), "{refused}");
        assert!(refused.to_string().contains(address));
    }
}
