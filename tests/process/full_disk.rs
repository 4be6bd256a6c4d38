//! A disk that is really full: a small one of its own, which takes the right to mount it.
//!
//! `cargo xtask test --suite vault` runs this where that right is there, and says so where it is not.
#![cfg(all(target_os = "linux", feature = "native", feature = "test-support"))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod app;
mod run;

use std::{
    fs::File,
    io::{ErrorKind, Write},
    path::Path,
    process::Command,
};

use app::Setup;
use mainstay_mock_server::{Endpoint, MockServer, Rotation};
use run::Running;
use tempfile::TempDir;

/// A file system of half a megabyte.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(folder.path()).status().unwrap();
        assert!(mounted.success(), "no right to mount a file system");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all that is left.
    fn fill(&self) {
        let mut filler = File::create(self.path().join("sales.db")).unwrap();
        for size in [4096, 1] {
            let error = loop {
                if let Err(error) = filler.write_all(&vec![b'x'; size]) {
                    break error;
                }
            };
            assert_eq!(error.kind(), ErrorKind::StorageFull);
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.path().join("sales.db")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _reported_by_the_system = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// 1. The disk is full. 2. The token expires: nothing is spent. 3. The app is killed and started again on the full disk:
/// still signed in, as far as anybody can be. 4. There is space again: it goes on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_no_credential_and_no_prompt() {
    let (disk, keys) = (Disk::new(), TempDir::new().unwrap());
    let builder = MockServer::builder().profile(Rotation::Strict).generate_secret().virtual_clock(1_795_197_600_000);
    let server = builder.start().await.unwrap();
    server.control().script_sign_in("ada");
    let setup = |at| Setup {
        issuer: server.issuer().to_owned(),
        folder: disk.path().join("vault"),
        keys: Some(keys.path().to_owned()),
        virtual_time: Some(at),
        without_locks: false,
        without_watch: false,
        deaf_watch: false,
        enroll_device_key: false,
        keyring_patience: 5,
    };
    let mut app = Running::new(&setup(0), &[]);
    assert_eq!([app.ask("start"), app.ask("sign-in")], ["ok", "ok"]);
    disk.fill();
    for at in [10, 2000] {
        let refused = app.ask("refresh");
        assert!(refused.starts_with("error not available now"), "{refused}");
        assert_eq!(server.control().observations().requests_to(Endpoint::Refresh), 0);
        app.kill();
        app = Running::new(&setup(at), &[]);
        assert_eq!(app.ask("start"), "ok");
    }
    disk.free();
    assert_eq!(app.ask("until-token"), "generation 2");
    let seen = server.control().observations();
    assert_eq!((seen.prompts_in_all(), seen.reuse_detections, seen.requests_to(Endpoint::Refresh)), (1, 0, 1));
}
