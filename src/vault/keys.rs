//! One key in the key store; what is derived from it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Secret, host::Entropy};

/// Names an installation: drawn when a vault is born, in every record since.
pub(super) type InstallId = [u8; 16];

/// A key of 32 bytes, wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// Names a key without telling it.
pub(super) type KeyId = [u8; 8];

/// What an open vault works with.
pub(super) struct Keys {
    pub(super) install: InstallId,
    pub(super) id: KeyId,
    pub(super) sealing: Key,
    pub(super) fingerprinter: Fingerprinter,
}

impl Keys {
    /// Derives everything from the key in the key store.
    pub(super) fn derive(install: InstallId, vault_key: &Key) -> Self {
        Self {
            install,
            id: first_bytes(&hmac(vault_key, &[b"mainstay key id 1"])),
            sealing: hmac(vault_key, &[b"mainstay sealing 1"]),
            fingerprinter: Fingerprinter(hmac(vault_key, &[b"mainstay fingerprint 1"])),
        }
    }
}

/// Names a token without telling it, so that the core and a log line can speak of it. Equal tokens of one vault have
/// equal fingerprints; without the vault's key nobody can check a guess against one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

/// Makes fingerprints. Cheap to clone, does no I/O.
#[derive(Clone)]
pub struct Fingerprinter(Key);

impl Fingerprinter {
    /// One under a key of its own, for a process that has no vault it can open. Its fingerprints compare among themselves only.
    #[must_use]
    pub fn ephemeral(entropy: &dyn Entropy) -> Self {
        let mut key = Key::default();
        entropy.fill(&mut *key);
        Self(key)
    }

    /// The first 8 bytes of HMAC-SHA256 (RFC 2104) over the token, big endian.
    #[must_use]
    pub fn fingerprint(&self, token: &Secret) -> Fingerprint {
        Fingerprint(u64::from_be_bytes(first_bytes(&hmac(&self.0, &[token.expose()]))))
    }
}

impl std::fmt::Debug for Fingerprinter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprinter(redacted)")
    }
}

/// HMAC-SHA256. RFC 2104 pads a shorter key with zeros to the block; so do we, which leaves no length to be wrong.
fn hmac(key: &Key, parts: &[&[u8]]) -> Key {
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key.iter()).for_each(|(to, from)| *to = *from);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    Zeroizing::new(mac.finalize().into_bytes().into())
}

fn first_bytes(bytes: &[u8; 32]) -> [u8; 8] {
    let mut first = [0; 8];
    first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    first
}
