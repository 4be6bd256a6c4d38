//! `mainstay vault` and a real keyring: gnome-keyring on a session bus of its own, and an app that keeps its key there.
//!
//! Needs what the SDK's own tests of the keyring need; `cargo xtask test --suite vault` installs that, and builds with the
//! feature `keyring`.
#![cfg(target_os = "linux")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../../../tests/process/app.rs"]
mod app;
#[path = "../../../tests/keyring/desktop.rs"]
#[expect(dead_code, reason = "shared with the tests of the keyring itself, which do more to it")]
mod desktop;
mod ear;
#[path = "../../../tests/process/run.rs"]
mod run;

use std::{process::Output, time::Instant};

use app::Setup;
use desktop::{Desktop, on, server};
use ear::Ear;
use serde_json::Value;

/// A desktop where ada has signed in, in an app that does not run any more.
async fn signed_in() -> (Desktop, Setup) {
    let (desktop, server) = (Desktop::new(), server().await);
    let setup = on(&desktop, &server);
    let mut app = desktop.app(&setup);
    assert_eq!([app.ask("start"), app.ask("sign-in")], ["ok", "ok"]);
    app.kill();
    (desktop, setup)
}

/// `mainstay vault … --keyring --json` on that desktop: its exit status, and what it said.
fn mainstay(desktop: &Desktop, command: &str) -> (i32, Value) {
    let folder = desktop.path("vault");
    let args = ["vault", command, folder.to_str().unwrap(), "--keyring", "--json"];
    let Output { status, stdout, stderr } =
        desktop.command(env!("CARGO_BIN_EXE_mainstay")).args(args).output().unwrap();
    let said = serde_json::from_slice(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout:?} {stderr:?}"));
    (status.code().expect("it was killed"), said)
}

const COMMANDS: [&str; 2] = ["status", "verify"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_keyring_everything_opens() {
    let (desktop, _setup) = signed_in().await;
    let before = desktop.everything_stored();
    for command in COMMANDS {
        let (status, said) = mainstay(&desktop, command);
        assert_eq!((status, said["health"].as_str()), (0, Some("fine")), "{command}: {said}");
        assert_eq!(
            (said["opened"]["outcome"].as_str(), said["key_store"].as_str()),
            (Some("value"), Some("Secret Service"))
        );
    }
    let (_, said) = mainstay(&desktop, "status");
    assert_eq!(said["accounts"][0]["state"]["name"], "signed_in");
    assert_eq!(said["accounts"][0]["identity"]["subject"], "ada");
    assert_eq!(desktop.everything_stored(), before);
}

/// 1. The keyring locks itself. 2. Somebody looks: locked is said, at once, with its exit status; nobody is asked to unlock
/// anything, and nothing is written. 3. It is unlocked: everything opens again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_keyring_is_said_to_be_locked_and_nobody_is_asked() {
    let (desktop, _setup) = signed_in().await;
    desktop.lock();
    let before = desktop.everything_stored();
    let ear = Ear::on(&desktop);
    let began = Instant::now();
    for command in COMMANDS {
        let (status, said) = mainstay(&desktop, command);
        assert_eq!((status, said["health"].as_str()), (3, Some("closed")), "{command}: {said}");
        let opened = (said["opened"]["outcome"].as_str(), said["opened"]["reason"].as_str());
        assert_eq!(opened, (Some("locked"), Some("key_store_locked")), "{command}");
    }
    assert!(began.elapsed().as_secs() < 10, "{:?}: it waited for somebody", began.elapsed());
    assert_eq!(ear.prompts(&desktop), 0);
    assert_eq!(desktop.everything_stored(), before);

    desktop.unlock();
    assert_eq!(mainstay(&desktop, "status").0, 0);
}

/// The negative control: an app does ask, and is heard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_that_finds_the_keyring_locked_asks() {
    let (desktop, setup) = signed_in().await;
    desktop.lock();
    let ear = Ear::on(&desktop);
    let mut app = desktop.app(&setup);
    assert_eq!([app.ask("start"), app.ask("state")], ["ok", "locked 0"]);
    assert!(ear.prompts(&desktop) > 0);
}

/// A keyring that takes the question and does not answer holds nobody up for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyring_that_hangs_is_said_to_be_slow() {
    let (desktop, _setup) = signed_in().await;
    desktop.signal_keyring("STOP");
    let (status, said) = mainstay(&desktop, "status");
    desktop.signal_keyring("CONT");
    let opened = (said["opened"]["outcome"].as_str(), said["opened"]["reason"].as_str());
    assert_eq!((status, opened), (3, (Some("locked"), Some("key_store_slow"))), "{said}");
}
