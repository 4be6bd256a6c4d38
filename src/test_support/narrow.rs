//! A way to the server that many devices of one process share.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::host::{BoxFuture, Inbound, Outbound, Transport, TransportError};

/// No more requests at a time than a process has file handles for. In virtual time, time stands still while one waits.
pub struct Narrow {
    inner: Arc<dyn Transport>,
    slots: Semaphore,
}

impl Narrow {
    /// At most `requests` at a time over `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Transport>, requests: usize) -> Self {
        Self { inner, slots: Semaphore::new(requests) }
    }
}

impl Transport for Narrow {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        Box::pin(async move {
            // Nobody closes the semaphore.
            let _slot = self.slots.acquire().await.map_err(|_| TransportError::Unreachable)?;
            self.inner.send(outbound).await
        })
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.inner.can_open_fresh_connections()
    }
}
