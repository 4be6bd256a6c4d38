//! Whatever is sent to a POST or PUT, the answer is a clear 4xx and nothing changed.

use bytes::Bytes;
use http::Method;
use mainstay_mock_server::{MockServer, Observations};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    start,
    support::{Answer, Till, Tokens},
};

/// Routes that may be called without a body.
const BODY_IS_OPTIONAL: [&str; 4] =
    ["/control/release", "/control/observations/reset", "/control/reset", "/admin/operations/{id}/approve"];

fn writing_routes() -> impl Iterator<Item = (Method, String)> {
    let routes = MockServer::routes().into_iter().filter(|(method, _)| ["POST", "PUT"].contains(method));
    routes.map(|(method, path)| (method.parse().unwrap(), path.to_owned()))
}

fn is_form(path: &str) -> bool {
    ["/token", "/revoke", "/introspect", "/authorize/sign-in"].contains(&path)
}

struct Everything {
    server: MockServer,
    till: Till,
    tokens: Tokens,
}

impl Everything {
    async fn new() -> Self {
        let (server, till) = start().await;
        let tokens = till.sign_in().await;
        Self { server, till, tokens }
    }

    /// With every key there is, so that only the body can be what is refused.
    async fn send(&self, method: &Method, path: &str, content_type: &str, body: impl Into<Bytes>) -> Answer {
        let authorization = match path {
            "/introspect" => {
                use base64::{Engine, engine::general_purpose::STANDARD};
                format!("Basic {}", STANDARD.encode(format!("resource-server:{}", self.server.introspection_secret())))
            }
            _ => format!("Bearer {}", self.tokens.access),
        };
        let headers = [
            ("authorization", authorization.as_str()),
            ("x-mainstay-control", self.server.control_token()),
            ("x-mainstay-admin", self.server.admin_token("first").unwrap()),
            ("content-type", content_type),
        ];
        let path = path.replace("{name}", "status").replace("{id}", "none");
        self.till.send(method.clone(), &path, &headers, body).await
    }

    /// Everything that a bad request must leave as it was; requests themselves are counted, of course.
    async fn picture(&self) -> String {
        let control = self.server.control();
        let seen = Observations {
            requests: Default::default(),
            tokens_accepted: 0,
            identities_served: Default::default(),
            ..control.observations()
        };
        let till = self.till.get("/api/sales", &self.tokens.access).await.json();
        let shift = self.till.get("/api/shift", &self.tokens.access).await.json();
        let keys = self.till.admin(0, Method::GET, "/keys", None).await.json();
        let operations = self.till.admin(0, Method::GET, "/operations", None).await.json();
        let offset = control.clock().offset_ms;
        let own = (control.config(), control.faults(), control.sessions(), control.scripted_person());
        format!("{seen:?} {till} {shift} {keys} {operations} {offset} {own:?}")
    }
}

async fn refused(content_type: impl Fn(&str) -> String, body: impl Fn(&str) -> Bytes, empty: bool) {
    let everything = Everything::new().await;
    let before = everything.picture().await;
    for (method, path) in writing_routes() {
        if empty && BODY_IS_OPTIONAL.contains(&path.as_str()) {
            continue;
        }
        let answer = everything.send(&method, &path, &content_type(&path), body(&path)).await;
        assert!(answer.status.is_client_error(), "{method} {path}: {} {:?}", answer.status, answer.body);
        assert!(!answer.text("error").is_empty(), "{method} {path}: {:?}", answer.body);
    }
    assert_eq!(everything.picture().await, before);
}

fn right_type(path: &str) -> String {
    if is_form(path) { "application/x-www-form-urlencoded".into() } else { "application/json".into() }
}

#[tokio::test]
async fn an_empty_body_is_refused() {
    refused(right_type, |_| Bytes::new(), true).await;
}

#[tokio::test]
async fn a_huge_body_is_refused() {
    let answer = Everything::new().await.send(&Method::POST, "/token", "text/plain", vec![b'a'; (1 << 20) + 1]).await;
    assert_eq!(answer.status, 413);
    refused(right_type, |_| Bytes::from(vec![b'a'; 3 << 20]), false).await;
}

#[tokio::test]
async fn a_body_that_ends_in_the_middle_is_refused() {
    let half = |path: &str| if is_form(path) { "grant_type=refresh_token&client_id=ti" } else { "{\"action\":\"wi" };
    refused(right_type, |path| Bytes::from(half(path)), false).await;
}

#[tokio::test]
async fn bytes_that_are_no_utf8_are_refused() {
    let bytes = |path: &str| match is_form(path) {
        true => b"grant_type=refresh_token&client_id=till&refresh_token=%ff%fe&token=\xff\xfe".to_vec(),
        false => b"{\"action\":\"\xff\xfe\"}".to_vec(),
    };
    refused(right_type, |path| Bytes::from(bytes(path)), false).await;
}

#[tokio::test]
async fn another_charset_is_refused() {
    let utf16 = |path: &str| format!("{}; charset=utf-16", right_type(path));
    refused(utf16, |path| if is_form(path) { "token=x&client_id=till".into() } else { "{}".into() }, false).await;
}

#[tokio::test]
async fn another_type_is_refused() {
    refused(
        |_| "text/plain".into(),
        |path| if is_form(path) { "token=x&client_id=till".into() } else { "{}".into() },
        false,
    )
    .await;
}

#[tokio::test]
async fn deep_nesting_and_unknown_members_are_refused() {
    let deep = "[".repeat(100_000);
    refused(right_type, |path| if is_form(path) { "a=1&a=2".into() } else { deep.clone().into() }, false).await;
    refused(right_type, |path| if is_form(path) { "=".into() } else { "{\"no_such_member\":1}".into() }, false).await;
}

#[tokio::test]
async fn an_upload_that_breaks_off_does_nothing() {
    let everything = Everything::new().await;
    let before = everything.picture().await;
    let address = everything.server.url().socket_addrs(|| None).unwrap()[0];
    for (_, path) in writing_routes().filter(|(method, _)| method == Method::POST) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nx-mainstay-control: {}\r\ncontent-type: {}\r\ncontent-length: 500\r\n\r\n",
            everything.server.control_token(),
            right_type(&path),
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(b"{\"action\":\"wipe\"}").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{path}: {}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(everything.picture().await, before);
}

#[tokio::test]
async fn unknown_paths_and_methods_say_so() {
    let everything = Everything::new().await;
    assert_eq!(everything.send(&Method::GET, "/nowhere", "a/b", "").await.status, 404);
    assert_eq!(everything.send(&Method::PATCH, "/token", "a/b", "").await.status, 405);
    assert_eq!(everything.send(&Method::GET, "/control/requests?last=x", "a/b", "").await.status, 400);
}
