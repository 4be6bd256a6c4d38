//! The bytes of one file: a header that anybody can read, a sealed content, a checksum.
//!
//! `docs/vault-format.md` is the description that another reader can be written from. Every file of every format
//! starts with the magic and the format version and ends with the checksum; the rest may change between versions.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{
    AccountKey, Epoch, UnreadableReason, VaultError,
    keys::{InstallId, Key, KeyId, Keys},
    outcome::Closed,
};

/// The largest file that is read or written, in bytes.
pub(super) const LIMIT: usize = 256 * 1024;

const MAGIC: [u8; 8] = *b"MAINSTAY";
const VERSION: u16 = 1;
const CHECKSUM: usize = 8;
/// Magic, version, algorithm and kind.
const PREFIX: usize = 12;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Install,
    Epoch,
    Canary,
    Credentials,
    Intent,
    Session,
    DeviceKey,
    Revocation,
    Accounts,
    SignIns,
    Prompt,
}

impl Kind {
    /// Its number in the file. Numbers never change and are never used again.
    const fn byte(self) -> u8 {
        match self {
            Self::Install => 1,
            Self::Epoch => 2,
            Self::Canary => 3,
            Self::Credentials => 4,
            Self::Intent => 5,
            Self::Session => 6,
            Self::DeviceKey => 7,
            Self::Revocation => 8,
            Self::Accounts => 9,
            Self::SignIns => 10,
            Self::Prompt => 11,
        }
    }
}

/// How the content is protected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    /// Not at all: it holds no secret and must be readable without a key.
    Plain,
    /// XChaCha20-Poly1305 with the header as associated data.
    XChaCha20Poly1305,
}

impl Algorithm {
    const fn byte(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::XChaCha20Poly1305 => 1,
        }
    }
}

/// Whose a sealed record is. All of it can be read without the key, and none of it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// All zeros in a record of the whole vault.
    pub(super) account: AccountKey,
    /// Zero where the record is of no generation.
    pub(super) generation: u64,
    pub(super) epoch: Epoch,
}

const DAMAGED: Closed = Closed::Unreadable(UnreadableReason::Damaged);

/// A file without secrets: prefix, content, checksum.
pub(super) fn write_plain(kind: Kind, content: &[u8]) -> Vec<u8> {
    finish(prefix(Algorithm::Plain, kind.byte()), content)
}

/// The content of a file without secrets.
pub(super) fn read_plain(file: &[u8], kind: Kind) -> Result<&[u8], Closed> {
    let (algorithm, found, content) = split(file)?;
    if algorithm != Algorithm::Plain.byte() || found != kind.byte() {
        return Err(Closed::Unreadable(UnreadableReason::Misplaced));
    }
    Ok(content)
}

/// Seals `content` under `header`. `nonce` must be drawn at random for each record.
pub(super) fn seal(keys: &Keys, header: &Header, nonce: [u8; 24], content: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut file = prefix(Algorithm::XChaCha20Poly1305, header.kind.byte());
    file.extend_from_slice(&keys.install);
    file.extend_from_slice(header.account.as_bytes());
    file.extend_from_slice(&header.generation.to_be_bytes());
    file.extend_from_slice(&header.epoch.number().to_be_bytes());
    seal_rest(keys, file, nonce, content)
}

/// Key id, nonce, content and checksum behind the part of the header that says whose the record is.
pub(super) fn seal_rest(
    keys: &Keys,
    mut file: Vec<u8>,
    nonce: [u8; 24],
    content: &[u8],
) -> Result<Vec<u8>, VaultError> {
    file.extend_from_slice(&keys.id);
    file.extend_from_slice(&nonce);
    let sealed = cipher(&keys.sealing)
        .encrypt(&nonce.into(), Payload { msg: content, aad: &file })
        .map_err(|_too_long| VaultError::TooLarge);
    wipe_stack();
    let sealed = sealed?;
    let file = finish(file, &sealed);
    if file.len() > LIMIT { Err(VaultError::TooLarge) } else { Ok(file) }
}

