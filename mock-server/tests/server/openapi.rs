//! `openapi.json` and the server say the same.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use mainstay_mock_server::{INTROSPECTION_CLIENT, MockServer, OPERATORS, PushedRequests};
use serde_json::{Value, json};

use crate::{
    start,
    support::{Answer, CLIENT, DeviceKey, REDIRECT, Till, VERIFIER, parameter, schema},
};

fn file() -> Value {
    serde_json::from_str(include_str!("../../openapi.json")).unwrap()
}

/// Calls the server and checks each answer against the file.
struct Walk {
    till: Till,
    file: Value,
    headers: Vec<(&'static str, String)>,
    walked: BTreeSet<(String, String)>,
}

enum Sent {
    Nothing,
    Json(Value),
    Form(Vec<(&'static str, String)>),
}

impl Walk {
    /// One call. `path` is the file's, with each `{parameter}` followed by `=` and its value.
    async fn call(&mut self, method: &str, path: &str, sent: Sent, expected: u16) -> Answer {
        let (template, concrete) = paths(path);
        let operation = &self.file["paths"][&template][method.to_lowercase()].clone();
        assert!(operation.is_object(), "{method} {template} is not in the file");
        let request = &operation["requestBody"]["content"];
        let (kind, body) = match &sent {
            Sent::Nothing => ("application/json", String::new()),
            Sent::Json(json) => ("application/json", json.to_string()),
            Sent::Form(fields) => (
                "application/x-www-form-urlencoded",
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish(),
            ),
        };
        let described = match sent {
            Sent::Nothing => None,
            Sent::Json(json) => Some(json),
            Sent::Form(fields) => {
                Some(fields.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect())
            }
        };
        if let Some(value) = described {
            schema::check(&self.file, &request[kind]["schema"], &value)
                .unwrap_or_else(|e| panic!("{method} {path}: {e}"));
        }
        let mut headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.push(("content-type", kind));
        let answer = self.till.send(method.parse::<Method>().unwrap(), &concrete, &headers, body).await;
        assert_eq!(answer.status, expected, "{method} {path}: {:?}", answer.body);
        self.check_answer(method, &template, operation, &answer);
        self.walked.insert((method.to_owned(), template));
        answer
    }

    fn check_answer(&self, method: &str, template: &str, operation: &Value, answer: &Answer) {
        let mut described = &operation["responses"][answer.status.as_str()];
        assert!(described.is_object(), "{method} {template} does not describe {}", answer.status);
        if let Some(reference) = described.get("$ref") {
            described = schema::resolve(&self.file, reference);
        }
        let Some(content) = described.get("content").and_then(Value::as_object) else {
            assert!(answer.body.is_empty(), "{method} {template} has a body that is not described");
            return;
        };
        let (kind, media) = content.iter().next().unwrap();
        assert!(
            answer.header("content-type").starts_with(kind),
            "{method} {template}: {}",
            answer.header("content-type")
        );
        if let Some(wanted) = media.get("schema") {
            schema::check(&self.file, wanted, &answer.json()).unwrap_or_else(|e| panic!("{method} {template}: {e}"));
        }
    }

    fn open(&mut self, name: &'static str, value: String) {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value));
    }
}

/// `/enroll/{kid}=7?x=1` is `/enroll/{kid}` in the file and `/enroll/7?x=1` on the wire.
fn paths(path: &str) -> (String, String) {
    let (path, query) = path.split_once('?').map_or((path, String::new()), |(path, query)| (path, format!("?{query}")));
    let part = |segment: &str| match segment.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (segment.to_owned(), segment.to_owned()),
    };
    let (names, values): (Vec<_>, Vec<_>) = path.split('/').map(part).unzip();
    (names.join("/"), values.join("/") + &query)
}

#[test]
fn the_file_lists_exactly_the_routes_of_the_server() {
    let methods = |(path, item): (&String, &Value)| {
        let methods: Vec<_> =
            item.as_object().unwrap().keys().map(|name| (name.to_uppercase(), path.clone())).collect();
        methods
    };
    let file = file();
    let described: BTreeSet<_> = file["paths"].as_object().unwrap().iter().flat_map(methods).collect();
    let served: BTreeSet<_> =
        MockServer::routes().into_iter().map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(described, served);
}

#[tokio::test]
async fn every_operation_works_and_answers_as_described() {
    let (server, till) = start().await;
    let mut walk = Walk { till: till.clone(), file: file(), headers: Vec::new(), walked: BTreeSet::new() };
    walk_authorization_server(&mut walk, &server).await;
    walk_api(&mut walk).await;
    walk_control(&mut walk, &server).await;
    walk_admin(&mut walk, &server).await;
    for path in ["/", "/page/style.css", "/page/script.js", "/metrics", "/openapi.json"] {
        walk.call("GET", path, Sent::Nothing, 200).await;
    }
    let served = MockServer::routes().into_iter().map(|(method, path)| (method.to_owned(), path.to_owned()));
    let forgotten: Vec<_> = served.filter(|route| !walk.walked.contains(route)).collect();
    assert_eq!(forgotten, [], "not walked");
}

async fn walk_authorization_server(walk: &mut Walk, server: &MockServer) {
    for path in ["openid-configuration", "oauth-authorization-server", "mainstay-status"] {
        walk.call("GET", &format!("/.well-known/{path}"), Sent::Nothing, 200).await;
    }
    walk.call("GET", "/jwks", Sent::Nothing, 200).await;
    walk.call("GET", "/authorize", Sent::Nothing, 400).await;
    walk.call("POST", "/authorize/sign-in", form(&[("ticket", "none"), ("person", "ada"), ("pin", "1")]), 400).await;

    walk_device_grant(walk, server).await;
    walk_pushed_requests(walk, server).await;
    let answer = walk.till.authorize(&[]).await;
    let code = parameter(answer.header("location"), "code");
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let tokens = walk.call("POST", "/token", form(&fields), 200).await;
    let refresh_token = tokens.text("refresh_token");
    let fields = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", &refresh_token)];
    let tokens = walk.call("POST", "/token", form(&fields), 200).await;
    walk.call("POST", "/token", form(&fields), 400).await;

    walk.call("GET", "/userinfo", Sent::Nothing, 401).await;
    let tokens_of_another_session = walk.till.sign_in().await;
    walk.open("authorization", format!("Bearer {}", tokens_of_another_session.access));
    walk.call("GET", "/userinfo", Sent::Nothing, 200).await;
    let key = DeviceKey::new(3);
    let kid = walk.call("POST", "/enroll", Sent::Json(json!({ "jwk": key.jwk() })), 201).await.text("kid");
    let assertion = key.assertion(server, &kid, &json!({}));
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    walk.call("POST", "/token", form(&[("grant_type", grant), ("assertion", &assertion)]), 200).await;
    walk.call("DELETE", &format!("/enroll/{{kid}}={kid}"), Sent::Nothing, 204).await;
    walk.call("DELETE", &format!("/enroll/{{kid}}={kid}"), Sent::Nothing, 404).await;
    let token = tokens.text("access_token");
    walk.call("POST", "/revoke", form(&[("token", &token), ("client_id", CLIENT)]), 200).await;

    let bearer = walk.headers.pop().unwrap();
    let basic = STANDARD.encode(format!("{INTROSPECTION_CLIENT}:{}", server.introspection_secret()));
    walk.open("authorization", format!("Basic {basic}"));
    let known = tokens_of_another_session.access.clone();
    assert_eq!(walk.call("POST", "/introspect", form(&[("token", &known)]), 200).await.json()["active"], true);
    assert_eq!(walk.call("POST", "/introspect", form(&[("token", "what")]), 200).await.json()["active"], false);
    walk.headers = vec![bearer];
}

async fn walk_device_grant(walk: &mut Walk, server: &MockServer) {
    walk.call("GET", "/device", Sent::Nothing, 200).await;
    let code = walk.call("POST", "/device_authorization", form(&[("client_id", CLIENT)]), 200).await;
    walk.call("POST", "/device_authorization", form(&[("client_id", CLIENT), ("client_secret", "")]), 200).await;
    let user_code = code.text("user_code");
    walk.call("GET", &format!("/device?user_code={user_code}"), Sent::Nothing, 200).await;
    let answer = |code: &str, pin: &'static str, answer: &'static str| {
        let fields = [("user_code", code.to_owned()), ("person", "ada".to_owned()), ("pin", pin.to_owned())];
        Sent::Form(fields.into_iter().chain([("answer", answer.to_owned())]).collect())
    };
    walk.call("POST", "/device", answer(&user_code, "0000", "approve"), 403).await;
    walk.call("POST", "/device", answer("none", "1234", "approve"), 404).await;
    walk.call("POST", "/device", answer(&user_code, "1234", "approve"), 200).await;
    let (grant, device_code) = ("urn:ietf:params:oauth:grant-type:device_code", code.text("device_code"));
    let fields = [("grant_type", grant), ("client_id", CLIENT), ("device_code", &device_code)];
    walk.call("POST", "/token", form(&fields), 200).await;
    walk.call("POST", "/token", form(&fields), 400).await;
    assert_eq!(server.control().device_codes().len(), 1);
}

async fn walk_pushed_requests(walk: &mut Walk, server: &MockServer) {
    let fields = [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("code_challenge", "0123456789012345678901234567890123456789012"),
        ("code_challenge_method", "S256"),
    ];
    walk.call("POST", "/par", form(&fields), 404).await;
    server.control().reconfigure(|config| config.pushed_authorization_requests = PushedRequests::Required).unwrap();
    walk.call("POST", "/par", form(&fields), 201).await;
    server.control().reconfigure(|config| config.pushed_authorization_requests = PushedRequests::Off).unwrap();
}

async fn walk_api(walk: &mut Walk) {
    for path in ["/api/catalogue", "/api/me", "/api/shift"] {
        walk.call("GET", path, Sent::Nothing, 200).await;
    }
    let sale = json!({ "items": [{ "id": "filter" }], "total_cents": 340 });
    walk.call("POST", "/api/sales", Sent::Json(sale), 201).await;
    walk.call("GET", "/api/sales", Sent::Nothing, 200).await;
    for action in ["open", "open", "close"] {
        walk.call("POST", "/api/shift", Sent::Json(json!({ "action": action })), 200).await;
    }
}

async fn walk_control(walk: &mut Walk, server: &MockServer) {
    walk.call("GET", "/control/faults", Sent::Nothing, 403).await;
    walk.open("x-mainstay-control", server.control_token().to_owned());
    let faults = [
        ("reject_all", json!({ "legacy": true })),
        ("status", json!({ "status": 503, "retry_after": "120", "scope": ["as", "me"], "share": 0.5 })),
        ("html", json!({})),
        ("drop_after_commit", json!({ "times": 2 })),
        ("slow", json!({ "millis": 10 })),
        ("hold", json!({ "scope": "refresh", "after_commit": true })),
        ("cached", json!({ "age": 30 })),
        ("foreign_identity", json!({ "person": "grace", "scope": "me" })),
        ("redirect", json!({ "location": "https://example.com/" })),
        ("brown_out", json!({ "capacity": 1000, "patience_ms": 10, "devices": 0.5 })),
        ("shared_cache", json!({ "marked": false })),
        ("portal", json!({ "location": "http://portal.example/" })),
        ("wrong_retry_after", json!({ "how": "past_date" })),
        ("cut_short", json!({ "bytes": 3, "scope": "refresh" })),
        ("body", json!({ "content_type": "text/plain", "body": "no", "headers": { "x-why": "test" } })),
        ("body.big", json!({ "content_type": "text/plain", "body": { "repeat": "x", "count": 10_000_000 } })),
        ("body.bytes", json!({ "content_type": "text/plain", "body": { "base64": "AAEC" } })),
    ];
    for (name, fault) in faults {
        let mut described = fault;
        described["kind"] = name.split('.').next().into();
        walk.call("PUT", &format!("/control/faults/{{name}}={name}"), Sent::Json(described), 200).await;
    }
    walk.call("GET", "/control/faults", Sent::Nothing, 200).await;
    walk.call("DELETE", "/control/faults/{name}=hold", Sent::Nothing, 204).await;
    walk.call("DELETE", "/control/faults/{name}=hold", Sent::Nothing, 404).await;
    walk.call("DELETE", "/control/faults", Sent::Nothing, 204).await;
    walk.call("POST", "/control/release", Sent::Nothing, 200).await;
    walk.call("POST", "/control/release", Sent::Json(json!({ "count": 2 })), 200).await;
    let nodes = json!({ "count": 3, "route": "cookie", "keys": "own", "seed": 7 });
    walk.call("PUT", "/control/nodes", Sent::Json(nodes), 200).await;
    walk.call("GET", "/control/nodes", Sent::Nothing, 200).await;
    walk.call("GET", "/control/requests?last=1", Sent::Nothing, 200).await;
    for change in [
        json!({ "action": "change", "nodes": [2, 3] }),
        json!({ "action": "accept_old_again" }),
        json!({ "action": "rotate_jwks", "keep_old": true }),
        json!({ "action": "restore_jwks" }),
    ] {
        walk.call("POST", "/control/secret", Sent::Json(change), 204).await;
    }
    walk.call("PUT", "/control/nodes", Sent::Json(json!({ "count": 1 })), 200).await;
    walk.call("POST", "/control/sessions", Sent::Json(json!({ "action": "revoke", "sub": "linus" })), 204).await;
    walk.call("POST", "/control/sessions", Sent::Json(json!({ "action": "wipe" })), 204).await;
    for change in [json!({ "state": "cut_off", "failing": "open", "person": "grace" }), json!({ "state": "reconnect" })]
    {
        walk.call("PUT", "/control/session-store", Sent::Json(change), 204).await;
    }
    walk.call("GET", "/control/clock", Sent::Nothing, 200).await;
    for change in
        [json!({ "set_offset_ms": -5000 }), json!({ "virtual": true, "now_ms": 5 }), json!({ "advance_ms": 1 })]
    {
        walk.call("POST", "/control/clock", Sent::Json(change), 200).await;
    }
    assert_eq!(walk.call("GET", "/control/clock", Sent::Nothing, 200).await.json()["now_ms"], 6);
    walk.call("GET", "/control/config", Sent::Nothing, 200).await;
    let patches = [
        json!({ "expires_in": { "raw": "900" }, "rejection": { "style": "legacy", "status": 400 } }),
        json!({ "rotation": "until-used", "client_ids": ["till"], "expires_in": "missing" }),
    ];
    for patch in patches {
        walk.call("PUT", "/control/config", Sent::Json(patch), 200).await;
    }
    walk.call("PUT", "/control/scripted", Sent::Json(json!({ "person": "grace" })), 200).await;
    walk.call("PUT", "/control/scripted", Sent::Json(json!({ "person": null })), 200).await;
    walk.call("GET", "/control/scripted", Sent::Nothing, 200).await;
    walk.call("GET", "/control/observations", Sent::Nothing, 200).await;
    let last = walk.call("GET", "/control/requests?last=3", Sent::Nothing, 200).await;
    assert_eq!(last.json()["requests"].as_array().unwrap().len(), 3);
    walk.call("POST", "/control/observations/reset", Sent::Nothing, 204).await;
    walk.call("POST", "/control/reset", Sent::Nothing, 204).await;
}

async fn walk_admin(walk: &mut Walk, server: &MockServer) {
    walk.call("GET", "/admin/keys", Sent::Nothing, 403).await;
    let tokens = OPERATORS.map(|name| server.admin_token(name).unwrap().to_owned());
    walk.open("x-mainstay-admin", tokens[0].clone());
    walk.call("GET", "/admin/keys", Sent::Nothing, 200).await;
    let schedule = json!({ "action": "schedule", "algorithm": "HS256" });
    walk.call("POST", "/admin/dry-run", Sent::Json(schedule.clone()), 200).await;
    for change in [
        json!({ "action": "announce", "fingerprint": "0123456789abcdef0123456789abcdef" }),
        json!({ "action": "accept_again", "kid": "hs-1" }),
        json!({ "action": "retire", "kid": "none", "emergency": true }),
    ] {
        walk.call("POST", "/admin/dry-run", Sent::Json(change), 200).await;
    }
    let mut schedule = schedule;
    schedule["why"] = "the walk says so".into();
    let mut propose = Vec::new();
    for _ in 0..2 {
        let proposal = walk.call("POST", "/admin/operations", Sent::Json(schedule.clone()), 201).await;
        propose.push(proposal.text("id"));
    }
    walk.call("POST", &format!("/admin/operations/{{id}}={}/approve", propose[0]), Sent::Nothing, 403).await;
    walk.open("x-mainstay-admin", tokens[1].clone());
    walk.call("POST", &format!("/admin/operations/{{id}}={}/approve", propose[0]), Sent::Nothing, 200).await;
    walk.call("DELETE", &format!("/admin/operations/{{id}}={}", propose[1]), Sent::Nothing, 204).await;
    walk.call("DELETE", &format!("/admin/operations/{{id}}={}", propose[1]), Sent::Nothing, 409).await;
    walk.call("GET", "/admin/operations", Sent::Nothing, 200).await;
    walk.call("PUT", "/admin/status", Sent::Json(json!({ "healthy": false, "spread_seconds": 600 })), 200).await;
    walk.call("GET", "/admin/status", Sent::Nothing, 200).await;

    walk.till.sign_in().await;
    let sessions = walk.call("GET", "/admin/sessions", Sent::Nothing, 200).await.json();
    let sid = sessions["sessions"][0]["sid"].as_str().unwrap();
    walk.call("DELETE", &format!("/admin/sessions/{{sid}}={sid}"), Sent::Nothing, 204).await;
    walk.call("DELETE", &format!("/admin/sessions/{{sid}}={sid}"), Sent::Nothing, 404).await;
    for _ in 0..20 {
        walk.till.get("/api/me", "nonsense").await;
    }
    assert_eq!(walk.call("GET", "/admin/alarms", Sent::Nothing, 200).await.json()["active"], true);
}

fn form(fields: &[(&'static str, &str)]) -> Sent {
    Sent::Form(fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect())
}
