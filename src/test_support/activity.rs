//! What is under way.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use tokio::sync::watch;

use super::VirtualClock;
use crate::host::{Clock, FileName, Host, MaybeSend, Monotonic};

/// Counts woken tasks and effects in flight, over any number of hosts. Clones are the same count.
///
/// A task is counted from the moment it is woken until it was polled and has nothing more to do; an effect from its
/// call until its result was taken or given up. So a result that is on its way from one to the other is never missed.
#[derive(Clone, Debug, Default)]
pub struct Activity(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    awake: usize,
    effects: usize,
    requests: usize,
    locks: BTreeMap<FileName, LockCounts>,
    waiting: Vec<Waker>,
    /// By the address of what holds the files: processes on one folder hear of each other's changes.
    changes: BTreeMap<usize, watch::Sender<()>>,
}

/// Waiting for a lock that a task of ours holds is waiting for that task. It counts only once the lock is free.
#[derive(Debug, Default)]
struct LockCounts {
    held: usize,
    waiters: usize,
}

impl Counts {
    fn of(&mut self, what: &Effect) -> &mut usize {
        match what {
            Effect::AwakeTask => &mut self.awake,
            Effect::Request => &mut self.requests,
            Effect::Other => &mut self.effects,
            Effect::LockWait(name) => &mut self.locks.entry(name.clone()).or_default().waiters,
            Effect::LockHeld(name) => &mut self.locks.entry(name.clone()).or_default().held,
        }
    }

    fn is_quiet(&self) -> bool {
        let locks_settled = self.locks.values().all(|lock| lock.held > 0 || lock.waiters == 0);
        self.awake == 0 && self.effects == 0 && locks_settled
    }
}

impl Activity {
    /// Nothing under way.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same host, with everything that it does counted here.
    #[must_use]
    pub fn track(&self, host: Host) -> Host {
        super::TrackedHost::wrap(host, self)
    }

    /// The same future, counted as a task: for what a test calls itself.
    pub fn follow<F: Future + MaybeSend>(&self, future: F) -> impl Future<Output = F::Output> + MaybeSend + use<F> {
        Followed::new(self, future)
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_quiescent(&self) -> bool {
        let counts = self.counts();
        counts.is_quiet() && counts.requests == 0
    }

    /// Whether nothing is under way but at most `held` requests, which the server says it holds.
    #[must_use]
    pub fn is_quiescent_but_for(&self, held: usize) -> bool {
        let counts = self.counts();
        counts.is_quiet() && counts.requests <= held
    }

    /// Requests that were sent and not answered yet.
    #[must_use]
    pub fn in_flight_http(&self) -> usize {
        self.counts().requests
    }

    /// Completes when nothing is under way.
    pub fn quiescent(&self) -> Quiescent {
        self.quiescent_but_for(0)
    }

    /// Completes when nothing is under way but at most `held` requests, which the server says it holds.
    pub fn quiescent_but_for(&self, held: usize) -> Quiescent {
        Quiescent { activity: self.clone(), held }
    }

    /// Moves `clock` to `until`, from deadline to deadline, each time only when nothing is under way; and then lets
    /// what that woke come to rest.
    pub async fn run_until(&self, clock: &VirtualClock, until: Monotonic) {
        loop {
            self.quiescent().await;
            match clock.next_deadline().filter(|next| *next <= until) {
                Some(next) => clock.advance_to(next),
                None if clock.monotonic() < until => clock.advance_to(until),
                None => return,
            }
        }
    }

    pub(super) fn begin(&self, what: Effect) -> InFlight {
        let mut counts = self.counts();
        let count = counts.of(&what);
        *count = count.saturating_add(1);
        drop(counts);
        InFlight { activity: self.clone(), what }
    }

    /// One less of something; whoever waits for quiet looks again.
    fn end(&self, what: &Effect) {
        let mut counts = self.counts();
        let count = counts.of(what);
        *count = count.saturating_sub(1);
        let waiting = std::mem::take(&mut counts.waiting);
        drop(counts);
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(super) fn changes_of(&self, folder: usize) -> watch::Sender<()> {
        self.counts().changes.entry(folder).or_default().clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Activity::quiescent`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Quiescent {
    activity: Activity,
    held: usize,
}

impl Future for Quiescent {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut counts = self.activity.counts();
        if counts.is_quiet() && counts.requests <= self.held {
            return Poll::Ready(());
        }
        counts.waiting.push(context.waker().clone());
        Poll::Pending
    }
}

/// Something that is counted while it lasts.
#[derive(Debug)]
pub(super) enum Effect {
    AwakeTask,
    Request,
    Other,
    LockWait(FileName),
    LockHeld(FileName),
}

/// Counted until dropped.
#[derive(Debug)]
pub(super) struct InFlight {
    activity: Activity,
    what: Effect,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.activity.end(&self.what);
    }
}

/// A future that is counted from each time it is woken until it has nothing more to do.
pub(super) struct Followed<F> {
    future: Pin<Box<F>>,
    task: Arc<Task>,
}

impl<F: Future> Followed<F> {
    pub(super) fn new(activity: &Activity, future: F) -> Self {
        Self { future: Box::pin(future), task: Task::new(activity) }
    }
}

impl<F: Future> Future for Followed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.task.before_poll(context.waker());
        let waker = Waker::from(Arc::clone(&self.task));
        let polled = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        self.task.after_poll(polled.is_ready());
        polled
    }
}

impl<F> Drop for Followed<F> {
    fn drop(&mut self) {
        self.task.after_poll(true);
    }
}

/// Stands between a future and whoever polls it.
struct Task {
    activity: Activity,
    state: Mutex<TaskState>,
}

struct TaskState {
    phase: Phase,
    /// Counted as awake; `None` while asleep or done.
    counted: Option<InFlight>,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Resting,
    Polled,
    WokenWhilePolled,
    Done,
}

impl Task {
    /// A task that was just started, and is therefore awake.
    fn new(activity: &Activity) -> Arc<Self> {
        let counted = Some(activity.begin(Effect::AwakeTask));
        let state = TaskState { phase: Phase::Resting, counted, waker: None };
        Arc::new(Self { activity: activity.clone(), state: Mutex::new(state) })
    }

    fn before_poll(&self, waker: &Waker) {
        let mut state = self.state();
        state.phase = Phase::Polled;
        state.counted.get_or_insert_with(|| self.activity.begin(Effect::AwakeTask));
        let replaced = state.waker.replace(waker.clone());
        drop(state);
        drop(replaced);
    }

    fn after_poll(&self, done: bool) {
        let mut state = self.state();
        let woken = state.phase == Phase::WokenWhilePolled && !done;
        state.phase = if done { Phase::Done } else { Phase::Resting };
        let rested = if woken { None } else { state.counted.take() };
        drop(state);
        drop(rested);
    }

    fn state(&self) -> MutexGuard<'_, TaskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut state = self.state();
        match state.phase {
            Phase::Resting => {
                state.counted.get_or_insert_with(|| self.activity.begin(Effect::AwakeTask));
            }
            Phase::Polled => state.phase = Phase::WokenWhilePolled,
            Phase::WokenWhilePolled | Phase::Done => {}
        }
        let waker = state.waker.clone();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}
