//! Real processes over one vault: killed, stopped, forked, and counted by a real server.
#![cfg(all(unix, feature = "native", feature = "test-support", not(feature = "single-threaded")))]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod app;
mod forked;
mod killed;
#[cfg(target_os = "linux")]
mod memory;
mod run;
#[cfg(target_os = "linux")]
#[path = "../../demo/tests/leak/scanner.rs"]
mod scanner;
mod seen;
mod together;
#[cfg(target_os = "linux")]
mod wiping;

use app::Setup;
use mainstay_mock_server::{MockServer, Rotation};
use tempfile::TempDir;

/// A server, a folder for the vault and one for its key.
struct Shop {
    server: MockServer,
    folder: TempDir,
}

impl Shop {
    async fn new(rotation: Rotation) -> Self {
        let builder = MockServer::builder().profile(rotation).generate_secret().virtual_clock(1_795_197_600_000);
        let server = builder.start().await.unwrap();
        server.control().script_sign_in("ada");
        Self { server, folder: TempDir::new().unwrap() }
    }

    /// An app whose clock starts at so many seconds after the machine did.
    fn setup(&self, at: u64) -> Setup {
        Setup {
            issuer: self.server.issuer().to_owned(),
            folder: self.folder.path().join("vault"),
            keys: Some(self.folder.path().join("keys")),
            virtual_time: Some(at),
            without_locks: false,
            without_watch: false,
            deaf_watch: false,
            enroll_device_key: false,
            keyring_patience: 5,
        }
    }

    /// How often each refresh token was presented, the most often first.
    fn presented(&self) -> Vec<u64> {
        let mut counts: Vec<_> = self.server.control().observations().refreshes_by_generation.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts
    }
}
