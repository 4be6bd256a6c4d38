//! The authorization server says no where the RFCs say so.

use http::Method;
use mainstay_mock_server::{Endpoint, MockServer};
use serde_json::json;

use crate::{
    start, start_with,
    support::{CLIENT, DeviceKey, REDIRECT, claims, parameter},
};

#[tokio::test]
async fn a_code_used_twice_revokes_what_it_gave() {
    let (server, till) = start().await;
    let code = parameter(till.authorize(&[]).await.header("location"), "code");
    let tokens = till.exchange(&code).await;
    assert_eq!(till.exchange(&code).await.text("error"), "invalid_grant");
    assert_eq!(till.get("/api/me", &tokens.text("access_token")).await.status, 401);
    assert_eq!(server.control().observations().reuse_detections, 1);
}

#[tokio::test]
async fn a_code_needs_its_verifier_its_client_and_its_redirect_uri() {
    let (server, till) = start().await;
    let code = parameter(till.authorize(&[]).await.header("location"), "code");
    let good = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("code", code.as_str()),
        ("code_verifier", crate::support::VERIFIER),
    ];
    for (name, wrong) in
        [("code_verifier", "wrong"), ("client_id", "other"), ("redirect_uri", "https://other.example/")]
    {
        let fields = good.map(|(known, value)| (known, if known == name { wrong } else { value }));
        assert_eq!(till.form("/token", &fields).await.text("error"), "invalid_grant", "{name}");
    }
    server.control().advance(std::time::Duration::from_secs(60));
    assert_eq!(till.form("/token", &good).await.text("error"), "invalid_grant");
}

#[tokio::test]
async fn a_request_that_asks_wrongly_goes_back_with_an_error() {
    let (server, till) = start().await;
    let cases = [
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("prompt", "none"), "login_required"),
    ];
    for (parameters, error) in cases {
        let answer = till.authorize(&[parameters, ("state", "s")]).await;
        let location = answer.header("location");
        assert_eq!((parameter(location, "error").as_str(), parameter(location, "state").as_str()), (error, "s"));
        assert_eq!(parameter(location, "iss"), server.issuer());
    }
    assert_eq!(server.control().observations().prompts_in_all(), 0);
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_an_apps() {
    let (_server, till) = start().await;
    let unsafe_ones = [
        "javascript:alert(1)",
        "data:text/html,x",
        "http://example.com/",
        "https://a.example/#f",
        "nonsense",
        "myapp:/x",
    ];
    for uri in unsafe_ones {
        let answer = till.authorize(&[("redirect_uri", uri)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (400, ""), "{uri}");
    }
    for uri in ["com.example.till:/callback", "http://[::1]:9/cb", "http://localhost:9/cb", "https://a.example/cb"] {
        assert_eq!(till.authorize(&[("redirect_uri", uri)]).await.status, 302, "{uri}");
    }
}

#[tokio::test]
async fn an_unknown_client_is_invalid() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    server.control().reconfigure(|config| config.client_ids = Some(vec!["other".into()])).unwrap();
    let answer = till.refresh(&tokens.refresh).await;
    assert_eq!((answer.status.as_u16(), answer.text("error").as_str()), (401, "invalid_client"));
    assert_eq!(till.authorize(&[]).await.status, 400);
}

#[tokio::test]
async fn a_refresh_gives_less_scope_if_asked_and_never_more() {
    let (_server, till) = start().await;
    let tokens = till.sign_in().await;
    let fields = |scope| {
        [
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT),
            ("refresh_token", tokens.refresh.as_str()),
            ("scope", scope),
        ]
    };
    assert_eq!(till.form("/token", &fields("openid moon")).await.text("error"), "invalid_scope");
    assert_eq!(till.form("/token", &fields("openid")).await.text("scope"), "openid");
}

#[tokio::test]
async fn each_grant_counts_as_an_endpoint_of_its_own() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    till.refresh(&tokens.refresh).await;
    till.assert("nonsense").await;
    till.form("/token", &[("grant_type", "password")]).await;
    let seen = server.control().observations();
    let counted = [Endpoint::Token, Endpoint::Refresh, Endpoint::JwtBearer].map(|endpoint| seen.requests_to(endpoint));
    assert_eq!((counted, seen.token_requests()), ([2, 1, 1], 4));
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_the_session_and_an_unknown_token_is_no_error() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    assert_eq!(till.form("/revoke", &[("token", "unknown"), ("client_id", CLIENT)]).await.status, 200);
    assert_eq!(till.form("/revoke", &[("token", &tokens.refresh), ("client_id", "other")]).await.status, 200);
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
    assert_eq!(till.form("/revoke", &[("token", &tokens.refresh), ("client_id", CLIENT)]).await.status, 200);
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 401);
    let seen = server.control().observations();
    assert_eq!((seen.revoked, seen.tokens_rejected["revoked"]), (1, 1));
}

