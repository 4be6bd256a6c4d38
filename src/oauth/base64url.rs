//! Base64url without padding, [RFC 7515 section 2](https://www.rfc-editor.org/rfc/rfc7515#section-2).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Encodes bytes.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes text; `None` if it is not base64url, or padded.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
