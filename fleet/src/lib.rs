//! What a server sees of many devices at once.
//!
//! One device that waits a random time is harmless; whether a million of them are depends on what they do together. Here
//! the decision core, the same code that runs in a till, is run for N devices against a server that can answer C token
//! requests per second, through the incidents of [`incidents`]. [`run`] is a discrete-event simulation: no network, no
//! threads, no clock but its own.
//!
//! `docs/fleet.md` shows what comes of it. The model is held against the real SDK and a real server in `tests/real.rs`.

mod all;
mod client;
mod dice;
mod incident;
mod picture;
mod plain;
mod queue;
mod report;
mod server;
mod simulation;
mod table;

pub use all::{Run, run_all};
pub use incident::{Incident, all as incidents};
pub use picture::{Panel, Picture, PictureError};
pub use report::{Kind, Report, grouped, picture};
pub use simulation::{BYTES_PER_DEVICE, Setup, run};
pub use table::table;

/// What the decision core itself remembers of one device, in bytes.
pub const CORE_BYTES_PER_DEVICE: usize = client::CORE_BYTES;
