//! A clock that a test moves.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::host::{BootId, BoxFuture, Clock, Monotonic, WallTime};

/// A clock that stands still until [`advance_to`](VirtualClock::advance_to). Clones are the same clock.
#[derive(Clone, Debug)]
pub struct VirtualClock(Arc<Mutex<Face>>);

#[derive(Debug)]
struct Face {
    now: Monotonic,
    wall: WallTime,
    boot: u64,
    /// Waiting tasks by deadline and by a number of their own.
    sleepers: BTreeMap<(Monotonic, u64), Option<Waker>>,
    next_sleeper: u64,
}

impl VirtualClock {
    /// A clock that shows `monotonic` since boot and `wall` since 1970.
    #[must_use]
    pub fn new(monotonic: Monotonic, wall: WallTime) -> Self {
        Self(Arc::new(Mutex::new(Face { now: monotonic, wall, boot: 1, sleepers: BTreeMap::new(), next_sleeper: 0 })))
    }

    /// Moves both clocks forward to the monotonic time `to` and wakes whoever waited for it. Never goes back.
    pub fn advance_to(&self, to: Monotonic) {
        let mut face = self.face();
        let passed = to.saturating_sub(face.now);
        face.now = face.now.saturating_add(passed);
        face.wall = face.wall.saturating_add(passed);
        let due: Vec<_> = {
            let now = face.now;
            face.sleepers.range_mut(..=(now, u64::MAX)).filter_map(|(_, waker)| waker.take()).collect()
        };
        drop(face);
        due.into_iter().for_each(Waker::wake);
    }

    /// Moves both clocks forward by `duration`.
    pub fn advance(&self, duration: Duration) {
        let to = self.face().now.saturating_add(duration);
        self.advance_to(to);
    }

    /// Turns the calendar clock, as a person or a time server does. The monotonic clock does not notice.
    pub fn set_wall(&self, wall: WallTime) {
        self.face().wall = wall;
    }

    /// Another boot: the monotonic clock starts again at `monotonic`, under another boot id. Nobody may be waiting.
    pub fn reboot(&self, monotonic: Monotonic) {
        let mut face = self.face();
        face.boot = face.boot.saturating_add(1);
        face.now = monotonic;
    }

    /// The earliest time that somebody waits for and that has not come yet.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Monotonic> {
        let face = self.face();
        face.sleepers.keys().map(|(deadline, _)| *deadline).find(|deadline| *deadline > face.now)
    }

    fn face(&self) -> MutexGuard<'_, Face> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for VirtualClock {
    /// An hour after boot, on 1 January 2026.
    fn default() -> Self {
        Self::new(Duration::from_secs(3600), Duration::from_secs(1_767_225_600))
    }
}

impl Clock for VirtualClock {
    fn monotonic(&self) -> Monotonic {
        self.face().now
    }

    fn wall(&self) -> WallTime {
        self.face().wall
    }

    fn boot_id(&self) -> Option<BootId> {
        Some(BootId(format!("virtual-{}", self.face().boot)))
    }

    fn sleep_until(&self, deadline: Monotonic) -> BoxFuture<'static, ()> {
        let mut face = self.face();
        let number = face.next_sleeper;
        face.next_sleeper = number.saturating_add(1);
        Box::pin(Sleep { clock: self.clone(), key: (deadline, number) })
    }
}

struct Sleep {
    clock: VirtualClock,
    key: (Monotonic, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut face = self.clock.face();
        if face.now >= self.key.0 {
            face.sleepers.remove(&self.key);
            return Poll::Ready(());
        }
        let replaced = face.sleepers.insert(self.key, Some(context.waker().clone()));
        drop(face);
        // A waker may own a task, and a task a sleep: it is dropped outside the lock.
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let removed = self.clock.face().sleepers.remove(&self.key);
        drop(removed);
    }
}
