//! Unpredictable values for tokens, codes and keys.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac;

use crate::keys::HmacKey;

/// Draws from the operating system once; every later value is HMAC-SHA-256 of a counter, so drawing cannot fail.
pub(crate) struct Random {
    seed: HmacKey,
    drawn: u64,
}

impl Random {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self { seed: HmacKey::new(&seed), drawn: 0 })
    }

    /// Another source, whose values have nothing to do with this one's.
    pub(crate) fn fork(&mut self) -> Self {
        Self { seed: HmacKey::new(&self.bytes()), drawn: 0 }
    }

    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let mut mac = self.seed.mac();
        mac.update(b"mainstay-mock-server");
        mac.update(&self.drawn.to_be_bytes());
        mac.finalize().into_bytes().into()
    }

    /// 256 bits as 43 URL-safe characters.
    pub(crate) fn text(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes())
    }

    /// 96 bits as 16 characters, for names rather than secrets.
    pub(crate) fn short(&mut self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes().get(..12).unwrap_or_default())
    }
}
