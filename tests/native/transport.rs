//! Reqwest, held still.

use bytes::Bytes;
use mainstay::{
    host::{Connection, ConnectionWish, Inbound, Lane, Outbound, Transport, TransportError},
    native::Reqwest,
};

use super::{
    handle,
    server::{self, Counts},
};

fn client() -> Reqwest {
    Reqwest::new(handle()).unwrap()
}

fn get(url: &str, connection: ConnectionWish) -> Outbound {
    Outbound {
        request: http::Request::get(url).body(Bytes::new()).unwrap(),
        connection,
        lane: Lane::Own,
        body_limit: 64 * 1024,
    }
}

async fn ask(client: &Reqwest, path: &str) -> (Result<Inbound, TransportError>, Counts) {
    let (address, counts) = server::start();
    (client.send(get(&format!("{address}{path}"), ConnectionWish::Any)).await, counts)
}

#[tokio::test]
async fn a_request_arrives_as_it_was_made_and_its_answer_comes_back_whole() {
    let (address, _counts) = server::start();
    let request =
        http::Request::post(format!("{address}/echo")).header("X-Till", "7").body(Bytes::from("a=b")).unwrap();
    let outbound = Outbound { request, connection: ConnectionWish::Any, lane: Lane::Own, body_limit: 64 * 1024 };
    let answer = client().send(outbound).await.unwrap();
    let echo = String::from_utf8(answer.response.body().to_vec()).unwrap();
    assert!(echo.starts_with("POST /echo HTTP/1.1\r\n"), "{echo}");
    assert!(echo.contains("x-till: 7") && echo.ends_with("\na=b"), "{echo}");
    for unasked in ["cookie", "authorization", "referer", "accept-encoding"] {
        assert!(!echo.to_ascii_lowercase().contains(unasked), "{echo}");
    }
    assert!(!answer.from_cache);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let (answer, counts) = ask(&client(), "/redirect").await;
    assert_eq!(answer.unwrap().response.status(), 302);
    assert_eq!(counts.requests(), 1);
}

#[tokio::test]
async fn cookies_are_not_kept() {
    let client = client();
    let (address, _counts) = server::start();
    client.send(get(&format!("{address}/cookie"), ConnectionWish::Any)).await.unwrap();
    let answer = client.send(get(&format!("{address}/echo"), ConnectionWish::Any)).await.unwrap();
    assert!(!String::from_utf8_lossy(answer.response.body()).to_ascii_lowercase().contains("cookie"));
}

#[tokio::test]
async fn a_busy_server_is_not_asked_again() {
    let (answer, counts) = ask(&client(), "/busy").await;
    assert_eq!(answer.unwrap().response.status(), 503);
    assert_eq!(counts.requests(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_is_broken_and_not_tried_again() {
    for path in ["/cut", "/hang-up"] {
        let (answer, counts) = ask(&client(), path).await;
        assert_eq!(answer.err(), Some(TransportError::Broken), "{path}");
        assert_eq!(counts.requests(), 1, "{path}");
    }
}

#[tokio::test]
async fn an_answer_over_the_limit_is_too_large() {
    let (answer, _counts) = ask(&client(), "/large").await;
    assert_eq!(answer.err(), Some(TransportError::TooLarge));
}

#[tokio::test]
async fn nobody_listening_is_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = client().send(get(&format!("http://{free}/"), ConnectionWish::Any)).await;
    assert_eq!(answer.err(), Some(TransportError::Unreachable));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_tls_matter() {
    let (address, _counts) = server::start();
    let answer = client().send(get(&address.replace("http:", "https:"), ConnectionWish::Any)).await;
    assert_eq!(answer.err(), Some(TransportError::Tls));
}

#[tokio::test]
async fn what_is_no_address_is_an_invalid_request() {
    for url in ["/relative", "ftp://127.0.0.1/"] {
        let answer = client().send(get(url, ConnectionWish::Any)).await;
        assert_eq!(answer.err(), Some(TransportError::InvalidRequest), "{url}");
    }
}

#[tokio::test]
async fn a_pooled_connection_is_told_from_a_fresh_one() {
    let client = client();
    let (address, counts) = server::start();
    let mut seen = Vec::new();
    for wish in [ConnectionWish::Any, ConnectionWish::Any, ConnectionWish::Fresh, ConnectionWish::Any] {
        seen.push(client.send(get(&address, wish)).await.unwrap().connection);
    }
    assert_eq!(seen, [Connection::Fresh, Connection::Reused, Connection::Fresh, Connection::Reused]);
    assert_eq!(counts.connections(), 2);
}

#[tokio::test]
async fn requests_that_wish_it_have_a_connection_each() {
    let client = client();
    let (address, counts) = server::start();
    for _ in 0..3 {
        client.send(get(&address, ConnectionWish::Fresh)).await.unwrap();
    }
    assert_eq!(counts.connections(), 3);
}

#[test]
fn a_proxy_in_the_environment_is_not_taken() {
    let nobody = "http://127.0.0.1:9";
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "transport::a_busy_server_is_not_asked_again"])
        .envs(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].map(|name| (name, nobody)))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn futures_may_be_polled_off_the_runtime() {
    let spawn = mainstay::native::TokioSpawn::shared().unwrap();
    let client = Reqwest::new(spawn.handle().clone()).unwrap();
    let (address, _counts) = server::start();
    let (sender, receiver) = std::sync::mpsc::channel();
    mainstay::host::Spawn::spawn(
        &spawn,
        "test",
        Box::pin(async move { sender.send(client.send(get(&address, ConnectionWish::Any)).await.is_ok()).unwrap() }),
    );
    assert!(receiver.recv().unwrap());
}
