//! Client processes: the other end of the protocol.
//!
//! [`run_naive`] is the kind of client that the incidents were hard on: it believes every 401. Both it and the client
//! over the SDK are real programs that speak real HTTP.

mod activity;
mod http;
mod naive;
mod serve;

pub(crate) use activity::Activity;
pub use naive::run as run_naive;
