//! A browser and a person in one: the server knows already who signs in, and answers with a redirect.

use bytes::Bytes;
use http::{Request, header};
use mainstay::{
    driver::{Browser, BrowserError},
    host::BoxFuture,
};
use url::Url;

use super::Machine;

impl Browser for Machine {
    fn visit(&self, authorization_url: Url) -> BoxFuture<'_, Result<Url, BrowserError>> {
        Box::pin(async move {
            let request = Request::get(authorization_url.as_str()).body(Bytes::new());
            let request = request.map_err(|_| BrowserError::Unavailable)?;
            let answer = self.send(request).await.map_err(|_| BrowserError::Cancelled)?;
            let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            // A page that stays up without anybody in front of it is closed some time.
            location.and_then(|location| Url::parse(location).ok()).ok_or(BrowserError::Cancelled)
        })
    }
}
