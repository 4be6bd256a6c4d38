//! What a browser shows after it was sent back: a sentence, in the person's own light.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

/// Nothing from elsewhere, no script, no frame around it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The pages, with the app's name in them if it has one.
#[derive(Clone)]
pub(super) struct Pages {
    /// As it stands between tags.
    app: Arc<str>,
}

/// A heading and a sentence.
pub(super) struct Words {
    title: &'static str,
    text: &'static str,
}

impl Pages {
    pub(super) const DONE: Words =
        Words { title: "Back to {app}", text: "You can close this page and go back to {app}. It goes on there." };
    pub(super) const REFUSED: Words = Words {
        title: "Not signed in",
        text: "The sign-in was refused or given up. Close this page and go back to {app} to try again.",
    };
    pub(super) const NOT_OURS: Words = Words {
        title: "This does not belong to your sign-in",
        text: "Nothing has happened. Go on in the page on which you were signing in, or begin again in {app}.",
    };
    pub(super) const USED: Words =
        Words { title: "Already used", text: "This sign-in is finished. Close this page and go back to {app}." };
    pub(super) const NOT_FOUND: Words =
        Words { title: "Nothing here", text: "{app} only waits here for a sign-in to end." };

    pub(super) fn new(app: Option<&str>) -> Self {
        Self { app: app.map_or_else(|| "the app".to_owned(), escape).into() }
    }

    pub(super) fn answer(&self, status: StatusCode, words: Words) -> Response<Full<Bytes>> {
        let page = include_str!("pages/page.html")
            .replace("{title}", words.title)
            .replace("{text}", words.text)
            .replace("{app}", &self.app);
        let mut response = Response::new(Full::new(Bytes::from(page)));
        *response.status_mut() = status;
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            // The address has a code in it.
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// Makes text safe between tags.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
