//! Requests leave one after the other, in the order in which the client made them, and their answers come back in it.
//!
//! Two requests under way at once would reach the server in either order, and come back in either: no run would be like
//! another. So the next one leaves when the one before was answered, or rests in the server; and the first answer is
//! handed over when nothing else will be answered now.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mainstay::test_support::Activity;
use tokio::sync::watch;

/// One for the whole client. Cheap to clone.
#[derive(Clone)]
pub(super) struct Turnstile {
    queue: Arc<Mutex<Queue>>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Queue {
    next: u64,
    requests: BTreeMap<u64, Phase>,
    /// How many requests rest in the server, by its own account.
    resting: usize,
    is_closed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waits,
    IsOut,
    Answered,
}

impl Queue {
    /// Whether everything that left was answered, or rests.
    fn is_settled(&self) -> bool {
        let out = self.requests.values().filter(|phase| **phase == Phase::IsOut).count();
        !self.is_closed && out <= self.resting
    }

    fn may_leave(&self, number: u64) -> bool {
        let first = self.requests.iter().find(|(_, phase)| **phase == Phase::Waits).map(|(number, _)| *number);
        self.is_settled() && first == Some(number)
    }

    fn may_be_handed_over(&self, number: u64) -> bool {
        let waits = self.requests.values().any(|phase| *phase == Phase::Waits);
        let first = self.requests.iter().find(|(_, phase)| **phase == Phase::Answered).map(|(number, _)| *number);
        self.is_settled() && !waits && first == Some(number)
    }
}

impl Turnstile {
    /// Closed.
    pub(super) fn new() -> Self {
        let queue = Queue { is_closed: true, ..Queue::default() };
        Self { queue: Arc::new(Mutex::new(queue)), changed: watch::Sender::new(()) }
    }

    /// Takes a place in the queue.
    pub(super) fn enter(&self) -> Place {
        let mut queue = self.queue();
        queue.next += 1;
        let number = queue.next;
        queue.requests.insert(number, Phase::Waits);
        Place { turnstile: self.clone(), number }
    }

    /// Nobody passes, in either direction.
    pub(super) fn close(&self) {
        self.queue().is_closed = true;
    }

    /// The server says how many requests rest in it.
    pub(super) fn open(&self, resting: usize) {
        let mut queue = self.queue();
        (queue.resting, queue.is_closed) = (resting, false);
        drop(queue);
        self.changed.send_replace(());
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn until(&self, may: impl Fn(&Queue) -> bool) {
        let mut changes = self.changed.subscribe();
        while !may(&self.queue()) {
            // The sender is `self`.
            let _ = changes.changed().await;
        }
    }
}

/// A request's place. Whoever gives the request up leaves the queue.
pub(super) struct Place {
    turnstile: Turnstile,
    number: u64,
}

impl Place {
    /// Carries out the exchange when its turn has come; completes when its answer may be handed over.
    pub(super) async fn pass<T>(self, activity: &Activity, exchange: impl Future<Output = T>) -> T {
        let number = self.number;
        self.turnstile.until(|queue| queue.may_leave(number)).await;
        self.set(Phase::IsOut);
        let answer = exchange.await;
        self.set(Phase::Answered);
        let turn = |queue: &Queue| queue.may_be_handed_over(number);
        loop {
            self.turnstile.until(turn).await;
            activity.quiescent_but_for(usize::MAX).await;
            // What the answer before it set in motion may have sent another request meanwhile.
            if turn(&self.turnstile.queue()) {
                return answer;
            }
        }
    }

    fn set(&self, phase: Phase) {
        self.turnstile.queue().requests.insert(self.number, phase);
        self.turnstile.changed.send_replace(());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.turnstile.queue().requests.remove(&self.number);
        self.turnstile.changed.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::oneshot, task::yield_now, time::timeout};

    use super::*;

    type Left = Arc<Mutex<Vec<u32>>>;

    fn send(turnstile: &Turnstile, left: &Left, name: u32) -> (oneshot::Sender<()>, tokio::task::JoinHandle<u32>) {
        let (answer, answered) = oneshot::channel();
        let (place, left) = (turnstile.enter(), Arc::clone(left));
        let exchange = async move {
            left.lock().unwrap().push(name);
            let _ = answered.await;
            name
        };
        (answer, tokio::spawn(async move { place.pass(&Activity::default(), exchange).await }))
    }

    #[tokio::test]
    async fn the_next_request_leaves_when_the_one_before_was_answered_or_rests() {
        let (turnstile, left) = (Turnstile::new(), Left::default());
        turnstile.open(0);
        let (first, one) = send(&turnstile, &left, 1);
        let (second, two) = send(&turnstile, &left, 2);
        for _ in 0..20 {
            yield_now().await;
        }
        assert_eq!(*left.lock().unwrap(), [1]);
        turnstile.open(1);
        second.send(()).unwrap();
        assert_eq!(timeout(Duration::from_secs(5), two).await.unwrap().unwrap(), 2, "the first one rests");
        turnstile.open(0);
        first.send(()).unwrap();
        assert_eq!(timeout(Duration::from_secs(5), one).await.unwrap().unwrap(), 1);
        assert_eq!(*left.lock().unwrap(), [1, 2]);
    }

    #[tokio::test]
    async fn nobody_passes_while_it_is_closed() {
        let (turnstile, left) = (Turnstile::new(), Left::default());
        let (first, one) = send(&turnstile, &left, 1);
        first.send(()).unwrap();
        for _ in 0..20 {
            yield_now().await;
        }
        assert!(left.lock().unwrap().is_empty());
        turnstile.open(0);
        assert_eq!(timeout(Duration::from_secs(5), one).await.unwrap().unwrap(), 1);
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_is_in_nobodys_way() {
        let (turnstile, left) = (Turnstile::new(), Left::default());
        turnstile.open(0);
        let (_never, one) = send(&turnstile, &left, 1);
        let (second, two) = send(&turnstile, &left, 2);
        yield_now().await;
        one.abort();
        second.send(()).unwrap();
        assert_eq!(timeout(Duration::from_secs(5), two).await.unwrap().unwrap(), 2);
    }
}
