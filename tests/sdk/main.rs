//! The SDK against a real server, over real HTTP, in virtual time. Each test is named after the policy it shows.
#![cfg(all(feature = "native", feature = "test-support", not(feature = "single-threaded")))]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    reason = "tests"
)]

mod recovery;
mod till;
