//! A real keyring: gnome-keyring on a session bus of its own, apps in processes of their own, a server over HTTP.
//!
//! Needs Debian's packages `dbus`, `gnome-keyring` and `libglib2.0-bin`; `cargo xtask test --suite vault` installs them.
//! Not built without the feature `keyring`, so that no run without a bus looks as if it had passed.
#![cfg(target_os = "linux")]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../process/app.rs"]
mod app;
mod desktop;
#[path = "../process/run.rs"]
mod run;

use app::Setup;
use desktop::{Desktop, on, server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_outlives_the_app_and_the_keyrings_daemon() {
    let (mut desktop, server) = (Desktop::new(), server().await);
    let setup = on(&desktop, &server);
    let mut app = desktop.app(&setup);
    assert_eq!(app.ask("start"), "ok");
    assert_eq!(app.ask("key-store"), "Secret Service");
    assert_eq!(app.ask("sign-in"), "ok");
    assert_eq!(app.ask("call"), "200");
    assert_eq!(desktop.entries(), 1);
    app.kill();
    desktop.kill_keyring();
    desktop.log_in();

    let mut app = desktop.app(&setup);
    assert_eq!(app.ask("start"), "ok");
    assert_eq!(app.ask("state"), "signed_in 1");
    assert_eq!(app.ask("call"), "200");
    assert_eq!((server.control().observations().prompts_in_all(), desktop.entries()), (1, 1));
}

/// B13, P10. 1. The person's keyring locks itself in the middle of a session: that goes on. 2. The app is started
/// again: Locked, which is no sign-in screen. 3. The keyring is unlocked: the app goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_keyring_is_never_signed_out_and_nothing_is_overwritten() {
    let (desktop, server) = (Desktop::new(), server().await);
    let setup = on(&desktop, &server);
    let mut app = desktop.app(&setup);
    assert_eq!([app.ask("start"), app.ask("sign-in")], ["ok", "ok"]);
    desktop.lock();
    assert_eq!(app.ask("call"), "200");
    app.kill();

    let before = desktop.everything_stored();
    let mut app = desktop.app(&setup);
    assert_eq!(app.ask("start"), "ok");
    assert_eq!(app.ask("state"), "locked 0");
    assert_eq!(app.ask("token"), "error the vault is locked");
    assert_eq!(desktop.everything_stored(), before);
    desktop.unlock();
    app.ask("until signed_in");
    assert_eq!(app.ask("call"), "200");
    assert_eq!(server.control().observations().prompts_in_all(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_session_bus_the_vault_is_locked_and_nothing_weaker_is_used() {
    let (desktop, server) = (Desktop::new(), server().await);
    let setup = on(&desktop, &server);
    let mut fresh = desktop.app_without_bus(&setup);
    assert_eq!(fresh.ask("start"), "ok");
    assert_eq!(fresh.ask("sign-in"), "error the vault is locked");
    fresh.kill();
    let leftovers = desktop.everything_stored().into_keys().filter(|path| path.starts_with(desktop.path("vault")));
    let leftovers: Vec<_> = leftovers.filter(|path| path.extension().is_none_or(|it| it != "lock")).collect();
    assert_eq!(leftovers, Vec::<std::path::PathBuf>::new());

    let mut app = desktop.app(&setup);
    assert_eq!([app.ask("start"), app.ask("sign-in")], ["ok", "ok"]);
    app.kill();
    let before = desktop.everything_stored();
    let mut app = desktop.app_without_bus(&setup);
    assert_eq!(app.ask("start"), "ok");
    assert_eq!(app.ask("state"), "locked 0");
    assert_eq!(desktop.everything_stored(), before);
}

/// 1. The keyring takes the question and does not answer. 2. The app is told so in time, and is not held up otherwise.
/// 3. The keyring answers at last: the app goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyring_that_hangs_is_locked_in_time_and_holds_nothing_else_up() {
    let (desktop, server) = (Desktop::new(), server().await);
    let setup = Setup { keyring_patience: 1, ..on(&desktop, &server) };
    let mut app = desktop.app(&setup);
    assert_eq!([app.ask("start"), app.ask("sign-in")], ["ok", "ok"]);
    app.kill();

    desktop.signal_keyring("STOP");
    let mut app = desktop.app(&setup);
    assert_eq!(app.ask("start"), "ok");
    assert_eq!(app.ask("state"), "locked 0");
    assert_eq!(app.ask("threads mainstay-keys"), "1");
    desktop.signal_keyring("CONT");
    app.ask("until signed_in");
    assert_eq!(app.ask("call"), "200");
    assert_eq!(server.control().observations().prompts_in_all(), 1);
}

/// B16
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_may_be_larger_than_any_keyring_entry() {
    let (desktop, server) = (Desktop::new(), server().await);
    let setup = on(&desktop, &server);
    let mut app = desktop.app(&setup);
    assert_eq!(app.ask("store till 4096"), "ok");
    app.kill();
    let mut app = desktop.app(&setup);
    assert_eq!(app.ask("stored till"), "4096");
    assert_eq!(desktop.entries(), 1);
}

/// Eight real processes store something in a vault that does not exist yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_make_exactly_one_key() {
    let (desktop, server) = (Desktop::new(), server().await);
    let setup = on(&desktop, &server);
    let mut apps: Vec<_> = (0..8).map(|_| desktop.app(&setup)).collect();
    for app in &mut apps {
        assert_eq!(app.ask("ping"), "pong");
    }
    for (number, app) in apps.iter_mut().enumerate() {
        app.tell(&format!("store cashier-{number} 100"));
    }
    for app in &mut apps {
        assert_eq!(app.hear().as_deref(), Some("ok"));
    }
    assert_eq!(desktop.entries(), 1);
    let mut app = desktop.app(&setup);
    for number in 0..8 {
        assert_eq!(app.ask(&format!("stored cashier-{number}")), "100");
    }
}

/// B18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_without_a_keyring_keeps_sessions_if_the_app_says_so_and_the_status_names_it() {
    let (desktop, server) = (Desktop::new(), server().await);
    let setup = Setup { keys: Some(desktop.path("keys")), ..on(&desktop, &server) };
    let mut app = desktop.app_without_bus(&setup);
    assert_eq!(app.ask("start"), "ok");
    assert_eq!(app.ask("key-store"), "unprotected file");
    assert_eq!(app.ask("sign-in"), "ok");
    app.kill();
    let mut app = desktop.app_without_bus(&setup);
    assert_eq!([app.ask("start"), app.ask("state")], ["ok", "signed_in 1"]);
    assert_eq!((desktop.entries(), server.control().observations().prompts_in_all()), (0, 1));
}
