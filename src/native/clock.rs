//! The operating system's clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::host::{BootId, BoxFuture, Clock, Monotonic, WallTime};

use super::runtime;

/// Timers do not count suspend, the clock does: a sleep looks at the clock again at least this often.
const LONGEST_SLICE: Duration = Duration::from_secs(30);

/// `CLOCK_BOOTTIME` on Linux and Android, the monotonic clock elsewhere; the system's calendar clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsClock;

impl Clock for OsClock {
    fn monotonic(&self) -> Monotonic {
        monotonic()
    }

    fn wall(&self) -> WallTime {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn boot_id(&self) -> Option<BootId> {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(BootId(text.trim().to_owned())).filter(|boot| !boot.0.is_empty())
    }

    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while let Some(left) = deadline.checked_sub(monotonic()).filter(|left| !left.is_zero()) {
                runtime::run(async move { tokio::time::sleep(left.min(LONGEST_SLICE)).await }).await;
            }
        })
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn monotonic() -> Monotonic {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn monotonic() -> Monotonic {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}
