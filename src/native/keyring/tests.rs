use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread::ThreadId,
};

use super::*;
use crate::test_support::VirtualClock;

/// Held by a test that does not let the keyring answer.
static GATE: Mutex<()> = Mutex::new(());
/// Which threads asked the keyring something, once for each question.
static ASKED: Mutex<Vec<ThreadId>> = Mutex::new(Vec::new());
static ASKED_AGAIN: Condvar = Condvar::new();
/// These tests share a gate.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn ask() {
    ASKED.lock().unwrap().push(std::thread::current().id());
    ASKED_AGAIN.notify_all();
}

struct Stuck;

impl Ring for Stuck {
    fn load(&self, name: &str) -> Result<Option<Secret>, SecretStoreError> {
        ask();
        assert_ne!(name, "panic", "a bug of the library's");
        drop(GATE.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Some(Secret::from_text(name)))
    }

    fn store(&self, _name: &str, _secret: &Secret) -> Result<(), SecretStoreError> {
        ask();
        Ok(())
    }

    fn remove(&self, _name: &str) -> Result<(), SecretStoreError> {
        Ok(())
    }

    fn is_locked(&self, _name: &str) -> bool {
        false
    }
}

fn stuck() -> (KeyringSecretStore, VirtualClock) {
    ASKED.lock().unwrap().clear();
    let clock = VirtualClock::new(Duration::from_secs(1), Duration::ZERO);
    let worker = Arc::new(Worker::new(|| Box::new(Stuck)));
    (KeyringSecretStore { worker, clock: Arc::new(clock.clone()), patience: PATIENCE, asks: true }, clock)
}

fn poll<T>(future: &mut BoxFuture<'_, T>) -> Poll<T> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// 1. The keyring hangs. 2. Three callers give up after five seconds. 3. It answers after all. 4. The next caller gets
/// an answer from the same thread, and what the others asked while they waited for their turn never happened.
#[tokio::test]
async fn a_hung_keyring_costs_one_thread_and_nobody_more_than_five_seconds() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (store, clock) = stuck();
    let gate = GATE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut hung = store.load("first");
    let mut queued = [store.store("second", Secret::from_text("late")), store.remove("third")];
    assert!(poll(&mut hung).is_pending());
    drop(ASKED_AGAIN.wait_while(ASKED.lock().unwrap(), |asked| asked.is_empty()).unwrap());
    assert!(queued.iter_mut().all(|call| poll(call).is_pending()));
    clock.advance(Duration::from_millis(4999));
    assert!(poll(&mut hung).is_pending());
    clock.advance(Duration::from_millis(1));
    assert_eq!(poll(&mut hung), Poll::Ready(Err(SecretStoreError::Timeout)));
    assert!(queued.iter_mut().all(|call| poll(call) == Poll::Ready(Err(SecretStoreError::Timeout))));
    drop((hung, queued));

    drop(gate);
    assert_eq!(store.load("fourth").await.unwrap(), Some(Secret::from_text("fourth")));
    let threads = ASKED.lock().unwrap().clone();
    assert_eq!(threads.len(), 2, "what was given up in the queue was asked all the same");
    assert!(threads.iter().all(|thread| *thread == threads[0] && *thread != std::thread::current().id()));
}

#[tokio::test]
async fn a_keyring_library_that_panics_is_unavailable_once() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (store, _clock) = stuck();
    assert_eq!(store.load("panic").await, Err(SecretStoreError::Unavailable));
    assert_eq!(store.load("fine").await.unwrap(), Some(Secret::from_text("fine")));
}

#[tokio::test]
async fn nothing_but_keys_goes_into_a_keyring() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (store, _clock) = stuck();
    store.store("key", Secret::new(vec![7; LIMIT])).await.unwrap();
    let refused = store.store("key", Secret::new(vec![7; LIMIT + 1])).await;
    assert!(matches!(refused, Err(SecretStoreError::Unreadable(_))), "{refused:?}");
    assert_eq!(ASKED.lock().unwrap().len(), 1);
}

/// A keyring whose person dismisses whatever it asks.
#[derive(Clone, Default)]
struct Dismissed {
    is_open: Arc<AtomicBool>,
    prompts: Arc<AtomicUsize>,
}

impl Dismissed {
    fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    fn prompts(&self) -> usize {
        self.prompts.load(Ordering::Acquire)
    }

    fn unlock<T>(&self, answer: T) -> Result<T, SecretStoreError> {
        if self.is_open() {
            return Ok(answer);
        }
        self.prompts.fetch_add(1, Ordering::AcqRel);
        Err(SecretStoreError::Locked)
    }
}

impl Ring for Dismissed {
    fn load(&self, _name: &str) -> Result<Option<Secret>, SecretStoreError> {
        self.unlock(None)
    }

    fn store(&self, _name: &str, _secret: &Secret) -> Result<(), SecretStoreError> {
        self.unlock(())
    }

    fn remove(&self, _name: &str) -> Result<(), SecretStoreError> {
        self.unlock(())
    }

    fn is_locked(&self, _name: &str) -> bool {
        !self.is_open()
    }
}

/// 1. The keyring is locked and asks; the person dismisses it. 2. Whatever is asked of it then is answered in silence.
/// 3. The person wants to go on: asked once more. 4. It is unlocked elsewhere, and locks itself again: asked once more.
#[test]
fn a_keyring_whose_prompt_was_dismissed_asks_nobody_before_somebody_wants_to_go_on() {
    let ring = Dismissed::default();
    let mut asking = Asking { ring: Box::new(ring.clone()), dismissed: false };
    let mut everything = || {
        for _ in 0..10 {
            let answers = [
                asking.ask("key", |ring| ring.load("key")).map(drop),
                asking.ask("key", |ring| ring.store("key", &Secret::from_text("key"))),
                asking.ask("key", |ring| ring.remove("key")),
            ];
            assert!(answers.iter().all(|answer| answer.is_ok() == ring.is_open()));
        }
        std::mem::take(&mut asking.dismissed)
    };
    assert_eq!((everything(), ring.prompts()), (true, 1));
    // Forgotten, as by whoever wants to go on.
    assert_eq!((everything(), ring.prompts()), (true, 2));
    ring.is_open.store(true, Ordering::Release);
    assert_eq!((everything(), ring.prompts()), (false, 2));
    ring.is_open.store(false, Ordering::Release);
    assert_eq!((everything(), ring.prompts()), (true, 3));
}

/// The negative control: a keyring that does not remember asks every time.
#[test]
fn a_keyring_that_forgets_the_dismissal_asks_every_time() {
    let ring = Dismissed::default();
    for asked in 1..=10 {
        let mut asking = Asking { ring: Box::new(ring.clone()), dismissed: false };
        assert_eq!(asking.ask("key", |ring| ring.load("key")), Err(SecretStoreError::Locked));
        assert_eq!(ring.prompts(), asked);
    }
}
