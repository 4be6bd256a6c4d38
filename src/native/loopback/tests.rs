use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};

use super::*;
use crate::host::Answers;

/// What a sign-in waits for: `state=ours`.
struct Ours;

impl Answers for Ours {
    fn is_answer(&self, callback: &Url) -> bool {
        callback.query_pairs().any(|(name, value)| name == "state" && value == "ours")
    }
}

/// The negative control: a sign-in that believes whoever comes.
struct Anybodys;

impl Answers for Anybodys {
    fn is_answer(&self, _callback: &Url) -> bool {
        true
    }
}

struct Wait {
    redirect_uri: Url,
    callback: JoinHandle<Result<Url, BrowserError>>,
}

fn wait_for(registered: &str, answers: impl Answers + 'static) -> Wait {
    let loopback = Loopback::bind(&Url::parse(registered).unwrap(), &Handle::current()).unwrap();
    let redirect_uri = loopback.redirect_uri().clone();
    let page = SignInPage::new(Url::parse("https://id.example/authorize").unwrap(), Arc::new(answers));
    let pages = Pages::new(Some("Till <7>"));
    Wait { redirect_uri, callback: tokio::spawn(async move { loopback.answer(&page, &pages).await }) }
}

fn wait() -> Wait {
    wait_for("http://127.0.0.1/callback", Ours)
}

