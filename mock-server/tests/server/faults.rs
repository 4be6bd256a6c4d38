//! Each fault does what it says, where it stands, as often as it was told.

use std::{collections::BTreeMap, time::Duration};

use http::Method;
use mainstay_mock_server::{Body, Endpoint, Fault, FaultKind, MockServer, Place, Scope};
use serde_json::json;

use crate::{start, start_with, support::claims};

#[tokio::test]
async fn a_page_comes_where_json_was_due() {
    let (server, till) = start().await;
    server.control().set_fault(Fault::html().at(Endpoint::Discovery)).unwrap();
    let answer = till.get("/.well-known/openid-configuration", "").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(till.get("/jwks", "").await.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_share_strikes_evenly_and_the_same_way_every_time() {
    let (server, till) = start().await;
    server.control().set_fault(Fault::status(503).at(Endpoint::Jwks).share(0.25)).unwrap();
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(till.get("/jwks", "").await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 503, 200, 200, 200, 503]);
}

#[tokio::test]
async fn a_fault_is_gone_after_it_struck_its_times() {
    let (server, till) = start().await;
    server.control().set_fault(Fault::status(500).at(Endpoint::Jwks).times(2)).unwrap();
    for expected in [500, 500, 200] {
        assert_eq!(till.get("/jwks", "").await.status, expected);
    }
    assert!(server.control().faults().is_empty());
}

#[tokio::test]
async fn two_faults_of_one_kind_stand_beside_each_other() {
    let (server, till) = start().await;
    let control = server.control();
    control.set_named_fault("status.keys", Fault::status(503).at(Endpoint::Jwks)).unwrap();
    control.set_named_fault("status.me", Fault::status(429).at(Scope::api())).unwrap();
    assert_eq!(till.get("/jwks", "").await.status, 503);
    assert_eq!(till.get("/api/me", "").await.status, 429);
    assert!(control.set_named_fault("html.me", Fault::status(429)).is_err());
    assert!(control.clear_fault("status.me"));
    assert_eq!(control.faults().len(), 1);
}

#[tokio::test]
async fn a_scope_names_sides_endpoints_or_several_of_them() {
    let (server, till) = start().await;
    let scopes = [(json!("as"), [503, 401]), (json!("api"), [200, 503]), (json!(["jwks", "me"]), [503, 503])];
    for (scope, expected) in scopes {
        till.control(Method::PUT, "/faults/status", Some(json!({ "status": 503, "scope": scope }))).await;
        let seen = [till.get("/jwks", "").await.status.as_u16(), till.get("/api/me", "").await.status.as_u16()];
        assert_eq!(seen, expected, "{scope}");
    }
    assert_eq!(
        Scope::from([Place::Api, Place::One(Endpoint::Jwks)]),
        serde_json::from_value(json!(["api", "jwks"])).unwrap()
    );
    drop(server);
}

#[tokio::test]
async fn work_done_before_a_failing_answer_stays_done() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.set_fault(Fault::status(500).at(Endpoint::Sales).times(1).after_commit()).unwrap();
    let sale = json!({ "items": [{ "id": "filter" }], "total_cents": 340 });
    let failed = till.post_json("/api/sales", &tokens.access, &[("idempotency-key", "k")], &sale).await;
    let again = till.post_json("/api/sales", &tokens.access, &[("idempotency-key", "k")], &sale).await;
    assert_eq!((failed.status.as_u16(), again.status.as_u16()), (500, 200));
    assert_eq!(control.observations().duplicate_sales, 1);
}

#[tokio::test]
async fn slow_answers_wait_for_the_servers_own_clock() {
    let (server, till) = start_with(MockServer::builder().virtual_clock(1_800_000_000_000)).await;
    let control = server.control();
    control.set_fault(Fault::slow(Duration::from_secs(3600)).at(Endpoint::Jwks)).unwrap();
    let waiting = tokio::spawn({
        let till = till.clone();
        async move { till.get("/jwks", "").await.status }
    });
    control.wait_until(|seen| seen.sleeping == 1).await;
    assert_eq!(control.observations().in_flight, 0);
    control.advance(Duration::from_millis(3_599_999));
    assert_eq!(control.observations().sleeping, 1);
    control.advance(Duration::from_millis(1));
    assert_eq!(waiting.await.unwrap(), 200);
    assert_eq!(control.observations().sleeping, 0);
}

#[tokio::test]
async fn held_requests_go_oldest_first_and_taking_the_fault_away_lets_all_go() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.hold(Endpoint::Sales);
    let mut selling = Vec::new();
    for key in ["first", "second", "third"] {
        let (till, access) = (till.clone(), tokens.access.clone());
        let sale = json!({ "items": [{ "id": key }], "total_cents": 1 });
        selling.push(tokio::spawn(async move {
            till.post_json("/api/sales", &access, &[("idempotency-key", key)], &sale).await.status
        }));
        control.wait_for_held(u64::try_from(selling.len()).unwrap()).await;
    }
    assert_eq!(control.release_oldest(1), 1);
    control.wait_until(|seen| seen.sales.len() == 1).await;
    assert!(control.observations().sales.contains_key("first"));
    assert!(control.clear_fault("hold"));
    for sold in selling {
        assert_eq!(sold.await.unwrap(), 201);
    }
}

