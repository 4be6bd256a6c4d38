//! A process: whatever runs in it ends when it is killed.

use std::sync::{Arc, Mutex};

use mainstay::host::{BoxFuture, Spawn};
use tokio::{runtime::Handle, task::JoinHandle};

#[derive(Clone)]
pub struct Process {
    runtime: Handle,
    tasks: Arc<Mutex<Option<Vec<JoinHandle<()>>>>>,
    panicked: Arc<Mutex<bool>>,
}

impl Process {
    pub fn start() -> Self {
        let tasks = Arc::new(Mutex::new(Some(Vec::new())));
        Self { runtime: Handle::current(), tasks, panicked: Arc::default() }
    }

    /// Ends when the last task is gone.
    pub async fn kill(&self) {
        let tasks = self.tasks.lock().unwrap().take().unwrap_or_default();
        tasks.iter().for_each(JoinHandle::abort);
        for task in tasks {
            self.bury(task).await;
        }
    }

    async fn bury(&self, task: JoinHandle<()>) {
        if task.await.is_err_and(|error| error.is_panic()) {
            *self.panicked.lock().unwrap() = true;
        }
    }

    /// Whether a task has ended in a panic.
    pub async fn has_panicked(&self) -> bool {
        let ended = {
            let mut tasks = self.tasks.lock().unwrap();
            let Some(tasks) = tasks.as_mut() else { return *self.panicked.lock().unwrap() };
            let (ended, running) = std::mem::take(tasks).into_iter().partition(JoinHandle::is_finished);
            *tasks = running;
            ended
        };
        for task in Vec::into_iter(ended) {
            self.bury(task).await;
        }
        *self.panicked.lock().unwrap()
    }
}

impl Spawn for Process {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        if let Some(tasks) = self.tasks.lock().unwrap().as_mut() {
            tasks.push(self.runtime.spawn(task));
        }
    }
}
