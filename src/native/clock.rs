//! The operating system's clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;

use crate::host::{BootId, BoxFuture, Clock, Monotonic, WallTime};

/// How long a timer may sleep at a stretch. Timers do not run while the machine is suspended, the clock does; so after
/// a resume a deadline is noticed at most this late.
const STRETCH: Duration = Duration::from_secs(10);

/// The clock that counts suspend, and the calendar clock.
#[derive(Clone, Debug)]
pub struct OsClock {
    handle: Handle,
    boot_id: Option<BootId>,
}

impl OsClock {
    /// Clocks whose timers run on this runtime.
    #[must_use]
    pub fn new(handle: Handle) -> Self {
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        Self { handle, boot_id: boot_id.map(|id| BootId(id.trim().to_owned())) }
    }
}

impl Clock for OsClock {
    fn monotonic(&self) -> Monotonic {
        since_boot()
    }

    fn wall(&self) -> WallTime {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn boot_id(&self) -> Option<BootId> {
        self.boot_id.clone()
    }

    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()> {
        let handle = self.handle.clone();
        Box::pin(async move {
            loop {
                let left = deadline.saturating_sub(since_boot());
                if left.is_zero() {
                    return;
                }
                let stretch = {
                    let _on_runtime = handle.enter();
                    tokio::time::sleep(left.min(STRETCH))
                };
                stretch.await;
            }
        })
    }
}

/// `CLOCK_BOOTTIME`; on Apple's systems `CLOCK_MONOTONIC` is the one that counts suspend.
#[cfg(unix)]
fn since_boot() -> Monotonic {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
    rustix::time::clock_gettime(CLOCK).try_into().unwrap_or_default()
}

/// Since the process first asked; Windows counts suspend in it.
#[cfg(not(unix))]
fn since_boot() -> Monotonic {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}
