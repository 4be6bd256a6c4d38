//! The server as a client, an operator and a test see it: over real HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::as_conversions,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod admin;
mod bad_input;
mod broken;
mod connections;
mod device;
mod dpop;
mod faults;
mod key_memory;
mod main_job;
mod nodes;
mod oauth;
mod openapi;
mod pages;
mod program;
mod rotation;
mod secrets;
mod store;
mod support;

use mainstay_mock_server::{MockServer, MockServerBuilder};
use support::Till;

/// A server where ada signs in by script, and a till that knows it.
async fn start() -> (MockServer, Till) {
    start_with(MockServer::builder()).await
}

async fn start_with(builder: MockServerBuilder) -> (MockServer, Till) {
    let server = builder.scripted_person("ada").start().await.unwrap();
    let till = Till::new(&server);
    (server, till)
}
