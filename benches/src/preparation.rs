//! What a refresh asks of the disk before its request leaves.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use mainstay::host::{BoxFuture, Inbound, Outbound, Transport, TransportError};
use mainstay_mock_server::MockServer;

use crate::{CountedFiles, LeapingClock, Operations, Outcome, Till};

/// Looks at the count of file operations whenever a request leaves.
struct Watched {
    inner: Arc<dyn Transport>,
    files: CountedFiles,
    at_latest_request: Arc<Mutex<Operations>>,
}

impl Transport for Watched {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        *self.at_latest_request.lock().unwrap_or_else(PoisonError::into_inner) = self.files.done();
        self.inner.send(outbound)
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.inner.can_open_fresh_connections()
    }
}

/// Lets a session's token expire, asks for another, and counts what was done until the refresh token was sent.
///
/// # Errors
/// Whatever fails.
pub async fn prepare_refresh() -> Outcome<Operations> {
    let parts = OnceLock::new();
    let at_request = Arc::new(Mutex::default());
    let till = Till::signed_in(MockServer::builder(), |host| {
        let (clock, files) = parts
            .get_or_init(|| (LeapingClock::new(Arc::clone(&host.clock)), CountedFiles::new(Arc::clone(&host.files))));
        host.clock = Arc::new(clock.clone());
        host.files = Arc::new(files.clone());
        let (inner, files, at_latest_request) = (Arc::clone(&host.transport), files.clone(), Arc::clone(&at_request));
        host.transport = Arc::new(Watched { inner, files, at_latest_request });
    });
    let till = till.await?;
    let (clock, files) = parts.into_inner().ok_or("the session has no host")?;
    let before = files.done();
    clock.leap(Duration::from_secs(1000));
    till.session.access_token().await?;
    till.activity.quiescent().await;
    let at_request = *at_request.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(at_request - before)
}
