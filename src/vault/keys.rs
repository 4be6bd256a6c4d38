//! One key in the key store; what is derived from it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::AccountKey;
use crate::{Identity, Secret, host::Entropy};

/// Names an installation: drawn when a vault is born, in every record since.
pub(super) type InstallId = [u8; 16];

/// A key of 32 bytes, wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// Names a key without telling it.
pub(super) type KeyId = [u8; 8];

/// Which of the key store's entries for a vault: zero is the one it was born with, later ones are drawn at random.
pub(super) type Slot = u64;

/// What an open vault works with.
pub(super) struct Keys {
    pub(super) install: InstallId,
    pub(super) slot: Slot,
    pub(super) id: KeyId,
    pub(super) sealing: Key,
    /// The key before this one, as long as not everything is sealed anew.
    previous: Option<(KeyId, Key)>,
    pub(super) fingerprinter: Fingerprinter,
}

impl Keys {
    /// Derives everything from the key in the key store.
    pub(super) fn derive(install: InstallId, slot: Slot, vault_key: &Key) -> Self {
        let (id, sealing) = for_sealing(vault_key);
        let fingerprinter = Fingerprinter(hmac(vault_key, &[b"mainstay fingerprint 1"]));
        Self { install, slot, id, sealing, previous: None, fingerprinter }
    }

    /// The same, and what `vault_key` sealed opens too.
    pub(super) fn opening_also(self, vault_key: Option<&Key>) -> Self {
        Self { previous: vault_key.map(for_sealing), ..self }
    }

    /// What opens records that name this key.
    pub(super) fn opening(&self, id: KeyId) -> Option<&Key> {
        let previous = || self.previous.as_ref().filter(|(previous, _)| *previous == id).map(|(_, key)| key);
        if id == self.id { Some(&self.sealing) } else { previous() }
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
    /// The one that a vault's canary holds.
    pub(super) fn of_canary(content: &[u8]) -> Option<Self> {
        content.try_into().ok().map(|key| Self(Key::new(key)))
    }

    /// For the canary: fingerprints outlive the key that they were once derived from.
    pub(super) fn expose(&self) -> &[u8] {
        self.0.as_slice()
    }

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

    /// The name of a person's account; `None` if nothing ever proved who it is. Without the vault's key nobody can check a
    /// guess against it.
    pub(super) fn account(&self, identity: &Identity) -> Option<AccountKey> {
        let tenant = identity.tenant.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        let parts = [identity.issuer.as_str(), identity.subject.as_deref()?].into_iter().chain(tenant);
        // Each behind its length, so that no two people come to the same text.
        let text: String = parts.map(|part| format!("{}:{part}", part.len())).collect();
        let digest = hmac(&self.0, &[b"mainstay account 1\0", text.as_bytes()]);
        let mut key = [0; 16];
        key.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
        Some(AccountKey::from_bytes(key))
    }
}

impl std::fmt::Debug for Fingerprinter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprinter(redacted)")
    }
}

fn for_sealing(vault_key: &Key) -> (KeyId, Key) {
    (first_bytes(&hmac(vault_key, &[b"mainstay key id 1"])), hmac(vault_key, &[b"mainstay sealing 1"]))
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