/// A sealed record whose checksum is right. Its header is not proven before [`open`](Sealed::open) succeeded.
pub(super) struct Sealed<'a> {
    pub(super) generation: u64,
    pub(super) epoch: Epoch,
    pub(super) account: AccountKey,
    pub(super) key_id: KeyId,
    pub(super) nonce: [u8; 24],
    kind: u8,
    install: InstallId,
    associated: &'a [u8],
    ciphertext: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Reads the part that needs no key.
    pub(super) fn parse(file: &'a [u8]) -> Result<Self, Closed> {
        let (algorithm, kind, mut rest) = split(file)?;
        if algorithm != Algorithm::XChaCha20Poly1305.byte() {
            return Err(Closed::Unreadable(UnreadableReason::Misplaced));
        }
        let body = rest;
        let record = Self {
            kind,
            install: take(&mut rest)?,
            account: AccountKey::from_bytes(take(&mut rest)?),
            generation: u64::from_be_bytes(take(&mut rest)?),
            epoch: Epoch::new(u64::from_be_bytes(take(&mut rest)?)),
            key_id: take(&mut rest)?,
            nonce: take(&mut rest)?,
            associated: &[],
            ciphertext: rest,
        };
        if record.epoch > Epoch::LAST {
            return Err(DAMAGED);
        }
        let header = PREFIX.saturating_add(body.len().saturating_sub(rest.len()));
        Ok(Self { associated: file.get(..header).ok_or(DAMAGED)?, ..record })
    }

    /// Opens the record, if it is one of this vault, this account and this kind. The content is wiped when dropped.
    pub(super) fn open(
        &self,
        keys: &Keys,
        kind: Kind,
        account: AccountKey,
    ) -> Result<Zeroizing<Vec<u8>>, UnreadableReason> {
        let key = keys.opening(self.key_id);
        if key.is_none() && self.install == keys.install {
            return Err(UnreadableReason::WrongKey);
        }
        if self.kind != kind.byte() || self.account != account || self.install != keys.install {
            return Err(UnreadableReason::Misplaced);
        }
        self.decrypt(key.ok_or(UnreadableReason::WrongKey)?)
    }

    /// The same record under the current key. `None`: it is already, or cannot be opened, which no other key changes.
    pub(super) fn reseal(&self, keys: &Keys, nonce: [u8; 24]) -> Result<Option<Vec<u8>>, VaultError> {
        let old = keys.opening(self.key_id).filter(|_| self.key_id != keys.id && self.install == keys.install);
        let Some(Ok(content)) = old.map(|key| self.decrypt(key)) else { return Ok(None) };
        let whose = self.associated.len().saturating_sub(self.key_id.len()).saturating_sub(self.nonce.len());
        let whose = self.associated.get(..whose).unwrap_or_default().to_vec();
        seal_rest(keys, whose, nonce, &content).map(Some)
    }

    /// The content, by this key, whoever the record is for. The content is wiped when dropped.
    pub(super) fn decrypt(&self, key: &Key) -> Result<Zeroizing<Vec<u8>>, UnreadableReason> {
        let opened = cipher(key)
            .decrypt(&self.nonce.into(), Payload { msg: self.ciphertext, aad: self.associated })
            .map(Zeroizing::new)
            .map_err(|_broken| UnreadableReason::Forged);
        wipe_stack();
        opened
    }
}

/// The account that records of the whole vault are sealed for.
pub(super) const NO_ACCOUNT: AccountKey = AccountKey::from_bytes([0; 16]);

/// The cipher works on copies of each block, on the stack below its caller, and leaves the last ones there. Called right after
/// it, from the same place, this wipes what it used.
#[inline(never)]
fn wipe_stack() {
    let mut below = [0_u8; 8 * 1024];
    below.zeroize();
    std::hint::black_box(&below);
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&**key).into())
}

fn prefix(algorithm: Algorithm, kind: u8) -> Vec<u8> {
    let mut file = Vec::with_capacity(128);
    file.extend_from_slice(&MAGIC);
    file.extend_from_slice(&VERSION.to_be_bytes());
    file.extend_from_slice(&[algorithm.byte(), kind]);
    file
}

/// A whole file: the checksum comes last.
pub(super) fn finish(mut file: Vec<u8>, content: &[u8]) -> Vec<u8> {
    file.extend_from_slice(content);
    let checksum = checksum(&file);
    file.extend_from_slice(&checksum);
    file
}

/// Algorithm, kind and content of a whole file of this version. The checksum comes first, so that a flipped bit in
/// the version is damage and not a newer release.
fn split(file: &[u8]) -> Result<(u8, u8, &[u8]), Closed> {
    if file.len() > LIMIT {
        return Err(DAMAGED);
    }
    let (mut rest, found) = file.split_last_chunk::<CHECKSUM>().ok_or(DAMAGED)?;
    if *found != checksum(rest) || take(&mut rest)? != MAGIC {
        return Err(DAMAGED);
    }
    match u16::from_be_bytes(take(&mut rest)?) {
        VERSION => {}
        version if version > VERSION => return Err(Closed::TooNew(version)),
        _older_than_any => return Err(DAMAGED),
    }
    let [algorithm, kind] = take(&mut rest)?;
    Ok((algorithm, kind, rest))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Closed> {
    let (taken, left) = rest.split_first_chunk::<N>().ok_or(DAMAGED)?;
    *rest = left;
    Ok(*taken)
}

/// The first 8 bytes of SHA-256. It tells damage from a wrong key; against a forger stands the seal.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let mut first = [0; CHECKSUM];
    first.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    first
}
