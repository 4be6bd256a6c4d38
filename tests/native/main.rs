//! The native host against the real operating system.
#![cfg(all(feature = "native", not(feature = "single-threaded")))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod files;
mod locks;
mod server;
mod time;
mod transport;
mod vault;

use tokio::runtime::Handle;

fn name(name: &str) -> mainstay::host::FileName {
    mainstay::host::FileName::new(name).unwrap()
}

fn handle() -> Handle {
    Handle::current()
}
