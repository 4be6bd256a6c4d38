//! Client processes: the other end of the protocol.
//!
//! [`run_rust`] is a till over the SDK's public API. [`run_naive`] is the kind of client that the incidents were hard
//! on: it believes every 401. Both are real programs on real HTTP, and share the till around the session.

mod browser;
mod log;
mod machine;
mod naive;
mod one_by_one;
mod rust;
mod serve;
mod till;
mod turnstile;

pub use log::log_to_standard_error;
pub use naive::run as run_naive;
pub use rust::run as run_rust;

use machine::Machine;
