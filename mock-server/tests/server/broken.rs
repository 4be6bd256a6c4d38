//! Faults of whole deployments: too much load, caches, portals, and answers that break off.

use std::time::Duration;

use mainstay_mock_server::{Endpoint, Fault, MockServer, Scope, WrongRetryAfter};
use serde_json::json;

use crate::{
    start, start_with,
    support::{DeviceKey, Till, parameter},
};

const NOW_MS: u64 = 1_800_000_000_000;

async fn at_noon() -> (MockServer, Till) {
    start_with(MockServer::builder().virtual_clock(NOW_MS)).await
}

#[tokio::test]
async fn a_share_of_the_devices_is_struck_and_always_the_same_ones() {
    let (server, till) = start().await;
    let control = server.control();
    let mut devices = Vec::new();
    for _ in 0..20 {
        devices.push(till.sign_in().await);
    }
    control.set_fault(Fault::status(503).at(Endpoint::Me).devices(0.3)).unwrap();
    let mut struck = Vec::new();
    for device in &mut devices {
        let first = till.get("/api/me", &device.access).await.status;
        assert_eq!(till.get("/api/me", &device.access).await.status, first);
        *device = till.refreshed(&device.refresh).await;
        assert_eq!(till.get("/api/me", &device.access).await.status, first);
        struck.push(first == 503);
    }
    assert!(struck[0], "who signed in first is struck first");
    let count = struck.iter().filter(|struck| **struck).count();
    assert!((5..=7).contains(&count), "{count} of 20");
    assert_eq!(till.get("/api/me", "").await.status, 401);

    assert!(control.clear_fault("status"));
    assert_eq!(till.get("/api/me", &devices[0].access).await.status, 200);
}

#[tokio::test]
async fn a_device_key_belongs_to_the_device_that_enrolled_it() {
    let (server, till) = start().await;
    let (first, second) = (till.sign_in().await, till.sign_in().await);
    let mut answered = Vec::new();
    for (tokens, seed) in [(first, 4), (second, 5)] {
        let key = DeviceKey::new(seed);
        let kid = till.enroll(&tokens.access, &key).await;
        let scope = [Endpoint::JwtBearer, Endpoint::Refresh, Endpoint::Me];
        server.control().set_fault(Fault::status(503).at(scope).devices(0.5)).unwrap();
        answered.push(till.assert(&key.assertion(&server, &kid, &json!({}))).await.status.as_u16());
        answered.push(till.refresh(&tokens.refresh).await.status.as_u16());
        server.control().clear_faults();
        let renewed = till.assert(&key.assertion(&server, &kid, &json!({}))).await.text("access_token");
        server.control().set_fault(Fault::status(503).at(scope).devices(0.5)).unwrap();
        answered.push(till.get("/api/me", &renewed).await.status.as_u16());
        server.control().clear_faults();
    }
    assert_eq!(answered, [503, 503, 503, 200, 200, 200]);
}

#[tokio::test]
async fn a_server_in_a_brown_out_is_slow_and_fails_as_its_load_has_it() {
    let (server, till) = at_noon().await;
    let control = server.control();
    control.set_fault(Fault::brown_out(2).at(Endpoint::Jwks)).unwrap();
    assert_eq!(till.get("/jwks", "").await.status, 200);
    // The line is 5 s long after ten more: everybody who comes then goes away at once.
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let till = till.clone();
            tokio::spawn(async move { till.get("/jwks", "").await.status.as_u16() })
        })
        .collect();
    control.wait_until(|seen| seen.sleeping == 10).await;
    assert_eq!(till.get("/jwks", "").await.status, 503);
    control.advance(Duration::from_millis(500));
    control.wait_until(|seen| seen.answered(Endpoint::Jwks, 200) == 2).await;
    assert_eq!(control.observations().sleeping, 9);
    control.advance(Duration::from_secs(5));
    for answered in waiting {
        assert_eq!(answered.await.unwrap(), 200);
    }
    assert_eq!(till.get("/jwks", "").await.status, 200);
    control.clear_faults();
    for _ in 0..20 {
        assert_eq!(till.get("/jwks", "").await.status, 200);
    }
}

#[tokio::test]
async fn a_cache_for_everybody_shows_one_person_to_all_until_it_is_gone() {
    let (server, till) = at_noon().await;
    let control = server.control();
    let grace = {
        let answer = till.authorize(&[]).await;
        let ada = till.exchange(&parameter(answer.header("location"), "code")).await.text("access_token");
        control.script_sign_in("grace");
        let grace = till.sign_in().await;
        control.set_fault(Fault::shared_cache()).unwrap();
        assert_eq!(till.get("/api/me", &ada).await.text("sub"), "ada");
        grace
    };
    control.advance(Duration::from_secs(90));
    let foreign = till.get("/api/me", &grace.access).await;
    assert_eq!((foreign.text("sub").as_str(), foreign.header("age")), ("ada", "90"));
    assert_eq!(control.observations().identities_served.get("grace"), None);
    control
        .set_fault(Fault {
            kind: mainstay_mock_server::FaultKind::SharedCache { marked: false },
            ..Fault::shared_cache()
        })
        .unwrap();
    assert_eq!(till.get("/api/me", &grace.access).await.text("sub"), "grace");
    assert_eq!(till.get("/api/me", &grace.access).await.header("age"), "");
    control.clear_faults();
    assert_eq!(till.get("/api/me", &grace.access).await.text("sub"), "grace");
}

