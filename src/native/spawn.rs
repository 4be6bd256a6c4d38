//! Tasks on tokio.

use std::sync::{
    Arc, Mutex, PoisonError, Weak,
    atomic::{AtomicUsize, Ordering},
};

use tokio::runtime::{Builder, Handle, Runtime};

use super::{NativeError, fork};
use crate::host::{BoxFuture, Spawn};

/// How many threads our own runtime has: one may be busy with a handshake while the other goes on.
const WORKERS: usize = 2;

/// Our own runtime, as long as somebody uses it.
static SHARED: Mutex<Weak<OwnRuntime>> = Mutex::new(Weak::new());

/// Runs tasks on a tokio runtime: they outlive the call, the coroutine or the event loop that asked for them.
#[derive(Clone, Debug)]
pub struct TokioSpawn {
    handle: Handle,
    own: Option<Arc<OwnRuntime>>,
    /// The process that has the threads.
    process: u32,
}

impl TokioSpawn {
    /// Mainstay's own runtime, one for the process, with two worker threads named `mainstay-…`. It starts with its
    /// first user and ends with its last.
    ///
    /// # Errors
    /// [`NativeError::Runtime`].
    pub fn shared() -> Result<Self, NativeError> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let own = match shared.upgrade().filter(|own| own.process == fork::this_process()) {
            Some(own) => own,
            None => Arc::new(OwnRuntime::start()?),
        };
        *shared = Arc::downgrade(&own);
        Ok(Self { handle: own.handle.clone(), process: own.process, own: Some(own) })
    }

    /// A runtime that somebody else keeps alive. It needs its I/O and time drivers (`enable_all`).
    #[must_use]
    pub fn on(handle: Handle) -> Self {
        fork::watch();
        Self { handle, own: None, process: fork::this_process() }
    }

    /// The runtime. A handle alone does not keep it alive.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Spawn for TokioSpawn {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        tracing::trace!(name: "task.start", task = name);
        // A task keeps the runtime alive that it runs on.
        let own = self.own.clone();
        self.handle.spawn(async move {
            let _own = own;
            task.await;
        });
    }

    fn runs_here(&self) -> bool {
        self.process == fork::this_process()
    }
}

#[derive(Debug)]
struct OwnRuntime {
    handle: Handle,
    runtime: Option<Runtime>,
    process: u32,
}

impl OwnRuntime {
    fn start() -> Result<Self, NativeError> {
        fork::watch();
        let number = AtomicUsize::new(0);
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name_fn(move || format!("mainstay-{}", number.fetch_add(1, Ordering::Relaxed)))
            .enable_all()
            .build()
            .map_err(NativeError::Runtime)?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime), process: fork::this_process() })
    }
}

impl Drop for OwnRuntime {
    /// The last user may be a task of this very runtime, which must not wait for itself.
    fn drop(&mut self) {
        match self.runtime.take() {
            // A forked child has none of the threads that would have to be told.
            Some(runtime) if self.process != fork::this_process() => std::mem::forget(runtime),
            Some(runtime) => runtime.shutdown_background(),
            None => {}
        }
    }
}
