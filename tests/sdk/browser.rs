//! Browsers that need nobody.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use mainstay::{
    driver::{Browser, BrowserError},
    host::{BoxFuture, ConnectionWish, Lane, Outbound, Transport},
};
use url::Url;

/// Follows the authorization URL up to the redirect back to the app. Remembers what it visited.
#[derive(Clone)]
pub struct ScriptedBrowser {
    network: Arc<dyn Transport>,
    visited: Arc<Mutex<Vec<Url>>>,
}

impl ScriptedBrowser {
    pub fn over(network: Arc<dyn Transport>) -> Self {
        Self { network, visited: Arc::default() }
    }

    pub fn visited(&self) -> Vec<Url> {
        self.visited.lock().unwrap().clone()
    }
}

impl Browser for ScriptedBrowser {
    fn visit(&self, url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        self.visited.lock().unwrap().push(url.clone());
        Box::pin(async move {
            let request = http::Request::get(url.as_str()).body(Bytes::new()).unwrap();
            let page = Outbound { request, connection: ConnectionWish::Any, lane: Lane::App, body_limit: 100_000 };
            let page = self.network.send(page).await.map_err(|_| BrowserError::Cancelled)?;
            let location = page.response.headers().get("location").ok_or(BrowserError::Cancelled)?;
            Url::parse(location.to_str().unwrap()).map_err(|_| BrowserError::Cancelled)
        })
    }
}

/// The person closes it.
pub struct ClosedBrowser;

impl Browser for ClosedBrowser {
    fn visit(&self, _url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        Box::pin(std::future::ready(Err(BrowserError::Cancelled)))
    }
}
