//! A tokio runtime of Mainstay's own: what runs here outlives the call, the coroutine or the event loop that asked for it.

use std::sync::OnceLock;

use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinHandle,
};

use crate::host::{BoxFuture, Spawn};

/// Workers of the runtime. Refreshes are few and mostly wait.
const WORKERS: usize = 2;

/// The runtime, started on first use and kept for the life of the process.
pub(super) fn handle() -> &'static Handle {
    static RUNTIME: OnceLock<Result<Runtime, Handle>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let built = Builder::new_multi_thread().worker_threads(WORKERS).thread_name("mainstay").enable_all().build();
        // No threads to be had: the caller's own runtime is better than none.
        built.map_err(|error| {
            tracing::error!(name: "runtime.not_started", %error);
            Handle::current()
        })
    });
    match runtime {
        Ok(runtime) => runtime.handle(),
        Err(handle) => handle,
    }
}

/// Runs a future on the runtime and gives it up when dropped.
pub(super) async fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Option<T> {
    struct AbortOnDrop<T>(JoinHandle<T>);
    impl<T> Drop for AbortOnDrop<T> {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let mut running = AbortOnDrop(handle().spawn(future));
    (&mut running.0).await.ok()
}

/// Runs a blocking operation beside the runtime; it is not cancelled.
pub(super) async fn run_blocking<T: Send + 'static>(operation: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    handle().spawn_blocking(operation).await.ok()
}

/// Spawns on Mainstay's own runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioSpawn;

impl Spawn for TokioSpawn {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        handle().spawn(task);
    }
}
