//! Proofs of possession, as the server checks them (RFC 9449).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use mainstay_mock_server::MockServer;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    start,
    support::{Answer, CLIENT, DeviceKey, REDIRECT, Till, Tokens, VERIFIER, claims, parameter},
};

/// A proof for one request with members more or others; `null` takes one away.
fn proof(server: &MockServer, key: &DeviceKey, (method, path): (&str, &str), other: &Value) -> String {
    let mut payload = json!({
        "htm": method, "htu": format!("{}{path}", server.issuer()), "iat": server.control().clock().now_ms / 1000,
        "jti": format!("{method} {path} {other}"),
    });
    payload.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    payload.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    key.signed(&json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk() }), &payload)
}

async fn token(till: &Till, fields: &[(&str, &str)], proof: &str) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("dpop", proof)];
    till.send(Method::POST, "/token", &headers, body).await
}

async fn sign_in(server: &MockServer, till: &Till, key: &DeviceKey) -> Tokens {
    let code = parameter(till.authorize(&[]).await.header("location"), "code");
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let proof = proof(server, key, ("POST", "/token"), &json!({ "jti": code }));
    Tokens::from(&token(till, &fields, &proof).await)
}

async fn me(till: &Till, scheme: &str, token: &str, proof: Option<&str>) -> Answer {
    let authorization = format!("{scheme} {token}");
    let mut headers = vec![("authorization", authorization.as_str())];
    headers.extend(proof.map(|proof| ("dpop", proof)));
    till.send(Method::GET, "/api/me", &headers, "").await
}

#[tokio::test]
async fn a_bound_token_is_good_with_its_key_s_proof_and_with_no_other() {
    let ((server, till), key) = (start().await, DeviceKey::new(5));
    let tokens = sign_in(&server, &till, &key).await;
    assert_eq!(tokens.answer["token_type"], "DPoP");
    assert!(claims(&tokens.access)["cnf"]["jkt"].is_string());
    let ath = URL_SAFE_NO_PAD.encode(Sha256::digest(&tokens.access));
    let good = proof(&server, &key, ("GET", "/api/me"), &json!({ "ath": ath }));
    assert_eq!(me(&till, "DPoP", &tokens.access, Some(&good)).await.status, 200);
    let replayed = me(&till, "DPoP", &tokens.access, Some(&good)).await;
    assert_eq!(replayed.status, 401);
    assert!(replayed.header("www-authenticate").contains("invalid_dpop_proof"));
    assert_eq!(server.control().observations().replayed_proofs, 1);
    for wrong in [
        json!({ "ath": null, "jti": "1" }),
        json!({ "ath": "another", "jti": "2" }),
        json!({ "ath": ath, "jti": null }),
        json!({ "ath": ath, "jti": "4", "htm": "POST" }),
        json!({ "ath": ath, "jti": "5", "htu": "https://elsewhere.example/api/me" }),
        json!({ "ath": ath, "jti": "6", "iat": 1 }),
    ] {
        let proof = proof(&server, &key, ("GET", "/api/me"), &wrong);
        assert_eq!(me(&till, "DPoP", &tokens.access, Some(&proof)).await.status, 401, "{wrong}");
    }
    let thief = proof(&server, &DeviceKey::new(6), ("GET", "/api/me"), &json!({ "ath": ath, "jti": "7" }));
    assert_eq!(me(&till, "DPoP", &tokens.access, Some(&thief)).await.status, 401);
    assert_eq!(me(&till, "DPoP", &tokens.access, None).await.status, 401);
    assert_eq!(me(&till, "Bearer", &tokens.access, None).await.status, 401);
    // And a bearer token is not made better by a proof.
    let bearer = till.sign_in().await.access;
    let ath = URL_SAFE_NO_PAD.encode(Sha256::digest(&bearer));
    let proof = proof(&server, &key, ("GET", "/api/me"), &json!({ "ath": ath }));
    assert_eq!(me(&till, "DPoP", &bearer, Some(&proof)).await.status, 401);
    assert_eq!(me(&till, "Bearer", &bearer, None).await.status, 200);
}

#[tokio::test]
async fn a_bound_refresh_token_needs_its_key_and_survives_a_thief() {
    let ((server, till), key) = (start().await, DeviceKey::new(5));
    let tokens = sign_in(&server, &till, &key).await;
    let fields = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", tokens.refresh.as_str())];
    assert_eq!(till.form("/token", &fields).await.text("error"), "invalid_grant");
    let thief = proof(&server, &DeviceKey::new(6), ("POST", "/token"), &json!({}));
    assert_eq!(token(&till, &fields, &thief).await.text("error"), "invalid_grant");
    let own = proof(&server, &key, ("POST", "/token"), &json!({}));
    assert_eq!(token(&till, &fields, &own).await.status, 200);
    assert_eq!(server.control().observations().reuse_detections, 0);
}

#[tokio::test]
async fn a_proof_without_the_nonce_is_told_it_and_spends_nothing() {
    let ((server, till), key) = (start().await, DeviceKey::new(5));
    server.control().reconfigure(|config| config.dpop_nonce_seconds = Some(60)).unwrap();
    let code = parameter(till.authorize(&[]).await.header("location"), "code");
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let first = token(&till, &fields, &proof(&server, &key, ("POST", "/token"), &json!({ "jti": "1" }))).await;
    assert_eq!((first.status.as_u16(), first.text("error").as_str()), (400, "use_dpop_nonce"));
    let nonce = first.header("dpop-nonce").to_owned();
    let second = proof(&server, &key, ("POST", "/token"), &json!({ "jti": "2", "nonce": nonce }));
    let tokens = Tokens::from(&token(&till, &fields, &second).await);
    // The API has a nonce of its own.
    let ath = URL_SAFE_NO_PAD.encode(Sha256::digest(&tokens.access));
    let wrong = proof(&server, &key, ("GET", "/api/me"), &json!({ "ath": ath, "jti": "3", "nonce": nonce }));
    let refused = me(&till, "DPoP", &tokens.access, Some(&wrong)).await;
    assert!(refused.header("www-authenticate").contains("use_dpop_nonce"));
    let nonce = refused.header("dpop-nonce");
    let right = proof(&server, &key, ("GET", "/api/me"), &json!({ "ath": ath, "jti": "4", "nonce": nonce }));
    assert_eq!(me(&till, "DPoP", &tokens.access, Some(&right)).await.status, 200);
}

#[tokio::test]
async fn a_server_that_requires_proofs_gives_nothing_without_one() {
    let (server, till) = start().await;
    server.control().reconfigure(|config| config.dpop_required = true).unwrap();
    let code = parameter(till.authorize(&[]).await.header("location"), "code");
    let refused = till.exchange(&code).await;
    assert_eq!((refused.status.as_u16(), refused.text("error").as_str()), (400, "invalid_dpop_proof"));
    let tokens = sign_in(&server, &till, &DeviceKey::new(5)).await;
    assert_eq!(tokens.answer["token_type"], "DPoP");
}

#[tokio::test]
async fn keys_are_asked_for_by_their_tag() {
    let (server, till) = start().await;
    let first = till.send(Method::GET, "/jwks", &[], "").await;
    let tag = first.header("etag").to_owned();
    let again = till.send(Method::GET, "/jwks", &[("if-none-match", &tag)], "").await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    server.control().rotate_jwks(false);
    let rotated = till.send(Method::GET, "/jwks", &[("if-none-match", &tag)], "").await;
    assert_eq!(rotated.status, 200);
    assert_ne!(rotated.header("etag"), tag);
}
