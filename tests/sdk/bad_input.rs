//! Answers that no server should give. Each is a typed error that says the caller's next move, and changes nothing.

use std::time::Duration;

use mainstay::{Error, Probe, Session, driver::AccessToken};
use mainstay_mock_server::{Body, Config, Endpoint, Fault, MockServer, Rotation, Scope};

use crate::till::{A_WHILE, Setup, TOKEN_LIFE, Till, codes, is_signed_in, prompts_raised};

fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Fault {
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, body.into());
    Fault::answer(status, content_type, Body::Base64 { base64 })
}

fn json(body: impl Into<Vec<u8>>) -> Fault {
    text(200, "application/json", body)
}

/// 10 MB of whatever is repeated.
fn ten_megabytes(repeat: &str) -> Fault {
    let body = Body::Repeat { repeat: repeat.to_owned(), count: 10_000_000 / repeat.len() };
    Fault::answer(200, "application/json", body)
}

fn bad_answers(elsewhere: &MockServer) -> Vec<(&'static str, Fault)> {
    let utf16: Vec<u8> = r#"{"access_token":"x"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        ("empty", json("")),
        ("truncated", json(r#"{"access_token":"eyJhbGciOiJIUzI1NiJ9.e30.x","token_typ"#)),
        ("10 MB of blanks", ten_megabytes(" ")),
        ("10 MB of one token", ten_megabytes("a")),
        ("Latin-1", text(200, "application/json; charset=iso-8859-1", b"{\"access_token\":\"caf\xe9\"}".to_vec())),
        ("UTF-16", text(200, "application/json; charset=utf-16", utf16)),
        ("deeply nested", json(format!(r#"{{"access_token":{}1{}}}"#, "[".repeat(9000), "]".repeat(9000)))),
        ("HTML", Fault::html()),
        ("a list", json(r#"[{"access_token":"a"}]"#)),
        ("a number", json("7")),
        ("an empty token", json(r#"{"access_token":"","token_type":"Bearer"}"#)),
        ("a token of two lines", json(r#"{"access_token":"a\r\nSet-Cookie: b","token_type":"Bearer"}"#)),
        ("a token of another type", json(r#"{"access_token":"a","token_type":"mac"}"#)),
        ("no token", json(r#"{"token_type":"Bearer","expires_in":900}"#)),
        ("another origin", Fault::redirect(elsewhere.url().join("/token").unwrap())),
        ("another place", Fault::redirect("/api/me")),
        ("a teapot", text(418, "text/plain", "short and stout")),
        ("no content", text(204, "application/json", "")),
        ("a cache", Fault::cached(3)),
    ]
}

async fn with_an_expired_token() -> (Till, Session) {
    let (till, session) = Setup::new().server(|server| server.profile(Rotation::UntilUsed)).signed_in().await;
    till.wire.unplug();
    till.pass(TOKEN_LIFE + Duration::from_secs(1)).await;
    till.wire.repair();
    (till, session)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_answer_of_the_token_endpoint_changes_nothing() {
    let elsewhere = MockServer::start().await.unwrap();
    for (name, bad) in bad_answers(&elsewhere) {
        let (till, session) = with_an_expired_token().await;
        let before = till.keepsake().await;
        till.control().set_fault(bad.at(Endpoint::Refresh)).unwrap();

        let answer = till.call(&session).await;

        assert!(matches!(answer, Err(Error::TryLater { cause: None, .. })), "{name}: {answer:?}");
        till.pass(Duration::from_secs(60)).await;
        assert!(is_signed_in(&session), "{name}: {:?}", codes(&session));
        assert_eq!(till.keepsake().await, before, "{name}");
        till.control().clear_faults();
        till.pass(Duration::from_secs(600)).await;
        till.assert_sells(&session).await;
        assert_eq!((till.prompts(), prompts_raised(&session)), (1, 0), "{name}");
    }
    assert!(elsewhere.control().requests().is_empty(), "nothing went to another origin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_discovery_document_changes_nothing() {
    let elsewhere = MockServer::start().await.unwrap();
    let own_document = |issuer: &str| {
        let document = serde_json::json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
        });
        ("another issuer", json(document.to_string()))
    };
    // A copy out of a cache is as good as the document itself.
    let bad = bad_answers(&elsewhere).into_iter().filter(|(name, _)| *name != "a cache");
    let documents = bad.chain([own_document(elsewhere.issuer())]);
    for (name, bad) in documents {
        let (mut till, _session) = Till::signed_in().await;
        let before = till.credential_files().await;
        till.kill().await;
        till.pass(TOKEN_LIFE + A_WHILE).await;
        till.control().set_fault(bad.at(Endpoint::Discovery)).unwrap();

        let session = till.restart().await.unwrap();
        let answer = till.call(&session).await;

        assert!(matches!(answer, Err(Error::TryLater { .. })), "{name}: {answer:?}");
        assert!(is_signed_in(&session), "{name}: {:?}", codes(&session));
        assert_eq!(till.credential_files().await, before, "{name}");
        till.control().clear_faults();
        till.pass(Duration::from_secs(600)).await;
        till.assert_sells(&session).await;
    }
    assert!(elsewhere.control().requests().is_empty(), "nothing went to another origin");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_answer_to_a_sign_in_is_an_error_and_no_session() {
    let elsewhere = MockServer::start().await.unwrap();
    for (name, bad) in bad_answers(&elsewhere) {
        let till = Till::new().await;
        till.control().script_sign_in("ada");
        till.control().set_fault(bad.at(Endpoint::Token)).unwrap();
        let refused = till.wait_for(till.client.sign_in(&till.browser())).await;
        let error = refused.err().unwrap_or_else(|| panic!("{name}"));
        assert!(matches!(error, Error::TryLater { .. }), "{name}: {error}");
        assert!(till.credential_files().await.is_empty(), "{name}");
        assert!(till.client.session().is_none(), "{name}");
        till.control().clear_faults();
        let session = till.sign_in("ada").await;
        till.assert_sells(&session).await;
    }
    assert!(elsewhere.control().requests().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_no_memory_should_hold_is_refused() {
    let (till, session) = Till::signed_in().await;
    let endless = Body::Repeat { repeat: "a".to_owned(), count: 20 << 20 };
    till.control().set_fault(Fault::answer(200, "text/plain", endless).at(Endpoint::Catalogue)).unwrap();
    let answer = till.wait_for(session.send(till.request("GET", "/api/catalogue"))).await;
    assert!(matches!(answer, Err(Error::TryLater { cause: None, .. })), "{answer:?}");
    assert!(is_signed_in(&session));
}

/// Whatever a probe is answered that is no yes and no no, the session goes on with the next rung.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_answer_to_a_probe_is_no_evidence() {
    for place in [Endpoint::Me, Endpoint::Userinfo] {
        let elsewhere = MockServer::start().await.unwrap();
        for (name, bad) in bad_answers(&elsewhere) {
            let (till, session) = probing(place).signed_in().await;
            till.pass(A_WHILE).await;
            till.control().change_secret(false);
            till.control().set_fault(bad.at(place)).unwrap();
            let answer = till.wait_for(session.send(till.sale(Some("1")))).await;
            assert_eq!(answer.unwrap_or_else(|error| panic!("{name}: {error}")).status(), 201, "{name}");
            till.control().clear_faults();
            till.assert_sells(&session).await;
            assert_eq!((till.prompts(), till.total(Endpoint::Refresh)), (1, 1), "{name}");
        }
        assert!(elsewhere.control().requests().is_empty());
    }
}

/// A till that asks there who its person is.
fn probing(place: Endpoint) -> Setup {
    match place {
        Endpoint::Userinfo => Setup::new().profile(|profile| profile.probe = Probe::Userinfo),
        _ => Setup::new(),
    }
}

/// A refresh that names nobody: userinfo, or *who am I*, has to. Until it does, the token is nobody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_answer_about_whose_the_new_token_is_releases_nothing() {
    for place in [Endpoint::Me, Endpoint::Userinfo] {
        let elsewhere = MockServer::start().await.unwrap();
        for (name, bad) in bad_answers(&elsewhere) {
            let unnamed = Config { id_token_on_refresh: false, ..Config::default() };
            let (till, session) = probing(place).server(|server| server.config(unnamed)).signed_in().await;
            let own = session.access_token().await.unwrap().expose().to_owned();
            till.control().set_fault(bad.at(place)).unwrap();
            till.wire.unplug();
            till.pass(TOKEN_LIFE + Duration::from_secs(1)).await;
            till.wire.repair();
            let answer = till.wait_for(session.access_token()).await;
            assert!(matches!(answer, Err(Error::TryLater { .. })), "{name}: {answer:?}");
            assert_eq!(prompts_raised(&session), 0, "{name}: {:?}", codes(&session));
            till.control().clear_faults();
            till.pass(Duration::from_secs(3600)).await;
            till.assert_sells(&session).await;
            assert_ne!(session.access_token().await.unwrap().expose(), own);
            assert_eq!(till.prompts(), 1, "{name}");
        }
        assert!(elsewhere.control().requests().is_empty());
    }
}

/// What a proxy, a captive portal or a broken server puts in the place of an API's answer, with a status that says well.
fn bad_pages(elsewhere: &MockServer) -> Vec<(&'static str, Fault)> {
    let is_no_json = |name: &&str| {
        ["empty", "truncated", "10 MB of blanks", "10 MB of one token", "Latin-1", "UTF-16", "deeply nested"]
            .contains(name)
            || ["HTML", "another origin", "another place", "a teapot", "no content", "a cache"].contains(name)
    };
    let mut pages: Vec<_> = bad_answers(elsewhere).into_iter().filter(|(name, _)| is_no_json(name)).collect();
    pages.push(("noise", text(200, "application/octet-stream", (0..=255).collect::<Vec<u8>>())));
    pages.push(("a web page that says JSON", json("<html>Welcome to this network. Please sign in.</html>")));
    pages.push(("somebody else", json(r#"{"sub":"grace","items":[]}"#)));
    pages
}

/// The app asks its API, on a path that needs a token. What it gets is its own business; it proves nothing, and it is no
/// reason to accuse anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_answer_of_the_api_accepts_nothing_and_accuses_nobody() {
    let elsewhere = MockServer::start().await.unwrap();
    for (name, bad) in bad_pages(&elsewhere) {
        let (till, session) = Till::signed_in().await;
        till.assert_sells(&session).await;
        till.pass(A_WHILE).await;
        let (state, before) = (session.state(), till.keepsake().await);
        let (written, token) = (codes(&session), session.access_token().await.unwrap());
        let last_accepted = session.offline_permit().last_accepted;
        let requests = till.wire.sent().len();
        till.control().set_fault(bad.at(Endpoint::Catalogue)).unwrap();

        let page = till.wait_for(session.send(till.request("GET", "/api/catalogue"))).await.unwrap();
        till.settle().await;

        let direct = plainly(&till, "/api/catalogue", &token).await;
        assert_eq!((page.status(), page.body()), (direct.status(), direct.body()), "{name}: as it is");
        assert_eq!(codes(&session), written, "{name}");
        assert_eq!(session.offline_permit().last_accepted, last_accepted, "{name}");
        assert_eq!(session.state(), state, "{name}");
        assert_eq!(session.access_token().await.unwrap().expose(), token.expose(), "{name}");
        assert_eq!((till.keepsake().await, till.wire.sent().len()), (before, requests + 1), "{name}");
    }
    assert!(elsewhere.control().requests().is_empty(), "nothing went to another origin");
}

/// The negative control: an answer that is good is evidence, and it is seen where the test above looks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_answer_of_the_api_is_accepted() {
    let (till, session) = Till::signed_in().await;
    till.assert_sells(&session).await;
    till.pass(A_WHILE).await;
    let last_accepted = session.offline_permit().last_accepted;
    till.wait_for(session.send(till.request("GET", "/api/catalogue"))).await.unwrap();
    till.settle().await;
    assert!(session.offline_permit().last_accepted < last_accepted);
}

/// The same request without the SDK.
async fn plainly(till: &Till, path: &str, token: &AccessToken) -> http::Response<bytes::Bytes> {
    let mut request = till.request("GET", path);
    let value = format!("Bearer {}", token.expose()).parse().unwrap();
    request.headers_mut().insert("authorization", value);
    let (connection, lane) = (mainstay::host::ConnectionWish::Any, mainstay::host::Lane::App);
    let plain = mainstay::host::Outbound { request, connection, lane, body_limit: 16 << 20 };
    crate::till::network().send(plain).await.unwrap().response
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_goes_to_no_address_that_the_profile_does_not_name() {
    let (till, session) = Till::signed_in().await;
    let elsewhere = MockServer::start().await.unwrap();
    let own = till.server.url();
    let port = own.port().unwrap();
    for address in [
        elsewhere.url().join("/api/me").unwrap().to_string(),
        format!("http://127.0.0.1:{port}@{}/api/me", elsewhere.url().authority()),
        format!("http://localhost:{port}/api/me"),
        format!("https://127.0.0.1:{port}/api/me"),
        format!("ftp://127.0.0.1:{port}/api/me"),
        "/api/me".to_owned(),
    ] {
        let Ok(request) = http::Request::get(&address).body(bytes::Bytes::new()) else { continue };
        let refused = till.wait_for(session.send(request)).await;
        assert!(matches!(refused, Err(Error::Misconfigured(_))), "{address}: {refused:?}");
    }
    assert!(elsewhere.control().requests().is_empty());
    assert_eq!(till.total(Endpoint::Me), 0);
    till.assert_sells(&session).await;
}

/// A broken server repeats what it was sent. Errors are what apps log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_error_repeats_what_a_server_said() {
    let (till, session) = with_an_expired_token().await;
    let canary = "canary-5e1f-refresh-token";
    let refusal = format!(r#"{{"error":"invalid_client","error_description":"{canary}","error_uri":"{canary}"}}"#);
    till.control().set_fault(Fault::json(401, refusal).at(Scope::authorization_server())).unwrap();
    let error = till.call(&session).await.unwrap_err();
    till.pass(Duration::from_secs(120)).await;
    let sign_in = till.wait_for(session.sign_in_again(&till.browser())).await.unwrap_err();
    for said in [format!("{error} {error:?}"), format!("{sign_in} {sign_in:?}"), format!("{:?}", session.timeline())] {
        assert!(!said.contains(canary), "{said}");
    }
}

/// The negative control for the tests of acceptance above: a redirect that is followed would be seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_another_origin_would_be_seen() {
    let elsewhere = MockServer::start().await.unwrap();
    let _answer = crate::till::network()
        .send(mainstay::host::Outbound {
            request: http::Request::get(elsewhere.url().join("/api/me").unwrap().as_str())
                .body(Default::default())
                .unwrap(),
            connection: mainstay::host::ConnectionWish::Any,
            lane: mainstay::host::Lane::App,
            body_limit: 1000,
        })
        .await;
    assert_eq!(elsewhere.control().requests().len(), 1);
}
