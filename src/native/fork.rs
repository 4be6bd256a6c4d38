//! What a forked child must not do: use tasks that it does not have, and keep locks that are its parent's.
//!
//! A child that runs another program has nothing of either: every descriptor is closed on exec. One that goes on as a
//! copy of this process shares its lock descriptors, and would hold a lock on when the parent dies; so it closes them
//! before `fork` returns in it. It never unlocks: that would take the lock from the parent.

#[cfg(not(unix))]
mod none;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(super) use none::{NotInherited, this_process, watch};
#[cfg(unix)]
pub(super) use unix::{NotInherited, this_process, watch};
