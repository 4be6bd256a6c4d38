//! The device authorization grant (RFC 8628) and pushed requests (RFC 9126), as a device and a browser see them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use mainstay_mock_server::{MockServer, PushedRequests};
use sha2::{Digest, Sha256};

use crate::{
    start, start_with,
    support::{Answer, CLIENT, REDIRECT, Till, VERIFIER, parameter},
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn ask(till: &Till, code: &str) -> Answer {
    till.form("/token", &[("grant_type", GRANT), ("client_id", CLIENT), ("device_code", code)]).await
}

async fn on_virtual_time() -> (MockServer, Till) {
    start_with(MockServer::builder().virtual_clock(1_795_197_600_000)).await
}

#[tokio::test]
async fn a_device_that_asks_too_often_is_told_to_slow_down() {
    let (server, till) = on_virtual_time().await;
    let wait = |seconds: u64| server.control().advance(std::time::Duration::from_secs(seconds));
    let code = till.form("/device_authorization", &[("client_id", CLIENT)]).await.text("device_code");
    assert_eq!(ask(&till, &code).await.text("error"), "authorization_pending");
    wait(4);
    assert_eq!(ask(&till, &code).await.text("error"), "slow_down");
    wait(9);
    assert_eq!(ask(&till, &code).await.text("error"), "slow_down", "five seconds more, each time");
    wait(15);
    assert_eq!(ask(&till, &code).await.text("error"), "authorization_pending");
    wait(600);
    assert_eq!(ask(&till, &code).await.text("error"), "expired_token");
}

#[tokio::test]
async fn a_code_is_approved_by_whoever_types_it_in_and_used_once() {
    let (server, till) = start().await;
    let answer = till.form("/device_authorization", &[("client_id", CLIENT), ("scope", "openid pos")]).await;
    let (code, typed) = (answer.text("device_code"), answer.text("user_code").to_lowercase().replace('-', " "));
    let approve = |pin: &'static str| {
        [("user_code", typed.clone()), ("person", "grace".into()), ("pin", pin.into()), ("answer", "approve".into())]
    };
    let send = async |fields: [(&'static str, String); 4]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        till.form("/device", &fields).await.status.as_u16()
    };
    assert_eq!(send(approve("0000")).await, 403);
    assert_eq!(send(approve("1234")).await, 200);
    assert_eq!(send(approve("1234")).await, 404, "answered already");
    let tokens = ask(&till, &code).await;
    assert_eq!(till.get("/api/me", &tokens.text("access_token")).await.text("sub"), "grace");
    assert_eq!(ask(&till, &code).await.text("error"), "invalid_grant");
    assert!(server.control().device_codes().is_empty());
}

#[tokio::test]
async fn a_copied_code_is_good_for_nothing_where_pkce_is_wanted() {
    let (server, till) = start().await;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let with = [("client_id", CLIENT), ("code_challenge", &challenge), ("code_challenge_method", "S256")];
    let answer = till.form("/device_authorization", &with).await;
    assert!(server.control().approve_device(&answer.text("user_code"), "ada"));
    let code = answer.text("device_code");
    assert_eq!(ask(&till, &code).await.text("error"), "invalid_grant");

    server.control().reconfigure(|config| config.device_grant.requires_challenge = true).unwrap();
    let without = till.form("/device_authorization", &[("client_id", CLIENT)]).await;
    assert_eq!((without.status.as_u16(), without.text("error").as_str()), (400, "invalid_request"));
}

#[tokio::test]
async fn guessing_codes_ends_soon() {
    let (_server, till) = on_virtual_time().await;
    let guess = [("user_code", "XXXX-XXXX"), ("person", "ada"), ("pin", "1234"), ("answer", "approve")];
    for _ in 0..10 {
        assert_eq!(till.form("/device", &guess).await.status, 404);
    }
    assert_eq!(till.form("/device", &guess).await.status, 429);
}

#[tokio::test]
async fn nobody_writes_on_the_page_of_a_device() {
    let (_server, till) = start().await;
    let page = till.send(Method::GET, "/device?user_code=%22%3E%3Cscript%3E", &[], "").await;
    let html = String::from_utf8_lossy(&page.body).into_owned();
    assert!(page.status == 200 && !html.contains("<script") && html.contains("&quot;&gt;&lt;script&gt;"), "{html}");
}

#[tokio::test]
async fn a_pushed_request_is_opened_once_by_its_own_client() {
    let (server, till) = start().await;
    server.control().reconfigure(|config| config.pushed_authorization_requests = PushedRequests::Required).unwrap();
    assert_eq!(till.authorize(&[]).await.status, 400, "not pushed");
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let fields = [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", REDIRECT),
        ("scope", "openid pos"),
        ("state", "s"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let open = async |client: &str| {
        let pushed = till.form("/par", &fields).await;
        assert_eq!(pushed.status, 201, "{:?}", pushed.body);
        let reference = pushed.text("request_uri");
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("client_id", client), ("request_uri", &reference)])
            .finish();
        [
            till.send(Method::GET, &format!("/authorize?{query}"), &[], "").await,
            till.send(Method::GET, &format!("/authorize?{query}"), &[], "").await,
        ]
    };
    let [first, second] = open(CLIENT).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (302, 400));
    assert_eq!(parameter(first.header("location"), "state"), "s");
    assert_eq!(till.exchange(&parameter(first.header("location"), "code")).await.status, 200);
    let [of_another, _] = open("another").await;
    assert_eq!(of_another.status, 400);
    let plain = fields.map(|(name, value)| (name, if value == "S256" { "plain" } else { value }));
    assert_eq!(till.form("/par", &plain).await.status, 400, "no way down to plain PKCE");
}
