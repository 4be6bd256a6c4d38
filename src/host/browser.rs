//! Showing the authorization server's sign-in to a person.

use std::sync::Arc;

use url::Url;

use super::{BoxFuture, MaybeSend, MaybeSendSync};

/// Why the browser brought nothing back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrowserError {
    /// The person closed it, or the app gave up waiting.
    #[error("the sign-in was cancelled")]
    Cancelled,
    /// There is none.
    #[error("no browser can be opened here")]
    Unavailable,
    /// The client's redirect URI leads elsewhere: not to a port of this device.
    #[error("the redirect URI is none that this browser can be sent back to: `http://127.0.0.1/callback` is one")]
    WrongRedirectUri,
}

/// Shows the authorization server's sign-in to a person (RFC 8252: the system browser, never an embedded view).
///
/// Whoever is always sent back to the client's redirect URI implements [`visit`](Self::visit); whoever listens on a port of
/// its own implements [`prepare`](Self::prepare). The driver calls `prepare`, and drops what it waits for after
/// [`PENDING_SIGN_IN_LIFETIME`](crate::oauth::PENDING_SIGN_IN_LIFETIME), or when the app gives the sign-in up.
pub trait Browser: MaybeSendSync {
    /// Opens `authorization_url` and waits until the browser is sent to the redirect URI; returns that whole URL. It is
    /// checked afterwards, so anything may be returned.
    fn visit(&self, authorization_url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        drop(authorization_url);
        Box::pin(std::future::ready(Err(BrowserError::Unavailable)))
    }

    /// Gets ready for one sign-in, before its authorization URL is made. `registered` is the client's redirect URI.
    fn prepare(&self, registered: Url) -> BoxFuture<'_, Result<Visit<'_>, BrowserError>> {
        let visit = Visit::new(registered, move |page: SignInPage| self.visit(page.url));
        Box::pin(std::future::ready(Ok(visit)))
    }
}

/// A sign-in that is about to begin in a browser.
pub struct Visit<'a> {
    redirect_uri: Url,
    open: Box<dyn Open<'a> + 'a>,
}

impl<'a> Visit<'a> {
    /// A visit after which the browser is sent to `redirect_uri`. `open` opens the page, waits, and returns the whole URL that
    /// the browser was sent to.
    pub fn new(
        redirect_uri: Url,
        open: impl FnOnce(SignInPage) -> BoxFuture<'a, Result<Url, BrowserError>> + MaybeSend + 'a,
    ) -> Self {
        Self { redirect_uri, open: Box::new(open) }
    }

    /// Where the server shall send the browser back to.
    #[must_use]
    pub const fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Opens the page, and waits for what comes back.
    ///
    /// # Errors
    /// [`BrowserError`].
    pub fn open(self, page: SignInPage) -> BoxFuture<'a, Result<Url, BrowserError>> {
        self.open.open(page)
    }
}

impl std::fmt::Debug for Visit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visit").field("redirect_uri", &self.redirect_uri.as_str()).finish_non_exhaustive()
    }
}

/// What [`Visit`] keeps: a function that is called once, and may have to be `Send`.
trait Open<'a>: MaybeSend {
    fn open(self: Box<Self>, page: SignInPage) -> BoxFuture<'a, Result<Url, BrowserError>>;
}

impl<'a, F: FnOnce(SignInPage) -> BoxFuture<'a, Result<Url, BrowserError>> + MaybeSend> Open<'a> for F {
    fn open(self: Box<Self>, page: SignInPage) -> BoxFuture<'a, Result<Url, BrowserError>> {
        self(page)
    }
}

/// The page that a person signs in on, and how to tell its answer from what anybody else may send to the redirect URI.
/// `Debug` does not show the address: its `state` is what makes an answer ours.
#[derive(Clone)]
pub struct SignInPage {
    /// The address to open.
    pub url: Url,
    answers: Arc<dyn Answers>,
}

impl SignInPage {
    pub(crate) fn new(url: Url, answers: Arc<dyn Answers>) -> Self {
        Self { url, answers }
    }

    /// Whether `callback` answers this very sign-in: it has its address and its `state` (RFC 6749 section 10.12). Anything
    /// else is ignored, and the wait goes on: any page in any browser can open such a link.
    #[must_use]
    pub fn is_answered_by(&self, callback: &Url) -> bool {
        self.answers.is_answer(callback)
    }
}

impl std::fmt::Debug for SignInPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = self.url.origin().ascii_serialization();
        f.debug_struct("SignInPage").field("at", &origin).finish_non_exhaustive()
    }
}

/// What knows which callback is whose.
pub(crate) trait Answers: MaybeSendSync {
    /// Whether `callback` answers this sign-in.
    fn is_answer(&self, callback: &Url) -> bool;
}
