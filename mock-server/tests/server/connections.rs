//! Connections behave as HTTP/1.1 says, and the server may have another name.

use mainstay_mock_server::{MockServer, StartError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::start;

/// Sends `requests` on one connection and reads until the server closes it; returns how many answers came.
async fn answers(server: &MockServer, requests: &str) -> usize {
    let address = server.url().socket_addrs(|| None).unwrap()[0];
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(requests.as_bytes()).await.unwrap();
    let mut read = String::new();
    stream.read_to_string(&mut read).await.unwrap();
    assert_eq!(read.matches("date: ").count(), read.matches("HTTP/1.1 200").count());
    read.matches("HTTP/1.1 200").count()
}

#[tokio::test]
async fn a_connection_is_kept_until_somebody_closes_it() {
    let (server, _till) = start().await;
    let keep = "GET /jwks HTTP/1.1\r\nhost: x\r\n\r\n";
    let close = "GET /jwks HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    assert_eq!(answers(&server, close).await, 1);
    assert_eq!(answers(&server, &format!("{keep}{keep}{close}")).await, 3);
    assert_eq!(answers(&server, &format!("{close}{keep}")).await, 1);
}

#[tokio::test]
async fn a_server_that_is_dropped_answers_no_more() {
    let (server, till) = start().await;
    assert_eq!(till.get("/jwks", "").await.status, 200);
    drop(server);
    let request = till.try_send(http::Method::GET, "/jwks", &[], "");
    assert!(request.await.is_none());
}

#[tokio::test]
async fn a_server_may_be_reached_by_another_name() {
    let address = "127.0.0.1:0".parse().unwrap();
    let server = MockServer::builder().address(address).issuer("https://auth.example:8443/").start().await.unwrap();
    assert_eq!((server.issuer(), server.url().as_str()), ("https://auth.example:8443", "https://auth.example:8443/"));
    for wrong in ["auth.example", "https://a.example/path", "https://a.example/?q", "ftp://a.example", ""] {
        let refused = MockServer::builder().issuer(wrong).start().await;
        assert!(matches!(refused, Err(StartError::Issuer(_))), "{wrong}");
    }
}
