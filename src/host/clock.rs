//! Time, as the machine tells it.

use std::time::Duration;

use super::{BoxFuture, MaybeSendSync};

/// Time since an arbitrary point before this process started, suspend included (`CLOCK_BOOTTIME`, `elapsedRealtime`).
/// Never goes back.
pub type Monotonic = Duration;

/// Time since 1970-01-01T00:00:00Z as the device believes it. May jump, may be days off.
pub type WallTime = Duration;

/// Names one boot of the machine: monotonic times are comparable only within one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootId(pub String);

/// Tells the time and waits. The only place in Mainstay where time comes from.
pub trait Clock: MaybeSendSync {
    /// Time on the clock that counts suspend.
    fn monotonic(&self) -> Monotonic;
    /// Time on the device's calendar clock.
    fn wall(&self) -> WallTime;
    /// Which boot [`monotonic`](Clock::monotonic) belongs to; `None` where the platform does not tell.
    fn boot_id(&self) -> Option<BootId>;
    /// Completes when [`monotonic`](Clock::monotonic) has reached `deadline`, at once if it has already.
    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()>;
}
