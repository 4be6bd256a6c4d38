//! Knows whether anything in this process still moves.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

use tokio::sync::Notify;

/// Counts tasks that were woken and not yet polled, and HTTP requests in flight. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Activity(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    runnable: AtomicUsize,
    requests: AtomicUsize,
    changed: Notify,
}

impl Activity {
    /// Runs `task` on the current runtime. It counts as moving whenever it could be polled.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.runnable.fetch_add(1, SeqCst);
        let flag = Arc::new(Flag { woken: AtomicBool::new(true), counts: Arc::clone(&self.0) });
        tokio::spawn(Tracked { task: Box::pin(task), flag });
    }

    /// Counts a request until the guard is dropped.
    pub(crate) fn request(&self) -> RequestGuard {
        self.0.requests.fetch_add(1, SeqCst);
        RequestGuard(Arc::clone(&self.0))
    }

    /// Waits until no task could run and at most `held` requests are in flight; tells how many are.
    pub(crate) async fn quiet(&self, held: u32) -> u32 {
        loop {
            let changed = self.0.changed.notified();
            let requests = u32::try_from(self.0.requests.load(SeqCst)).unwrap_or(u32::MAX);
            if self.0.runnable.load(SeqCst) == 0 && requests <= held {
                return requests;
            }
            changed.await;
        }
    }
}

/// A request in flight.
#[derive(Debug)]
pub(crate) struct RequestGuard(Arc<Counts>);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, SeqCst);
        self.0.changed.notify_waiters();
    }
}

struct Flag {
    woken: AtomicBool,
    counts: Arc<Counts>,
}

impl Flag {
    fn set(&self) {
        if !self.woken.swap(true, SeqCst) {
            self.counts.runnable.fetch_add(1, SeqCst);
        }
    }

    fn clear(&self) -> bool {
        self.woken.swap(false, SeqCst)
    }

    fn settle(&self) {
        self.counts.runnable.fetch_sub(1, SeqCst);
        self.counts.changed.notify_waiters();
    }
}

/// Stands between a task and its waker.
struct FlagWaker {
    flag: Arc<Flag>,
    inner: Waker,
}

impl Wake for FlagWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.flag.set();
        self.inner.wake_by_ref();
    }
}

struct Tracked {
    task: Pin<Box<dyn Future<Output = ()> + Send>>,
    flag: Arc<Flag>,
}

impl Future for Tracked {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Cleared before the poll, so that a wake during it counts anew; subtracted after it, so that what the poll
        // began is counted before this task stops counting.
        let was_woken = self.flag.clear();
        let waker = Waker::from(Arc::new(FlagWaker { flag: Arc::clone(&self.flag), inner: context.waker().clone() }));
        let poll = self.task.as_mut().poll(&mut Context::from_waker(&waker));
        if was_woken {
            self.flag.settle();
        }
        poll
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if self.flag.clear() {
            self.flag.settle();
        }
    }
}
