//! `mainstay vault`, as a program: what it says, what it leaves alone, and what it cannot be brought to do.
#![cfg(unix)]
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../../../tests/process/app.rs"]
mod app;
mod doctor;
mod documented;
mod hostile;
mod live;
mod looking;
mod restoring;
#[path = "../../../tests/process/run.rs"]
mod run;
mod sandbox;
