//! A browser that needs nobody.

use std::sync::Arc;

use bytes::Bytes;
use url::Url;

use crate::{
    driver::{Browser, BrowserError},
    host::{BoxFuture, ConnectionWish, Lane, Outbound, Transport},
};

/// The most that a page may have, in bytes.
const PAGE: usize = 100_000;

/// Follows the authorization URL over this transport, up to the redirect back to the app: at a server that signs people in
/// without asking them. A page that stays up is closed, which is [`BrowserError::Cancelled`].
#[derive(Clone)]
pub struct ScriptedBrowser(pub Arc<dyn Transport>);

impl Browser for ScriptedBrowser {
    fn visit(&self, url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        Box::pin(async move {
            let request = http::Request::get(url.as_str()).body(Bytes::new()).map_err(|_| BrowserError::Unavailable)?;
            let page = Outbound { request, connection: ConnectionWish::Any, lane: Lane::App, body_limit: PAGE };
            let page = self.0.send(page).await.map_err(|_| BrowserError::Cancelled)?;
            let location = page.response.headers().get(http::header::LOCATION).and_then(|value| value.to_str().ok());
            location.and_then(|location| Url::parse(location).ok()).ok_or(BrowserError::Cancelled)
        })
    }
}
