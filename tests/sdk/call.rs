//! What the app does in a task of its own, beside what the test does.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use mainstay::test_support::Activity;
use tokio::{sync::oneshot, task::AbortHandle};

/// A call under way. Time stands still from its start until its answer is on its way to whoever waits for it: the
/// answer is given while the task still counts as awake, which a `JoinHandle` does not promise.
pub struct Call<T> {
    answer: oneshot::Receiver<T>,
    task: AbortHandle,
}

impl<T: Send + 'static> Call<T> {
    pub fn start(activity: &Activity, call: impl Future<Output = T> + Send + 'static) -> Self {
        let (giving, answer) = oneshot::channel();
        // Followed before it is spawned: a task that nobody polled yet is under way, too.
        let followed = activity.follow(async move {
            let _nobody_waits = giving.send(call.await);
        });
        Self { answer, task: tokio::spawn(followed).abort_handle() }
    }

    /// Whether the call still waits.
    pub fn waits(&self) -> bool {
        self.answer.is_empty() && !self.task.is_finished()
    }

    /// The caller goes away, and whatever it held is free.
    pub async fn abort(self) {
        self.task.abort();
        assert!(self.answer.await.is_err(), "it had its answer already");
    }
}

impl<T> Future for Call<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.answer).poll(context).map(|answer| answer.expect("the call panicked"))
    }
}
