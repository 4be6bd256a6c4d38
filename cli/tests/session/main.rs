//! `mainstay login`, `token`, `curl-config`, `status` and `logout`, as programs, against a real server.
#![cfg(unix)]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod desk;
mod many;
mod signing_in;