#[tokio::test]
async fn an_answer_may_be_held_after_the_work_was_done() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.set_fault(Fault::hold().at(Endpoint::Refresh).after_commit()).unwrap();
    let waiting = tokio::spawn(async move { till.refresh(&tokens.refresh).await.status });
    control.wait_for_held(1).await;
    assert_eq!(control.observations().tokens_issued, 2);
    control.release();
    assert_eq!(waiting.await.unwrap(), 200);
}

#[tokio::test]
async fn a_mixed_up_server_answers_about_somebody_else() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.set_fault(Fault::foreign_identity("grace").at([Endpoint::Me, Endpoint::Refresh])).unwrap();
    assert_eq!(till.get("/api/me", &tokens.access).await.text("sub"), "grace");
    let foreign = till.refreshed(&tokens.refresh).await;
    assert_eq!(claims(&foreign.access)["sub"], "grace");
    assert_eq!(claims(foreign.answer["id_token"].as_str().unwrap())["sub"], "grace");
    control.clear_faults();
    assert_eq!(till.get("/api/me", &till.refreshed(&foreign.refresh).await.access).await.text("sub"), "ada");
    assert_eq!(control.observations().identities_served, BTreeMap::from([("ada".into(), 1), ("grace".into(), 1)]));
}

#[tokio::test]
async fn answers_can_pretend_to_come_from_a_cache_or_lead_elsewhere() {
    let (server, till) = start().await;
    let control = server.control();
    let tokens = till.sign_in().await;
    control.set_fault(Fault::cached(30).at(Endpoint::Refresh)).unwrap();
    assert_eq!(till.refresh(&tokens.refresh).await.header("age"), "30");
    control.set_fault(Fault::redirect("https://elsewhere.example/").at(Endpoint::Me)).unwrap();
    let answer = till.get("/api/me", &tokens.access).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (302, "https://elsewhere.example/"));
}

#[tokio::test]
async fn any_answer_can_be_given_even_one_of_ten_megabytes() {
    let (server, till) = start().await;
    let control = server.control();
    let big = Body::Repeat { repeat: "x".into(), count: 10_000_000 };
    control.set_fault(Fault::answer(200, "application/json", big).at(Endpoint::Jwks).times(1)).unwrap();
    assert_eq!(till.get("/jwks", "").await.body.len(), 10_000_000);
    let odd = FaultKind::Body {
        status: 401,
        content_type: "text/plain; charset=utf-16".into(),
        body: Body::Base64 { base64: "//5OAG8A".into() },
        headers: BTreeMap::from([("WWW-Authenticate".into(), "DPoP error=\"use_dpop_nonce\"".into())]),
    };
    control.set_fault(Fault::new(odd).at(Endpoint::Jwks)).unwrap();
    let answer = till.get("/jwks", "").await;
    assert_eq!(answer.body.as_ref(), [0xff, 0xfe, b'N', 0, b'o', 0]);
    assert_eq!(answer.header("www-authenticate"), "DPoP error=\"use_dpop_nonce\"");
}

#[tokio::test]
async fn a_fault_with_a_typo_is_refused_and_nothing_stands() {
    let (server, till) = start().await;
    let wrong = [
        ("status", json!({ "status": 99 })),
        ("status", json!({ "status": 503, "retry_afer": "1" })),
        ("status", json!({ "status": 503, "retry_after": "1\n2" })),
        ("status", json!({ "status": 503, "scope": "moon" })),
        ("status", json!({ "status": 503, "scope": [] })),
        ("status", json!({ "status": 503, "share": 1.5 })),
        ("status", json!({ "status": 503, "kind": "html" })),
        ("statos", json!({ "status": 503 })),
        ("hold", json!({ "for": 3 })),
        ("body", json!({ "content_type": "a/b", "body": { "base64": "%" } })),
        ("body", json!({ "content_type": "a/b", "body": { "repeat": "xx", "count": 9_000_000_000_u64 } })),
        ("body", json!({ "content_type": "a/b", "body": "", "headers": { "Content-Length": "7" } })),
    ];
    for (name, fault) in wrong {
        let answer = till.control(Method::PUT, &format!("/faults/{name}"), Some(fault.clone())).await;
        assert_eq!(answer.status, 400, "{fault}");
        assert!(!answer.text("error_description").is_empty());
    }
    assert!(server.control().faults().is_empty());
}

#[tokio::test]
async fn a_thousand_requests_can_be_held_at_once() {
    let (server, till) = start().await;
    let control = server.control();
    control.hold(Endpoint::Jwks);
    let waiting: Vec<_> = (0..1000)
        .map(|_| {
            let till = till.clone();
            tokio::spawn(async move { till.get("/jwks", "").await.status })
        })
        .collect();
    control.wait_for_held(1000).await;
    control.clear_faults();
    for answered in waiting {
        assert_eq!(answered.await.unwrap(), 200);
    }
    assert_eq!(control.observations().answered(Endpoint::Jwks, 200), 1000);
}

#[tokio::test]
async fn faults_survive_http_as_json() {
    let fault =
        Fault::status_with_retry_after(503, "120").at([Endpoint::Refresh, Endpoint::JwtBearer]).times(3).share(0.5);
    let json = serde_json::to_value(&fault).unwrap();
    assert_eq!(
        json,
        json!({ "kind": "status", "status": 503, "retry_after": "120", "scope": ["refresh", "jwt_bearer"], "times": 3, "share": 0.5 })
    );
    assert_eq!(serde_json::from_value::<Fault>(json).unwrap(), fault);
}
