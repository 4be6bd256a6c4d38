//! Unit tests, one file per topic, named after the policy they hold.

mod credentials;
mod holding;
mod ladder;
mod load;
mod opening;
mod person;
mod quarantine;
mod snapshot;
mod till;
