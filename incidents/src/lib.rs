//! Incidents as data.
//!
//! A real outage becomes a file of the catalogue ([`format`](mod@format)). The [`director`] plays it: it owns a mock server and its
//! clock, starts a client process, makes things happen when the file says so, and looks whether what must be true is
//! true. It speaks to the client over a small [`protocol`], so that clients in every language play the same files. What
//! it saw is a [`report`].
//!
//! [`client`] holds the two Rust clients: one over the SDK, and a naive one for comparison.

pub mod client;
pub mod director;
pub mod format;
pub mod protocol;
pub mod report;
pub mod sales;
mod witness;
