//! Unpredictable values for tokens, codes and keys.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac;

use crate::keys::HmacKey;

/// A secret that the server made, or was shown by a client.
#[derive(Clone, PartialEq, Eq)]
pub struct Minted {
    /// What it is: `drawn` for keys, codes and opaque tokens as they were drawn, else the kind of token.
    pub kind: &'static str,
    /// The secret itself.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Minted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Minted").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Draws from the operating system once; every later value is HMAC-SHA-256 of a counter, so drawing cannot fail.
pub(crate) struct Random {
    seed: HmacKey,
    drawn: u64,
    /// Every secret so far, if somebody wants to look for leaks.
    minted: Option<Vec<Minted>>,
}

impl Random {
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self { seed: HmacKey::new(&seed), drawn: 0, minted: None })
    }

    /// Remembers every secret from now on.
    pub(crate) fn remember(&mut self) {
        self.minted.get_or_insert_default();
    }

    /// Notes a secret that did not come from here.
    pub(crate) fn note(&mut self, kind: &'static str, secret: &str) {
        if let Some(minted) = &mut self.minted {
            minted.push(Minted { kind, bytes: secret.as_bytes().to_vec() });
        }
    }

    /// What was remembered.
    pub(crate) fn minted(&self) -> &[Minted] {
        self.minted.as_deref().unwrap_or_default()
    }

    /// Another source, whose values have nothing to do with this one's.
    pub(crate) fn fork(&mut self) -> Self {
        Self { seed: HmacKey::new(&self.bytes()), drawn: 0, minted: self.minted.clone() }
    }

    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let bytes = self.next();
        if let Some(minted) = &mut self.minted {
            minted.push(Minted { kind: "drawn", bytes: bytes.to_vec() });
        }
        bytes
    }

    fn next(&mut self) -> [u8; 32] {
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
        URL_SAFE_NO_PAD.encode(self.next().get(..12).unwrap_or_default())
    }
}
