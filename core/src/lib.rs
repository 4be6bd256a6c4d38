//! The decision core of Mainstay: `(state, event, now, entropy) -> (state, effects)`. Pure.
#![no_std]
extern crate alloc;

mod time;
pub use time::{Generation, Timestamp};
