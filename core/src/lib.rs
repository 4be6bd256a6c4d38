//! The decision core of Mainstay: `(state, event, now, entropy) -> (state, effects)`.
//!
//! Pure: no I/O, no clock, no randomness, no async, no secrets. It sees generation numbers and what servers said, and
//! decides what a session does next. The same code runs in a till, in a browser, in a property test and in a simulator
//! with a million devices.
//!
//! Read [`State`] first, then [`Event`] (what can happen) and [`Effect`] (what is to be done), then [`Session::step`].
//! `README.md` beside this crate has the diagram that `transition.rs` implements.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "mutants"))]
extern crate std;

#[macro_use]
#[cfg(not(feature = "mutants"))]
mod mutants;
#[macro_use]
#[cfg(feature = "mutants")]
pub mod mutants;
mod attempt;
mod clocks;
pub mod codes;
mod effect;
mod event;
pub mod explain;
mod memory;
pub mod pacing;
mod rng;
mod session;
mod state;
mod time;
mod transition;

pub use codes::Code;
pub use effect::{Effect, Note, Permission, ProbePurpose, Target};
pub use event::{
    Event, IdentityProof, NewGeneration, Opened, Outcome, ProbeOutcome, Rejection, RejectionClass, Restored, Signal,
    TokenOutcome,
};
pub use explain::{Action, Next, NextStep, Situation};
pub use memory::{SNAPSHOT_VERSION, Snapshot};
pub use pacing::IssuerPacing;
pub use session::{Answer, Policy, Session};
pub use state::{Connectivity, ForeignBy, HoldCause, LockReason, SignInReason, SignedOutReason, State};
pub use time::{Generation, Timestamp};

#[cfg(test)]
mod tests;
