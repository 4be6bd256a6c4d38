//! Browsers that need nobody.

use std::sync::{Arc, Mutex};

use mainstay::{
    driver::{Browser, BrowserError},
    host::{BoxFuture, Transport},
    test_support,
};
use url::Url;

/// Follows the authorization URL up to the redirect back to the app. Remembers what it visited.
#[derive(Clone)]
pub struct ScriptedBrowser {
    browser: test_support::ScriptedBrowser,
    visited: Arc<Mutex<Vec<Url>>>,
}

impl ScriptedBrowser {
    pub fn over(network: Arc<dyn Transport>) -> Self {
        Self { browser: test_support::ScriptedBrowser(network), visited: Arc::default() }
    }

    pub fn visited(&self) -> Vec<Url> {
        self.visited.lock().unwrap().clone()
    }
}

impl Browser for ScriptedBrowser {
    fn visit(&self, url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        self.visited.lock().unwrap().push(url.clone());
        self.browser.visit(url)
    }
}

/// The person closes it.
pub struct ClosedBrowser;

impl Browser for ClosedBrowser {
    fn visit(&self, _url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        Box::pin(std::future::ready(Err(BrowserError::Cancelled)))
    }
}
