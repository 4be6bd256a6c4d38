//! A process that can be killed: its tasks are dropped wherever they are.

use std::sync::{Arc, Mutex};

use mainstay::host::{BoxFuture, Inbound, Outbound, Spawn, Transport, TransportError};
use tokio::{runtime::Handle, task::JoinHandle};

#[derive(Clone)]
pub struct Process {
    runtime: Handle,
    tasks: Arc<Mutex<Option<Vec<JoinHandle<()>>>>>,
    lost: Arc<Mutex<Option<&'static str>>>,
}

impl Process {
    pub fn start() -> Self {
        Self { runtime: Handle::current(), tasks: Arc::new(Mutex::new(Some(Vec::new()))), lost: Arc::default() }
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

    /// From now on whatever this process sends to this path is lost on its way: no answer comes, and no error. Nothing is under
    /// way then, so that time passes.
    pub fn loses_what_it_sends_to(&self, path: &'static str) {
        *self.lost.lock().unwrap() = Some(path);
    }

    /// A way into the network that loses what it should.
    pub fn way_into(&self, network: Arc<dyn Transport>) -> Arc<dyn Transport> {
        Arc::new(Way { network, lost: Arc::clone(&self.lost) })
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

struct Way {
    network: Arc<dyn Transport>,
    lost: Arc<Mutex<Option<&'static str>>>,
}

impl Transport for Way {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        match *self.lost.lock().unwrap() {
            Some(lost) if outbound.request.uri().path() == lost => Box::pin(std::future::pending()),
            _ => self.network.send(outbound),
        }
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.network.can_open_fresh_connections()
    }
}