#[tokio::test]
async fn a_cache_in_front_of_the_token_endpoint_gives_two_devices_one_token() {
    let (server, till) = start().await;
    let (first, second) = (till.sign_in().await, till.sign_in().await);
    server.control().set_fault(Fault::shared_cache().at(Endpoint::Refresh)).unwrap();
    let tokens = [till.refreshed(&first.refresh).await, till.refreshed(&second.refresh).await];
    assert_eq!(tokens[0].access, tokens[1].access);
    server.control().clear_faults();
    assert_ne!(till.refreshed(&second.refresh).await.access, tokens[0].access);
}

#[tokio::test]
async fn nothing_gets_through_a_captive_portal() {
    let (server, till) = start().await;
    let tokens = till.sign_in().await;
    server.control().set_fault(Fault::portal()).unwrap();
    for path in ["/api/me", "/jwks", "/.well-known/mainstay-status"] {
        let answer = till.get(path, &tokens.access).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/html; charset=utf-8"));
    }
    assert_eq!(till.refresh(&tokens.refresh).await.header("content-type"), "text/html; charset=utf-8");
    server.control().set_fault(Fault::portal_at("http://portal.example/login")).unwrap();
    let answer = till.refresh(&tokens.refresh).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (302, "http://portal.example/login"));
    server.control().clear_faults();
    assert_eq!(till.refresh(&tokens.refresh).await.status, 200);
}

#[tokio::test]
async fn a_useless_retry_after_is_what_it_is_said_to_be() {
    let (server, till) = at_noon().await;
    let cases = [
        (WrongRetryAfter::PastDate, "Fri, 15 Jan 2027 07:00:00 GMT"),
        (WrongRetryAfter::FarDate, "Sat, 15 Jan 2028 08:00:00 GMT"),
        (WrongRetryAfter::Huge, "99999999999999999999"),
        (WrongRetryAfter::Negative, "-30"),
        (WrongRetryAfter::Garbage, "soon"),
        (WrongRetryAfter::Empty, ""),
    ];
    for (how, expected) in cases {
        server.control().set_fault(Fault::wrong_retry_after(429, how).at(Scope::authorization_server())).unwrap();
        let answer = till.get("/jwks", "").await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, expected));
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert!(server.control().clear_fault("wrong_retry_after"));
    assert_eq!(till.get("/jwks", "").await.status, 200);
}

#[tokio::test]
async fn an_answer_that_breaks_off_shows_that_the_work_was_done() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.set_fault(Fault::cut_short(17).at(Endpoint::Refresh).times(1)).unwrap();
    let fields = [("grant_type", "refresh_token"), ("client_id", "till"), ("refresh_token", &*tokens.refresh)];
    let (head, body, broke_off) = till.until_it_breaks("/token", &fields).await;
    assert_eq!((head.as_u16(), body.len(), broke_off), (200, 17, true));
    assert_eq!(body, b"{\"access_token\":\""[..]);
    assert_eq!(control.requests().last().unwrap().status.as_deref(), Some("cut"));
    // It was done: the refresh token is spent, and showing it again is taken for theft.
    assert_eq!(till.refresh(&tokens.refresh).await.status, 400);
    let tokens = till.sign_in().await;
    let (head, _, broke_off) = till
        .until_it_breaks(
            "/token",
            &[("grant_type", "refresh_token"), ("client_id", "till"), ("refresh_token", &*tokens.refresh)],
        )
        .await;
    assert_eq!((head.as_u16(), broke_off), (200, false));
}

#[tokio::test]
async fn a_key_set_is_replaced_with_an_overlap_or_without_one() {
    let (server, till) = start().await;
    let control = server.control();
    let kids = async || -> Vec<String> {
        let keys = till.get("/jwks", "").await.json();
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    control.reconfigure(|config| config.algorithm = mainstay_mock_server::Algorithm::Es256).unwrap();
    let tokens = till.sign_in().await;
    control.rotate_jwks(true);
    assert_eq!(kids().await, ["es-2", "es-3"]);
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
    control.reset();
    control.script_sign_in("ada");
    control.reconfigure(|config| config.algorithm = mainstay_mock_server::Algorithm::Es256).unwrap();
    let tokens = till.sign_in().await;
    control.rotate_jwks(false);
    assert_eq!(kids().await, ["es-3"]);
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 401);
    control.restore_jwks();
    assert_eq!(kids().await, ["es-2", "es-3"]);
    assert_eq!(till.get("/api/me", &tokens.access).await.status, 200);
}
