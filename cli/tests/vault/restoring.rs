//! Putting back what was set aside.

use std::process::Stdio;

use mainstay::vault::Epoch;

use crate::sandbox::{Sandbox, credentials, till};

const KEY: [&str; 2] = ["--key-folder", "keys"];

/// What the till's current generation is called while it is set aside.
fn aside() -> String {
    format!("aside-019b76daa800-damaged-{}.current", till())
}

async fn set_aside() -> Sandbox {
    let sandbox = Sandbox::with_till().await;
    sandbox.set_aside("till").await;
    sandbox
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_set_aside_together_comes_back_together_and_opens() {
    let sandbox = set_aside().await;
    let said = sandbox.mainstay(&["vault", "restore", "till", &aside(), "--json"]);
    assert_eq!((said.status, said.json()["restored"].as_array().unwrap().len()), (0, 3), "{}", said.err);
    let status = sandbox.mainstay(&[&["vault", "status", "till", "--json"], &KEY[..]].concat()).json();
    assert_eq!(status["accounts"][0]["generations"][0]["generation"], 3);
    assert_eq!(status["set_aside"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_takes_nobody_s_place_and_brings_back_nobody_who_signed_out() {
    let sandbox = set_aside().await;
    let vault = sandbox.vault("till", None);
    vault.first_save(till(), &credentials(7, "ada"), Epoch::default()).await.unwrap();
    let before = sandbox.everything();
    let said = sandbox.mainstay(&["vault", "restore", "till", &aside()]);
    assert_eq!(said.status, 1);
    assert!(said.err.contains("Somebody signed in since"), "{}", said.err);
    let same = |sandbox: &Sandbox| {
        let is_lock = |path: &std::path::Path| path.extension().is_some_and(|it| it == "lock");
        let of = |all: std::collections::BTreeMap<_, (Vec<u8>, u32, std::time::SystemTime, u64)>| {
            let files = all.into_iter().filter(|(path, _): &(std::path::PathBuf, _)| path.is_file() && !is_lock(path));
            files.collect::<Vec<_>>()
        };
        of(before.clone()) == of(sandbox.everything())
    };
    assert!(same(&sandbox), "a refused restore moved something");

    // Signed out since, by a release that left behind what had been set aside.
    let kept = std::fs::read(sandbox.path("till").join(aside())).unwrap();
    vault.sign_out(till()).await.unwrap();
    std::fs::write(sandbox.path("till").join(aside()), kept).unwrap();
    let said = sandbox.mainstay(&["vault", "restore", "till", &aside(), "--json"]);
    assert_eq!((said.status, said.json()["error"]["code"].as_str()), (1, Some("signed_out")), "{}", said.err);
    let status = sandbox.mainstay(&["vault", "status", "till"]);
    assert!(status.out.contains("The session was signed out since"), "{}", status.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_is_none_is_refused_wherever_it_points() {
    let sandbox = set_aside().await;
    let before = sandbox.everything();
    for name in ["nothing", "../keys", "vault.install", "", "aside-0-damaged-vault.install", "/etc/passwd"] {
        let said = sandbox.mainstay(&["vault", "restore", "till", name]);
        assert_eq!(said.status, 2, "{name}: {}{}", said.out, said.err);
        assert!(said.err.contains("`mainstay vault status` lists"), "{}", said.err);
    }
    assert_eq!(sandbox.mainstay(&["vault", "restore", "missing", &aside()]).status, 2);
    assert!(sandbox.everything() == before);
}

/// 1. Somebody is writing, and has the credential's lock. 2. A restore does not barge in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_waits_for_whoever_is_writing() {
    let sandbox = set_aside().await;
    let lock = std::fs::File::create(sandbox.path("till").join(format!("{}.files.lock", till()))).unwrap();
    lock.lock().unwrap();
    let mut child = sandbox.command(&["vault", "restore", "till", &aside()]).stdout(Stdio::null()).spawn().unwrap();
    // It has come as far as the lock once it has the vault's own.
    let vault_lock = sandbox.path("till").join("vault.lock");
    while !std::fs::File::open(&vault_lock)
        .is_ok_and(|it| matches!(it.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
    {
        assert!(child.try_wait().unwrap().is_none(), "it did not wait");
        std::thread::yield_now();
    }
    assert!(sandbox.path("till").join(aside()).exists());
    drop(lock);
    assert!(child.wait().unwrap().success());
    assert!(!sandbox.path("till").join(aside()).exists());
}
