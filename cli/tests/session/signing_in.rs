//! A person signs in, and goes again.

use std::{fs, io::Read, os::unix::fs::PermissionsExt, process::Command};

use mainstay_mock_server::Endpoint;
use serde_json::Value;
use url::Url;

use crate::desk::{Desk, go, try_go};

/// Whether the server takes a token.
fn is_good(desk: &Desk, token: &str) -> bool {
    use std::{io::Write, net::TcpStream};
    let mut stream = TcpStream::connect(desk.server.address()).unwrap();
    write!(stream, "GET /api/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 200")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_has_a_token_and_signs_out() {
    let desk = Desk::new().await;
    for command in ["token", "curl-config", "status", "logout"] {
        let said = desk.mainstay(&[command]);
        assert_eq!(said.status, 4, "{command}: {}{}", said.out, said.err);
        assert!(said.err.contains("mainstay login"), "{}", said.err);
    }
    desk.sign_in();

    let token = desk.mainstay(&["token"]);
    assert_eq!((token.status, token.err.as_str()), (0, ""));
    assert!(is_good(&desk, token.out.trim()), "{}", token.out);
    let config = desk.mainstay(&["curl-config"]);
    assert_eq!(config.out, format!("header = \"Authorization: Bearer {}\"\n", token.out.trim()));
    let status = desk.mainstay(&["status"]);
    assert!(
        status.status == 0 && status.out.contains("Ada (ada)") && status.out.contains("unprotected file"),
        "{}",
        status.out
    );
    let json: Value = serde_json::from_str(&desk.mainstay(&["status", "--json"]).out).unwrap();
    assert_eq!((json["state"].as_str(), json["subject"].as_str()), (Some("signed_in"), Some("ada")), "{json}");

    // What is not asked for is shown nowhere: not in a status, and not in what is stored beside the vault.
    let stored = desk.path(".local/share/mainstay/default");
    let files: Vec<_> = fs::read_dir(&stored).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.iter().any(|file| file.ends_with("mainstay-cli.json")), "{files:?}");
    let signature = token.out.trim().rsplit('.').next().unwrap().to_owned();
    let shown = files.iter().map(|file| String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned());
    assert!(shown.chain([status.out]).all(|text| !text.contains(&signature)));

    let out = desk.mainstay(&["logout"]);
    assert_eq!((out.status, desk.server.control().observations().revoked), (0, 1), "{}{}", out.out, out.err);
    assert!(!is_good(&desk, token.out.trim()));
    let gone = desk.mainstay(&["token"]);
    assert_eq!((gone.status, gone.out.as_str()), (4, ""));

    // Whoever comes next is asked who they are.
    let login = desk.login(&["--no-browser"], "http");
    assert!(login.address().query_pairs().any(|(name, value)| name == "prompt" && value == "login"));
    go(&go(&login.address()).location.unwrap());
    assert_eq!(login.end().status, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sessions_of_one_person_have_two_names() {
    let desk = Desk::new().await;
    desk.sign_in();
    desk.server.control().script_sign_in("grace");
    let login = desk.login(&["--no-browser", "--as", "other"], "http");
    go(&go(&login.address()).location.unwrap());
    assert_eq!(login.end().out, "Signed in as Grace.\n");
    let who = |words: &[&str]| {
        let json: Value = serde_json::from_str(&desk.mainstay(&[&["status", "--json"], words].concat()).out).unwrap();
        json["subject"].as_str().unwrap().to_owned()
    };
    assert_eq!((who(&[]), who(&["--as", "other"])), ("ada".to_owned(), "grace".to_owned()));
    // A name belongs to one server.
    let elsewhere = desk.mainstay(&["login", "https://login.example", "--client-id", "cli", "--no-browser"]);
    assert_eq!(elsewhere.status, 2, "{}", elsewhere.err);
    assert!(elsewhere.err.contains("--as"), "{}", elsewhere.err);
    for name in ["../x", "A", "", "a b"] {
        assert_eq!(desk.mainstay(&["token", "--as", name]).status, 2, "{name}");
    }
}

/// 1. Somebody else's page sends the browser to the program's port, with a code of its own. 2. It is told that nothing has
/// happened. 3. The person's own answer counts, and then the port is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_answer_does_not_sign_anybody_in() {
    let desk = Desk::new().await;
    let login = desk.login(&["--no-browser"], "http");
    let callback = go(&login.address()).location.unwrap();
    let mut forged = callback.clone();
    forged.set_query(Some("state=forged&code=evil"));
    let page = go(&forged);
    assert!(page.status == 400 && page.body.contains("does not belong to your sign-in"), "{}", page.body);
    assert_eq!(desk.server.control().observations().requests_to(Endpoint::Token), 0);
    let page = go(&callback);
    assert!(page.status == 200 && page.body.contains("go back to your terminal"), "{}", page.body);
    assert_eq!(login.end().status, 0);
    assert!(try_go(&callback).is_none(), "nobody listens any more");
}

/// A server, or whoever speaks in its name, may write what it likes: none of it reaches the terminal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_refusal_says_does_not_reach_the_terminal() {
    let desk = Desk::new().await;
    let login = desk.login(&["--no-browser"], "http");
    let address = login.address();
    let parameter = |name: &str| address.query_pairs().find(|(known, _)| known == name).unwrap().1.into_owned();
    let mut refusal = Url::parse(&parameter("redirect_uri")).unwrap();
    let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e} canary";
    refusal
        .query_pairs_mut()
        .append_pair("state", &parameter("state"))
        .append_pair("iss", desk.server.issuer())
        .append_pair("error", "access_denied")
        .append_pair("error_description", hostile);
    let page = go(&refusal);
    assert!(page.body.contains("Not signed in") && !page.body.contains("canary"), "{}", page.body);
    let said = login.end();
    let shown = format!("{}{}", said.out, said.err);
    assert_eq!(said.status, 1, "{shown}");
    assert!(!shown.contains("canary") && !shown.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']), "{shown:?}");
    assert!(shown.contains("Nothing has changed"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_without_a_browser_signs_in_with_a_code() {
    let desk = Desk::new().await;
    desk.server.control().reconfigure(|config| config.device_grant.interval_seconds = Some(1)).unwrap();
    let login = desk.login(&["--device"], "Waiting");
    let code = desk.server.control().device_codes().remove(0);
    assert!(login.said.contains(&code) && login.said.contains("/device\n"), "{}", login.said);
    assert!(desk.server.control().approve_device(&code, "grace"));
    let said = login.end();
    assert_eq!((said.status, said.out.as_str()), (0, "Signed in as Grace.\n"), "{}", said.err);

    let login = desk.login(&["--device"], "Waiting");
    assert!(desk.server.control().deny_device(&desk.server.control().device_codes()[0]));
    assert_eq!(login.end().status, 1);
    // Grace is signed in as before.
    assert_eq!(desk.mainstay(&["token"]).status, 0);
}

/// The system's own way to open links is given the address, and the program waits.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_systems_browser_is_opened_with_the_address() {
    let desk = Desk::new().await;
    let (opened, program) = (desk.path("opened"), desk.path("bin/xdg-open"));
    assert!(Command::new("mkfifo").arg(&opened).status().unwrap().success());
    fs::create_dir(desk.path("bin")).unwrap();
    fs::write(&program, format!("#!/bin/sh\necho \"$1\" > '{}'\n", opened.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", desk.path("bin").display(), std::env::var("PATH").unwrap());
    let mut command = desk.command(&["login", desk.server.issuer(), "--client-id", "cli"]);
    let child = command
        .env("PATH", path)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let address = Url::parse(fs::read_to_string(&opened).unwrap().trim()).unwrap();
    go(&go(&address).location.unwrap());
    let said: crate::desk::Said = child.wait_with_output().unwrap().into();
    assert_eq!(said.out, "Signed in as Ada.\n", "{}", said.err);
    assert!(!said.err.contains("http"), "the address is shown to nobody who did not ask for it: {}", said.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_keyring_a_key_folder_has_to_be_named() {
    if cfg!(feature = "keyring") {
        return;
    }
    let desk = Desk::new().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_mainstay"));
    command.args(["login", desk.server.issuer(), "--client-id", "cli", "--no-browser"]).env("HOME", desk.path(""));
    let said: crate::desk::Said = command.output().unwrap().into();
    assert_eq!(said.status, 2, "{}", said.err);
    assert!(said.err.contains("--key-folder"), "{}", said.err);
}