#[tokio::test]
async fn revoking_an_access_token_leaves_the_session() {
    let (_server, till) = start().await;
    let tokens = till.sign_in().await;
    till.form("/revoke", &[("token", &tokens.access), ("client_id", CLIENT)]).await;
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 401);
    assert_eq!(till.refresh(&tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn only_access_tokens_of_this_server_for_this_api_are_accepted() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    let id_token = tokens.answer["id_token"].as_str().unwrap();
    let elsewhere =
        parameter(till.authorize(&[("resource", "https://other.example/")]).await.header("location"), "code");
    let elsewhere = till.exchange(&elsewhere).await.text("access_token");
    let (head, signature) = tokens.access.rsplit_once('.').unwrap();
    let other_first = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{head}.{other_first}{}", &signature[1..]);
    let cases = [
        (id_token, "malformed"),
        (&elsewhere, "wrong_audience"),
        (forged.as_str(), "bad_signature"),
        ("x", "malformed"),
    ];
    for (token, reason) in cases {
        let before = server.control().observations().tokens_rejected.get(reason).copied().unwrap_or(0);
        assert_eq!(till.get("/api/me", token).await.status, 401, "{reason}");
        assert_eq!(server.control().observations().tokens_rejected[reason], before + 1);
    }
    let bare = till.send(Method::GET, "/api/me", &[], "").await;
    assert!(!bare.header("www-authenticate").contains("error"));
}

#[tokio::test]
async fn an_es256_token_dies_with_its_key_in_the_jwks() {
    let builder = MockServer::builder().algorithm(mainstay_mock_server::Algorithm::Es256);
    let (server, till) = start_with(builder).await;
    let tokens = till.sign_in().await;
    let before = till.get("/jwks", "").await.json();
    server.control().rotate_jwks(false);
    let after = till.get("/jwks", "").await.json();
    assert_eq!(after["keys"].as_array().unwrap().len(), 1);
    assert_ne!(before["keys"][0]["kid"], after["keys"][0]["kid"]);
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 401);
    assert_eq!(till.refresh(&tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn an_assertion_must_be_fresh_for_this_server_and_by_an_enrolled_key() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    let key = DeviceKey::new(9);
    let kid = till.enroll(&tokens.access, &key).await;
    let now = server.control().clock().now_ms / 1000;
    let wrong = [
        json!({ "aud": "https://other.example" }),
        json!({ "sub": "grace" }),
        json!({ "iss": "somebody" }),
        json!({ "exp": now - 1 }),
        json!({ "exp": now + 3600 }),
        json!({ "nbf": now + 30 }),
        json!({ "jti": "" }),
    ];
    for claims in wrong {
        let answer = till.assert(&key.assertion(&server, &kid, &claims)).await;
        assert_eq!((answer.status.as_u16(), answer.text("error").as_str()), (400, "invalid_grant"), "{claims}");
    }
    let stranger = DeviceKey::new(8).assertion(&server, &kid, &json!({}));
    assert_eq!(till.assert(&stranger).await.text("error"), "invalid_grant");
    for good in [json!({ "iss": kid }), json!({ "aud": [format!("{}/token", server.issuer())] })] {
        assert_eq!(till.assert(&key.assertion(&server, &kid, &good)).await.status, 200, "{good}");
    }
}

#[tokio::test]
async fn a_device_key_belongs_to_who_enrolled_it() {
    let (server, till) = start().await;
    let adas = till.sign_in().await;
    let key = DeviceKey::new(5);
    let kid = till.enroll(&adas.access, &key).await;
    server.control().script_sign_in("grace");
    let graces = till.sign_in().await;
    let taken = till.post_json("/enroll", &graces.access, &[], &json!({ "jwk": key.jwk() })).await;
    assert_eq!(taken.status, 409);
    let bearer = format!("Bearer {}", graces.access);
    let path = format!("/enroll/{kid}");
    assert_eq!(till.send(Method::DELETE, &path, &[("authorization", &bearer)], "").await.status, 404);
    server.control().revoke_sessions("ada", true);
    assert_eq!(server.control().observations().enrolments, 0);
    assert_eq!(till.refresh(&adas.refresh).await.text("error"), "invalid_grant");
    assert_eq!(till.assert(&key.assertion(&server, &kid, &json!({}))).await.text("error"), "invalid_grant");
    assert_eq!(till.get("/api/me", &graces.access).await.status, 200);
}

#[tokio::test]
async fn only_public_p256_keys_are_enrolled() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    let good = DeviceKey::new(4).jwk();
    let with = |name: &str, value: serde_json::Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let wrong = [
        with("kty", json!("RSA")),
        with("crv", json!("P-384")),
        with("d", json!("AA")),
        with("x", json!("AA")),
        json!(7),
    ];
    for jwk in wrong {
        assert_eq!(till.post_json("/enroll", &tokens.access, &[], &json!({ "jwk": jwk })).await.status, 400, "{jwk}");
    }
    assert_eq!(server.control().observations().enrolments, 0);
}

#[tokio::test]
async fn losing_the_session_store_voids_refresh_tokens_only() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    let key = DeviceKey::new(6);
    let kid = till.enroll(&tokens.access, &key).await;
    server.control().wipe_sessions();
    assert_eq!(till.refresh(&tokens.refresh).await.text("error"), "invalid_grant");
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
    assert_eq!(till.assert(&key.assertion(&server, &kid, &json!({}))).await.status, 200);
}

#[tokio::test]
async fn a_reset_goes_back_to_the_start() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.set_fault(mainstay_mock_server::Fault::html()).unwrap();
    control.reconfigure(|config| config.access_token_lifetime = 5).unwrap();
    control.reset();
    assert_eq!(till.refresh(&tokens.refresh).await.text("error"), "invalid_grant");
    assert_eq!((control.config().access_token_lifetime, control.faults().len()), (900, 0));
    assert_eq!(claims(&till.sign_in().await.access)["sub"], "ada");
    assert_eq!(control.observations().in_flight, 0);
}
