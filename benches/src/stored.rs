//! Reading and writing what is stored, against the least that does it: plain file operations and one AEAD.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead};
use mainstay::{
    Generation,
    host::Host,
    vault::{AccountKey, Epoch, Vault, VaultHost},
};

use crate::{
    Compared, Outcome, Pairs,
    growth::open,
    rotation::{RECORD, credentials},
    till::native_host,
};

/// Opens and decrypts a signed-in account, against reading the two sealed files that it consists of and opening their seals.
///
/// # Errors
/// Whatever the vault or the disk says.
pub async fn time_open(rounds: u32) -> Outcome<Compared> {
    let folder = tempfile::tempdir()?;
    // Its runtime ends with the host.
    let host = native_host(folder.path())?;
    let (vault, till) = signed_in(&host).await?;
    let bare = Bare::beside(folder.path())?;
    let mut pairs = Pairs::default();
    for round in 0..rounds {
        if round % 2 == 0 {
            let floor = bare.open()?;
            pairs.push(floor, open(&vault, till).await?);
        } else {
            let ours = open(&vault, till).await?;
            pairs.push(bare.open()?, ours);
        }
    }
    Ok(pairs.compared())
}

/// Saves a session's record, against writing as many bytes, and an `fsync` each of file and folder.
///
/// # Errors
/// Whatever the vault or the disk says.
pub async fn time_save(rounds: u32) -> Outcome<Compared> {
    let folder = tempfile::tempdir()?;
    // Its runtime ends with the host.
    let host = native_host(folder.path())?;
    let (vault, till) = signed_in(&host).await?;
    let mut pairs = Pairs::default();
    for round in 0..rounds {
        if round % 2 == 0 {
            let floor = write(folder.path())?;
            pairs.push(floor, save(&vault, till).await?);
        } else {
            let ours = save(&vault, till).await?;
            pairs.push(write(folder.path())?, ours);
        }
    }
    Ok(pairs.compared())
}

async fn signed_in(host: &Host) -> Outcome<(Vault, AccountKey)> {
    let (vault, till) = (Vault::new(VaultHost::from(host)), AccountKey::from_name("till"));
    vault.first_save(till, &credentials(Generation::FIRST), Epoch::default()).await?;
    vault.save_session(till, Epoch::default(), RECORD).await?;
    Ok((vault, till))
}

async fn save(vault: &Vault, till: AccountKey) -> Outcome<Duration> {
    let start = Instant::now();
    vault.save_session(till, Epoch::default(), RECORD).await?;
    Ok(start.elapsed())
}

fn write(folder: &Path) -> Outcome<Duration> {
    let (temporary, file) = (folder.join("floor.new"), folder.join("floor"));
    let start = Instant::now();
    let mut new = File::create(&temporary)?;
    new.write_all(RECORD)?;
    new.sync_all()?;
    fs::rename(temporary, file)?;
    File::open(folder)?.sync_all()?;
    Ok(start.elapsed())
}

/// Files of the same sizes, sealed with a key that is at hand.
struct Bare {
    cipher: XChaCha20Poly1305,
    files: Vec<PathBuf>,
}

impl Bare {
    const NONCE: usize = 24;

    fn beside(folder: &Path) -> Outcome<Self> {
        let mut bare = Self { cipher: XChaCha20Poly1305::new(&[7; 32].into()), files: Vec::new() };
        for entry in fs::read_dir(folder.join("vault"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|part| part == "current" || part == "session") {
                let nonce = [0; Self::NONCE];
                let content = vec![b'x'; fs::read(&path)?.len()];
                let sealed = bare.cipher.encrypt(&XNonce::from(nonce), content.as_slice()).map_err(|_| "not sealed")?;
                let own = folder.join(bare.files.len().to_string());
                fs::write(&own, [nonce.as_slice(), &sealed].concat())?;
                bare.files.push(own);
            }
        }
        if bare.files.len() == 2 { Ok(bare) } else { Err("an account is not two files any more".into()) }
    }

    fn open(&self) -> Outcome<Duration> {
        let start = Instant::now();
        for path in &self.files {
            let file = fs::read(path)?;
            let (nonce, sealed) = file.split_first_chunk::<{ Self::NONCE }>().ok_or("cut off")?;
            self.cipher.decrypt(&XNonce::from(*nonce), sealed).map_err(|_| "not opened")?;
        }
        Ok(start.elapsed())
    }
}
