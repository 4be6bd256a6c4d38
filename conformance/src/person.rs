//! A person with a browser: follows links, keeps cookies, fills in the server's own forms.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{
    Method,
    header::{ACCEPT, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE},
};
use mainstay::{
    driver::{Browser, BrowserError},
    host::{BoxFuture, ConnectionWish, Lane, Outbound, Transport},
};
use url::Url;

use crate::form::Form;

/// More pages than any sign-in has.
const PAGES: usize = 20;
/// The most that a page may have, in bytes.
const PAGE: usize = 1_000_000;

/// Somebody who knows a name and a password. Clones are the same person at the same browser.
#[derive(Clone)]
pub struct Person {
    network: Arc<dyn Transport>,
    name: &'static str,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    cookies: BTreeMap<String, String>,
    visits: usize,
    forms: usize,
    returns: usize,
    tampering: Option<(&'static str, &'static str)>,
}

struct Page {
    url: Url,
    text: String,
}

impl Person {
    /// At a browser of their own.
    #[must_use]
    pub fn new(network: Arc<dyn Transport>, name: &'static str) -> Self {
        Self { network, name, memory: Arc::default() }
    }

    /// What this server's people call themselves.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How often the app sent this person to sign in.
    #[must_use]
    pub fn visits(&self) -> usize {
        self.with(|memory| memory.visits)
    }

    /// How many forms they filled in.
    #[must_use]
    pub fn forms(&self) -> usize {
        self.with(|memory| memory.forms)
    }

    /// How often they were sent back to the app.
    #[must_use]
    pub fn returns(&self) -> usize {
        self.with(|memory| memory.returns)
    }

    /// From now on somebody in between changes this parameter of the way back.
    pub fn tampered_with(&self, parameter: &'static str, value: &'static str) {
        self.with(|memory| memory.tampering = Some((parameter, value)));
    }

    fn with<T>(&self, look: impl FnOnce(&mut Memory) -> T) -> T {
        look(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens a page and does what it asks for, until there is no form left or the browser is sent to `end`.
    async fn go(&self, start: Url, end: &str) -> Result<Url, BrowserError> {
        let mut page = self.open(start, None, end).await?;
        for _ in 0..PAGES {
            let page_or_end = match page {
                Ok(page) => page,
                Err(url) => return Ok(url),
            };
            let mut form = Form::last_in(&page_or_end.text).ok_or(BrowserError::Cancelled)?;
            // Each server has names of its own for the two.
            let _named = form.fill("login", self.name) || form.fill("username", self.name);
            form.fill("password", "correct horse");
            self.with(|memory| memory.forms += 1);
            let action = page_or_end.url.join(&form.action).map_err(|_| BrowserError::Cancelled)?;
            page = self.open(action, Some(form.encoded()), end).await?;
        }
        Err(BrowserError::Cancelled)
    }

    /// The page at `url`, redirects followed, or the address that begins with `end`.
    async fn open(&self, mut url: Url, mut form: Option<String>, end: &str) -> Result<Result<Page, Url>, BrowserError> {
        for _ in 0..PAGES {
            if url.as_str().starts_with(end) {
                return Ok(Err(url));
            }
            let cookies: Vec<_> = self.with(|memory| memory.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect());
            let method = if form.is_some() { Method::POST } else { Method::GET };
            let request = http::Request::builder()
                .method(method)
                .uri(url.as_str())
                .header(ACCEPT, "text/html")
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(COOKIE, cookies.join("; "))
                .body(Bytes::from(form.take().unwrap_or_default()))
                .map_err(|_| BrowserError::Unavailable)?;
            let outbound = Outbound { request, connection: ConnectionWish::Any, lane: Lane::App, body_limit: PAGE };
            let inbound = self.network.send(outbound).await.map_err(|_| BrowserError::Cancelled)?;
            let headers = inbound.response.headers();
            for cookie in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
                let pair = cookie.split(';').next().unwrap_or_default();
                if let Some((name, value)) = pair.split_once('=') {
                    self.with(|memory| memory.cookies.insert(name.trim().to_owned(), value.trim().to_owned()));
                }
            }
            let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
            match location.filter(|_| inbound.response.status().is_redirection()) {
                Some(location) => url = url.join(location).map_err(|_| BrowserError::Cancelled)?,
                None => {
                    let text = String::from_utf8_lossy(inbound.response.body()).into_owned();
                    return Ok(Ok(Page { url, text }));
                }
            }
        }
        Err(BrowserError::Cancelled)
    }
}

impl Browser for Person {
    fn visit(&self, authorization_url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        self.with(|memory| memory.visits += 1);
        Box::pin(async move {
            let back = authorization_url.query_pairs().find(|(name, _)| name == "redirect_uri");
            let end = back.map_or_else(|| "http://127.0.0.1/callback".to_owned(), |(_, uri)| uri.into_owned());
            let mut url = self.go(authorization_url, &end).await?;
            self.with(|memory| memory.returns += 1);
            if let Some((parameter, value)) = self.with(|memory| memory.tampering) {
                let pairs: Vec<_> = url.query_pairs().into_owned().collect();
                let changed = pairs.iter().map(|(k, v)| (k.as_str(), if k == parameter { value } else { v.as_str() }));
                let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(changed).finish();
                url.set_query(Some(&query));
            }
            Ok(url)
        })
    }
}