impl Wait {
    fn host(&self) -> String {
        format!("{}:{}", self.redirect_uri.host_str().unwrap(), self.redirect_uri.port().unwrap())
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.host().replace("localhost", "127.0.0.1")).await
    }

    /// The whole answer to these bytes, until the connection is closed.
    async fn send(&self, request: &str) -> String {
        let mut stream = self.connect().await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is reset has answered all the same, or not at all.
        let _reset = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    async fn ask(&self, method: &str, target: &str) -> String {
        self.send(&format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host())).await
    }

    fn still_waits(&self) -> bool {
        !self.callback.is_finished()
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[tokio::test]
async fn the_one_request_that_is_ours_ends_the_wait_and_closes_the_port() {
    for registered in ["http://127.0.0.1/callback", "http://[::1]/callback", "http://localhost/back/here"] {
        let waiting = wait_for(registered, Ours);
        let path = waiting.redirect_uri.path().to_owned();
        let answer = waiting.ask("GET", &format!("{path}?state=ours&code=c%2F1&iss=x")).await;
        assert_eq!(status(&answer), "200", "{answer}");
        let host = waiting.host();
        let callback = waiting.callback.await.unwrap().unwrap();
        assert_eq!(callback.as_str(), format!("http://{host}{path}?state=ours&code=c%2F1&iss=x"));
        // A second request on the port is refused: nobody listens.
        assert!(TcpStream::connect(host.replace("localhost", "127.0.0.1")).await.is_err(), "{registered}");
    }
}

#[tokio::test]
async fn the_page_tells_the_person_to_go_back_and_nobody_else_anything() {
    let waiting = wait();
    let answer = waiting.ask("GET", "/callback?state=ours&code=canary").await;
    assert!(answer.contains("go back to Till &lt;7&gt;") && answer.contains("prefers-color-scheme: dark"), "{answer}");
    let head = answer.to_ascii_lowercase();
    for header in ["cache-control: no-store", "referrer-policy: no-referrer", "default-src 'none'", "connection: close"]
    {
        assert!(head.contains(header), "{header}: {answer}");
    }
    assert!(!answer.contains("canary") && !answer.contains("<script"), "{answer}");
    waiting.callback.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_refusal_has_a_page_of_its_own_and_no_word_of_the_servers() {
    let waiting = wait();
    let answer =
        waiting.ask("GET", "/callback?state=ours&error=access_denied&error_description=%1B[31m%3Cb%3Ecanary").await;
    assert!(answer.contains("Not signed in") && !answer.contains("canary"), "{answer}");
    waiting.callback.await.unwrap().unwrap();
}

#[tokio::test]
async fn anything_else_is_told_so_and_ends_nothing() {
    let waiting = wait();
    let host = waiting.host();
    for (request, expected) in [
        (format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), "404"),
        (format!("GET /favicon.ico HTTP/1.1\r\nHost: {host}\r\n\r\n"), "404"),
        (format!("GET //evil.example/callback?state=ours HTTP/1.1\r\nHost: {host}\r\n\r\n"), "404"),
        (format!("GET /callback/x?state=ours HTTP/1.1\r\nHost: {host}\r\n\r\n"), "404"),
        (format!("POST /callback?state=ours HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n"), "405"),
        (format!("HEAD /callback?state=ours HTTP/1.1\r\nHost: {host}\r\n\r\n"), "405"),
        (format!("OPTIONS /callback?state=ours HTTP/1.1\r\nHost: {host}\r\n\r\n"), "405"),
        // A name that somebody made lead here.
        ("GET /callback?state=ours HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), "404"),
        ("GET /callback?state=ours HTTP/1.1\r\n\r\n".to_owned(), "404"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
        (format!("GET /callback?state=ours&x={} HTTP/1.1\r\nHost: {host}\r\n\r\n", "x".repeat(64 * 1024)), "431"),
    ] {
        let answer = waiting.send(&request).await;
        assert!(
            status(&answer) == expected || (expected == "431" && !answer.contains("200 OK")),
            "{request:.60}: {answer:.200}"
        );
        assert!(waiting.still_waits(), "{request:.60}");
    }
    assert_eq!(status(&waiting.ask("GET", "/callback?state=ours&code=c").await), "200");
    waiting.callback.await.unwrap().unwrap();
}

/// 1. A page that the person has open somewhere sends the browser to the port, with a code of its own. 2. It cannot know the
/// state, so it is told that nothing has happened. 3. The person goes on, and their own answer counts.
#[tokio::test]
async fn a_forged_answer_does_not_end_the_sign_in() {
    let waiting = wait();
    for forged in
        ["/callback?state=theirs&code=evil", "/callback?code=evil", "/callback", "/callback?state=&error=access_denied"]
    {
        let answer = waiting.ask("GET", forged).await;
        assert_eq!(status(&answer), "400", "{forged}");
        assert!(answer.contains("does not belong to your sign-in") && waiting.still_waits(), "{forged}");
    }
    waiting.ask("GET", "/callback?state=ours&code=c").await;
    assert!(waiting.callback.await.unwrap().unwrap().as_str().ends_with("state=ours&code=c"));

    // The negative control: without the check of the state the forged answer is what comes back.
    let careless = wait_for("http://127.0.0.1/callback", Anybodys);
    careless.ask("GET", "/callback?state=theirs&code=evil").await;
    assert!(careless.callback.await.unwrap().unwrap().as_str().ends_with("code=evil"));
}

#[tokio::test]
async fn connections_that_say_nothing_hold_nobody_up() {
    let waiting = wait();
    let mut silent = Vec::new();
    for _ in 0..2 * CONNECTIONS {
        silent.push(waiting.connect().await.unwrap());
    }
    assert_eq!(status(&waiting.ask("GET", "/callback?state=ours&code=c").await), "200");
    waiting.callback.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_sign_in_that_is_given_up_closes_the_port() {
    let waiting = wait();
    let host = waiting.host();
    TcpStream::connect(&host).await.unwrap();
    waiting.callback.abort();
    assert!(waiting.callback.await.unwrap_err().is_cancelled());
    assert!(TcpStream::connect(&host).await.is_err());
}

#[tokio::test]
async fn each_sign_in_has_a_port_of_its_own_unless_the_server_knows_one() {
    let (first, second) = (wait(), wait());
    assert_ne!(first.redirect_uri, second.redirect_uri);
    let taken = first.redirect_uri.clone();
    assert!(matches!(Loopback::bind(&taken, &Handle::current()), Err(BrowserError::Unavailable)), "the port is taken");
    drop(second);
    first.callback.abort();
    let _aborted = first.callback.await;
    assert_eq!(*Loopback::bind(&taken, &Handle::current()).unwrap().redirect_uri(), taken);
}

#[tokio::test]
async fn a_redirect_uri_that_leads_elsewhere_is_refused() {
    for elsewhere in [
        "https://127.0.0.1/callback",
        "http://192.168.0.7/callback",
        "http://app.example/callback",
        "com.example.till:/callback",
        "http://0.0.0.0/callback",
    ] {
        let bound = Loopback::bind(&Url::parse(elsewhere).unwrap(), &Handle::current());
        assert!(matches!(bound, Err(BrowserError::WrongRedirectUri)), "{elsewhere}");
    }
}

/// Another program that has the port on the other address of `localhost` would be sent the code.
#[tokio::test]
async fn localhost_is_listened_to_on_both_addresses() {
    let waiting = wait_for("http://localhost/callback", Ours);
    let port = waiting.redirect_uri.port().unwrap();
    for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        let limit = Duration::from_secs(10);
        assert!(tokio::time::timeout(limit, TcpStream::connect((address, port))).await.unwrap().is_ok(), "{address}");
    }
    waiting.callback.abort();
}
