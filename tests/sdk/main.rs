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

mod accounts;
mod audience;
mod bad_input;
mod browser;
mod budget;
mod call;
mod cashiers;
mod clocks;
mod cloning;
mod code_flow;
mod conformance;
mod device_grant;
mod disk;
mod dpop;
mod elsewhere;
mod evidence;
mod evidence_table;
mod explaining;
mod fleet;
mod forger;
mod id_tokens;
mod identity;
mod importing;
mod incidents;
mod key_store;
mod keys;
mod lifecycle;
mod never_clear;
mod no_locks;
mod one_of_many;
mod order;
mod process;
mod prompts;
mod queued_sales;
mod recovery;
mod redaction;
mod redaction_list;
mod refresh_answers;
mod resealing;
mod revoked;
mod set_aside;
mod signing_in_again;
mod signing_out;
mod single_flight;
mod till;
mod timeline;
mod too_new;
mod trouble;
mod wire;
mod withdrawing;
