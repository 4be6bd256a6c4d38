//! The one thread that may hang.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError, mpsc},
    thread,
};

use tokio::sync::oneshot;

use super::{Asking, Ring};
use crate::native::fork;

type Question = Box<dyn FnOnce(&mut Asking) + Send>;
type MakeRing = fn() -> Box<dyn Ring>;

/// Asks a keyring one question after the other, on a thread that starts with the first.
pub(super) struct Worker {
    make_ring: MakeRing,
    /// And the process that has the thread.
    queue: Mutex<Option<(mpsc::Sender<Question>, u32)>>,
}

impl Worker {
    pub(super) const fn new(make_ring: MakeRing) -> Self {
        Self { make_ring, queue: Mutex::new(None) }
    }

    /// The answer, when it is this question's turn; an error if there is no thread to ask it. Whoever drops the
    /// receiver before that turn takes the question back.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Asking) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |ring| {
            if !answer.is_closed() {
                let _nobody_waits = answer.send(question(ring));
            }
        });
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.as_ref().is_none_or(|(_, process)| *process != fork::this_process()) {
            *queue = start(self.make_ring).map(|sender| (sender, fork::this_process()));
        }
        if let Some((sender, _)) = &*queue
            && sender.send(question).is_err()
        {
            *queue = None;
        }
        answered
    }
}

fn start(make_ring: MakeRing) -> Option<mpsc::Sender<Question>> {
    let (sender, questions) = mpsc::channel::<Question>();
    let serve = move || {
        let mut ring = Asking { ring: make_ring(), dismissed: false };
        for question in questions {
            // The libraries below panic where they report a bug of theirs. The question then has no answer.
            let _reported = catch_unwind(AssertUnwindSafe(|| question(&mut ring)));
        }
    };
    let started = thread::Builder::new().name("mainstay-keys".to_owned()).spawn(serve);
    if let Err(error) = &started {
        tracing::error!(name: "keyring.no_thread", %error);
    }
    started.ok().map(|_detached| sender)
}
