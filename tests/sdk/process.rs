//! A process that can be killed: its tasks are dropped wherever they are.

use std::sync::{Arc, Mutex};

use mainstay::host::{BoxFuture, Spawn};
use tokio::{runtime::Handle, task::JoinHandle};

#[derive(Clone)]
pub struct Process {
    runtime: Handle,
    tasks: Arc<Mutex<Option<Vec<JoinHandle<()>>>>>,
}

impl Process {
    pub fn start() -> Self {
        Self { runtime: Handle::current(), tasks: Arc::new(Mutex::new(Some(Vec::new()))) }
    }

    /// Ends when the last task is gone.
    pub async fn kill(&self) {
        let tasks = self.tasks.lock().unwrap().take().unwrap_or_default();
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            let _killed = task.await;
        }
    }

    /// Completes when every task has ended by itself.
    pub async fn ended(&self) {
        let tasks = self.tasks.lock().unwrap().as_mut().map(std::mem::take).unwrap_or_default();
        for task in tasks {
            task.await.unwrap();
        }
    }

    /// How many tasks are still there.
    pub fn alive(&self) -> usize {
        let tasks = self.tasks.lock().unwrap();
        tasks.iter().flatten().filter(|task| !task.is_finished()).count()
    }
}

impl Spawn for Process {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        let mut tasks = self.tasks.lock().unwrap();
        if let Some(tasks) = tasks.as_mut() {
            tasks.push(self.runtime.spawn(task));
        }
    }
}
