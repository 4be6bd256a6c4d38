//! An HTTP answer as the readers see it, [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};

use super::{MalformedAnswer, parse_http_date};

/// The largest body that any reader here takes, in bytes: what a transport should be asked to read for requests to an
/// authorization server. Tokens with hundreds of group claims reach 20 KiB, metadata 30 KiB.
pub const MAX_BODY: usize = 256 * 1024;

/// The longest wait that a `Retry-After` can ask for. A server that says a day means "I do not know".
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// A borrowed answer: status, headers, body, and whether a cache inside the transport gave it.
///
/// `Debug` shows the status only.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    status: u16,
    headers: &'a HeaderMap,
    body: &'a [u8],
    from_cache: bool,
}

impl<'a> Answer<'a> {
    /// Looks at a whole response. `from_cache` says that a cache inside the transport answered.
    #[must_use]
    pub fn new(response: &'a http::Response<Bytes>, from_cache: bool) -> Self {
        Self { status: response.status().as_u16(), headers: response.headers(), body: response.body(), from_cache }
    }

    /// Looks at the parts of a response.
    #[must_use]
    pub const fn from_parts(
        status: http::StatusCode,
        headers: &'a HeaderMap,
        body: &'a [u8],
        from_cache: bool,
    ) -> Self {
        Self { status: status.as_u16(), headers, body, from_cache }
    }

    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The body.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// When the server sent the answer by its own clock (`Date`, RFC 9110 section 6.6.1), in milliseconds since 1970.
    #[must_use]
    pub fn server_time_ms(&self) -> Option<u64> {
        self.text(&header::DATE).and_then(parse_http_date)
    }

    /// How long the server asks to wait (`Retry-After`, RFC 9110 section 10.2.3), at most [`MAX_RETRY_AFTER`].
    ///
    /// A date is taken relative to the answer's own `Date`, never to the device's clock; without one it says nothing.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.text(&header::RETRY_AFTER)?.trim();
        let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let wait = if is_number {
            // More digits than a u64 holds still means "long".
            Duration::from_secs(text.parse().unwrap_or(u64::MAX))
        } else {
            Duration::from_millis(parse_http_date(text)?.saturating_sub(self.server_time_ms()?))
        };
        Some(wait.min(MAX_RETRY_AFTER))
    }

    /// The nonce for the next DPoP proof ([RFC 9449 section 8](https://www.rfc-editor.org/rfc/rfc9449#section-8)).
    #[must_use]
    pub fn dpop_nonce(&self) -> Option<&'a str> {
        let nonce = self.headers.get("dpop-nonce")?.to_str().ok()?;
        (!nonce.is_empty() && nonce.len() <= 1024).then_some(nonce)
    }

    /// For how long the answer may be used again, as the server says: `Cache-Control: max-age` or `Expires`, less `Age`
    /// ([RFC 9111 section 4.2](https://www.rfc-editor.org/rfc/rfc9111#section-4.2)). Zero for `no-store` and `no-cache`; `None`
    /// if it says nothing that can be read.
    #[must_use]
    pub fn fresh_for(&self) -> Option<Duration> {
        let directives = || {
            let values = self.headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).map(|directive| directive.trim().to_ascii_lowercase())
        };
        if directives().any(|directive| matches!(directive.as_str(), "no-store" | "no-cache")) {
            return Some(Duration::ZERO);
        }
        let seconds = |text: &str| text.trim().trim_matches('"').parse().ok().map(Duration::from_secs);
        let stated = directives().find_map(|directive| seconds(directive.strip_prefix("max-age=")?));
        let until = || parse_http_date(self.text(&header::EXPIRES)?);
        let expires = || Some(Duration::from_millis(until()?.saturating_sub(self.server_time_ms()?)));
        let age = self.text(&header::AGE).and_then(seconds).unwrap_or_default();
        Some(stated.or_else(expires)?.saturating_sub(age))
    }

    /// Refuses an answer that a cache gave: the transport's own, or one on the way that shows itself by `Age`
    /// (RFC 9111 section 5.1) or `Cache-Status` ([RFC 9211](https://www.rfc-editor.org/rfc/rfc9211)).
    ///
    /// # Errors
    /// [`MalformedAnswer::Cached`].
    pub fn require_uncached(&self) -> Result<(), MalformedAnswer> {
        // An age that is no number is a cache's all the same.
        let aged = self
            .headers
            .get_all(header::AGE)
            .iter()
            .any(|age| age.as_bytes().iter().any(|b| !matches!(b, b'0' | b' ')));
        let hit = self.headers.get_all("cache-status").iter().any(|status| {
            let status = status.to_str().unwrap_or_default();
            status.split([';', ',']).any(|part| part.trim() == "hit" || part.trim() == "hit=?1")
        });
        if self.from_cache || aged || hit { Err(MalformedAnswer::Cached) } else { Ok(()) }
    }

    fn text(&self, name: &header::HeaderName) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl std::fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
