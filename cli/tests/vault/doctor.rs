//! `mainstay doctor`: what a server offers, in plain words, and nothing that it says is obeyed by a terminal.

use std::{io::Write, net::TcpListener};

use mainstay_mock_server::MockServer;

use crate::sandbox::{Said, Sandbox};

const DOCUMENT: &str = include_str!("../../../docs/cli.md");
/// The address that the document's example was taken from.
const EXAMPLE: &str = "http://127.0.0.1:8400";

async fn diagnosed(issuer: &str, more: &[&str]) -> Said {
    let (sandbox, issuer) = (Sandbox::new(), issuer.to_owned());
    let more: Vec<String> = more.iter().map(|&one| one.to_owned()).collect();
    let asked = tokio::task::spawn_blocking(move || {
        let mut args = vec!["doctor", issuer.as_str()];
        args.extend(more.iter().map(String::as_str));
        sandbox.mainstay(&args)
    });
    asked.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_shows_what_it_says_of_the_mock_server() {
    let server = MockServer::builder().generate_secret().start().await.unwrap();
    let said = diagnosed(server.issuer(), &[]).await;
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{}", said.out);
    let shown = said.out.replace(server.issuer(), EXAMPLE);
    assert!(DOCUMENT.contains(&format!("```text\n{shown}```")), "docs/cli.md shows something else than\n{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_get_codes() {
    let server = MockServer::builder().generate_secret().start().await.unwrap();
    let said = diagnosed(server.issuer(), &["--json"]).await;
    let document = said.json();
    assert_eq!(document["issuer"], server.issuer());
    let codes: Vec<_> = document["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
    assert_eq!(codes.len(), 12, "{codes:?}");
    assert!(document["outlooks"].as_array().unwrap().iter().any(|outlook| outlook["recovery"] == "by_itself"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_asked_is_said_with_the_next_move() {
    for (issuer, code) in
        [("http://127.0.0.1:1", "unreachable"), ("http://id.example.com", "issuer"), ("\u{1b}[31m", "issuer")]
    {
        let said = diagnosed(issuer, &["--json"]).await;
        assert_eq!((said.status, said.json()["error"]["code"].as_str()), (2, Some(code)), "{}", said.out);
        assert!(!said.json()["error"]["next"].as_str().unwrap().is_empty());
        let said = diagnosed(issuer, &[]).await;
        assert_eq!((said.status, said.out.as_str()), (2, ""));
        assert!(!said.err.contains('\u{1b}'), "{:?}", said.err);
    }
}

/// A server that answers with whatever it likes, once for each connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_server_gets_one_line_and_no_say() {
    for body in ["", "<html>\u{1b}[2J", "{\"issuer\":\"\u{1b}]0;owned\u{7}\"}", "[[[[[["] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = stream;
                let _read = std::io::Read::read(&mut stream, &mut [0; 4096]);
                let _written = stream.write_all(answer.as_bytes());
            }
        });
        let said = diagnosed(&issuer, &[]).await;
        assert_eq!(said.status, 2, "{}", said.err);
        assert!(!said.err.contains('\u{1b}') && !said.err.contains('\u{7}'), "{:?}", said.err);
    }
}
