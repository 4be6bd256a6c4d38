//! The person's own browser.

use std::{io, sync::Arc};

use tokio::runtime::Handle;
use url::Url;

use super::{TokioSpawn, loopback::Loopback, pages::Pages};
use crate::host::{BoxFuture, Browser, BrowserError, SignInPage, Visit};

type Open = dyn Fn(&Url) -> io::Result<()> + Send + Sync;

/// Signs people in with the browser that they use anyway ([RFC 8252](https://www.rfc-editor.org/rfc/rfc8252)), and has it
/// sent back to a port of this device: 127.0.0.1, `[::1]` or `localhost`, as the client's redirect URI says, on the port that
/// it names, or on a free one if it names none.
///
/// The port is open for one sign-in, takes the one request that has its `state`, and is closed again. The address is never
/// logged; while the browser starts, other programs of the same person may see it among its arguments.
#[derive(Clone)]
pub struct SystemBrowser {
    runtime: Handle,
    open: Arc<Open>,
    pages: Pages,
}

impl SystemBrowser {
    /// The browser that the operating system opens links with: `xdg-open`, `open`, or what Windows knows.
    #[must_use]
    pub fn new(spawn: &TokioSpawn) -> Self {
        Self::opened_by(spawn, |url| open::that_detached(url.as_str()))
    }

    /// A browser that is opened in another way: one of the app's choice, or by a person who is shown the address. `open` may
    /// block, and returns when the browser was started.
    #[must_use]
    pub fn opened_by(spawn: &TokioSpawn, open: impl Fn(&Url) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self { runtime: spawn.handle().clone(), open: Arc::new(open), pages: Pages::new(None) }
    }

    /// What people call the app: the page that tells them to go back to it says so.
    #[must_use]
    pub fn for_app(mut self, name: &str) -> Self {
        self.pages = Pages::new(Some(name));
        self
    }

    async fn visited(&self, loopback: Loopback, page: SignInPage) -> Result<Url, BrowserError> {
        let (open, url) = (Arc::clone(&self.open), page.url.clone());
        let opened = self.runtime.spawn_blocking(move || open(&url)).await;
        // Why it cannot be opened may repeat the address.
        opened.ok().and_then(Result::ok).ok_or(BrowserError::Unavailable)?;
        loopback.answer(&page, &self.pages).await
    }
}

impl Browser for SystemBrowser {
    fn prepare(&self, registered: Url) -> BoxFuture<'_, Result<Visit<'_>, BrowserError>> {
        let prepared = Loopback::bind(&registered, &self.runtime).map(|loopback| {
            let redirect_uri = loopback.redirect_uri().clone();
            Visit::new(redirect_uri, move |page| Box::pin(self.visited(loopback, page)))
        });
        Box::pin(std::future::ready(prepared))
    }
}

impl std::fmt::Debug for SystemBrowser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SystemBrowser")
    }
}
