//! Tasks on the thread of whoever drives them.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Poll, Waker},
};

use futures_util::{StreamExt, stream::FuturesUnordered};

use crate::host::{BoxFuture, Spawn};

/// Runs tasks inside [`drive`](LocalSpawn::drive), on one thread, with any executor or none: a host whose futures need
/// not be `Send`. Clones are the same executor.
#[derive(Clone, Default)]
pub struct LocalSpawn(Arc<Mutex<Arrivals>>);

#[derive(Default)]
struct Arrivals {
    tasks: Vec<BoxFuture<'static, ()>>,
    driver: Option<Waker>,
}

impl LocalSpawn {
    /// An executor without tasks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `main` and all tasks, and ends with `main`. Tasks that are not done then are dropped.
    pub async fn drive<T>(&self, main: impl Future<Output = T>) -> T {
        let mut main = pin!(main);
        let mut running = FuturesUnordered::new();
        std::future::poll_fn(|context| {
            loop {
                if let Poll::Ready(value) = main.as_mut().poll(context) {
                    return Poll::Ready(value);
                }
                running.extend(self.arrived(context.waker()));
                match running.poll_next_unpin(context) {
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) | Poll::Pending if self.is_empty() => return Poll::Pending,
                    Poll::Ready(None) | Poll::Pending => {}
                }
            }
        })
        .await
    }

    fn arrived(&self, driver: &Waker) -> Vec<BoxFuture<'static, ()>> {
        let mut arrivals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.driver = Some(driver.clone());
        std::mem::take(&mut arrivals.tasks)
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).tasks.is_empty()
    }
}

impl Spawn for LocalSpawn {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        let mut arrivals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.tasks.push(task);
        let driver = arrivals.driver.take();
        drop(arrivals);
        driver.into_iter().for_each(Waker::wake);
    }
}

impl std::fmt::Debug for LocalSpawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalSpawn")
    }
}
