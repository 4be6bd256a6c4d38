//! Hosts for tests: time that only moves when told to, dice that can be thrown again, and a count of what is under way.
//!
//! Nothing of this is in a shipped artefact: it exists only with the `test-support` feature.
//!
//! The rule of virtual time is that it advances only when nothing is under way: [`Activity`] counts woken tasks and
//! effects in flight, [`VirtualClock`] knows the next deadline, and [`Activity::run_until`] steps from one to the next.
//! Requests that a server reports as *held* are under way for ever and are subtracted by whoever knows of them.

mod activity;
mod browser;
mod clock;
mod entropy;
mod faults;
mod key_store;
mod narrow;
mod spawn;
#[cfg(test)]
mod tests;
mod tracked;

pub use activity::{Activity, Quiescent};
pub use browser::ScriptedBrowser;
pub use clock::VirtualClock;
pub use entropy::SeededEntropy;
pub use faults::{FaultyFiles, Operation, Survivors};
pub use key_store::SwitchableSecretStore;
pub use narrow::Narrow;
pub use spawn::LocalSpawn;
pub use tracked::TrackedHost;
