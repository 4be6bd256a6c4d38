//! Many at once.

use std::{process::Stdio, sync::Arc, time::Duration};

use mainstay::{
    Client, native,
    test_support::{ScriptedBrowser, VirtualClock},
};
use mainstay_mock_server::Endpoint;

use crate::desk::{Desk, Said};

/// How many scripts ask for a token in the same moment.
const MANY: usize = 8;

/// Signs ada in two hours ago: her token has expired since.
async fn signed_in_long_ago(desk: &Desk, name: &str) {
    let folder = desk.path(".local/share/mainstay").join(name);
    let mut host = native::unprotected(&folder, desk.path("keys")).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    host.clock = Arc::new(VirtualClock::new(Duration::from_secs(1000), now - Duration::from_secs(7200)));
    let browser = ScriptedBrowser(Arc::clone(&host.transport));
    let client = Client::builder(desk.server.issuer(), "cli").host(host).build().await.unwrap();
    let session = client.sign_in(&browser).await.unwrap();
    session.access_token().await.unwrap();
    let settings = serde_json::json!({
        "issuer": desk.server.issuer(), "client_id": "cli", "redirect_uri": "http://127.0.0.1/callback", "scopes": [],
    });
    std::fs::write(folder.join("mainstay-cli.json"), settings.to_string()).unwrap();
}

fn all_at_once(desk: &Desk, name: impl Fn(usize) -> String) -> Vec<String> {
    let start = |at: usize| {
        let mut command = desk.command(&["token", "--as", &name(at)]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = (0..MANY).map(start).collect();
    let token = |child: std::process::Child| {
        let said: Said = child.wait_with_output().unwrap().into();
        assert_eq!(said.status, 0, "{}", said.err);
        said.out
    };
    children.into_iter().map(token).collect()
}

/// 1. A script starts a program for each file of a folder, and each asks for a token. 2. The token expired two hours ago.
/// 3. One of them renews it; the others wait, and have the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_renew_the_token_once() {
    let desk = Desk::new().await;
    signed_in_long_ago(&desk, "default").await;
    let tokens = all_at_once(&desk, |_| "default".to_owned());
    assert!(tokens.iter().all(|token| *token == tokens[0] && !token.is_empty()), "{tokens:?}");
    let seen = desk.server.control().observations();
    assert_eq!((seen.requests_to(Endpoint::Refresh), seen.reuse_detections), (1, 0));
}

/// The negative control: sessions that do not share a vault are renewed each by itself, and that is counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_their_own_are_renewed_each_by_itself() {
    let desk = Desk::new().await;
    for at in 0..MANY {
        signed_in_long_ago(&desk, &format!("till-{at}")).await;
    }
    let tokens = all_at_once(&desk, |at| format!("till-{at}"));
    let refreshes = desk.server.control().observations().requests_to(Endpoint::Refresh);
    assert_eq!(refreshes, u64::try_from(MANY).unwrap());
    assert_ne!(tokens[0], tokens[1]);
}
