//! What the vault calls its files. `docs/vault-format.md` lists them.

use mainstay_core::Generation;

use super::{AccountKey, UnreadableReason, record::Kind};
use crate::host::FileName;

/// Which installation this folder belongs to. Needs no key.
pub(super) fn install() -> FileName {
    FileName::known("vault.install".to_owned())
}

/// Tells a wrong key from a damaged record.
pub(super) fn canary() -> FileName {
    FileName::known("vault.canary".to_owned())
}

/// Held while the vault itself changes: its birth, or being set aside.
pub(super) fn vault_lock() -> FileName {
    FileName::known("vault.lock".to_owned())
}

/// Held while an entry is written into the revocation queue, or the queue is sealed anew.
pub(super) fn queue_lock() -> FileName {
    FileName::known("queue.lock".to_owned())
}

/// Held by whoever works the revocation queue off, over the network.
pub(super) fn revoking_lock() -> FileName {
    FileName::known("revoking.lock".to_owned())
}

/// The index of accounts.
pub(super) fn index() -> FileName {
    FileName::known("vault.accounts".to_owned())
}

/// Sign-ins that wait for their browser.
pub(super) fn sign_ins() -> FileName {
    FileName::known("vault.sign-ins".to_owned())
}

/// Held while the index, or what waits for a browser, is read and replaced.
pub(super) fn index_lock() -> FileName {
    FileName::known("accounts.lock".to_owned())
}

/// Whether the name is that of a file `of` that was never finished.
pub(super) fn is_unfinished(name: &FileName, of: &FileName) -> bool {
    name.as_str().strip_prefix(of.as_str()).is_some_and(|rest| rest.starts_with(TEMPORARY))
}

/// The files of one account.
#[derive(Clone, Copy)]
pub(super) struct Of(pub(super) AccountKey);

impl Of {
    fn file(self, rest: &str) -> FileName {
        FileName::known(format!("{}.{rest}", self.0))
    }

    /// The current generation.
    pub(super) fn current(self) -> FileName {
        self.file("current")
    }

    /// An older generation, kept until its successor was accepted.
    pub(super) fn kept(self, generation: Generation) -> FileName {
        self.file(&format!("kept-{:016x}", generation.number()))
    }

    /// A record that the account has one of.
    pub(super) fn single(self, single: Single) -> FileName {
        self.file(single.word())
    }

    /// The account's epoch. Needs no key, is never removed.
    pub(super) fn epoch(self) -> FileName {
        self.file("epoch")
    }

    /// The long lock: held over read, network and write of a rotation.
    pub(super) fn rotation_lock(self) -> FileName {
        self.file("rotation.lock")
    }

    /// The short lock: held while files of the account are replaced, never over the network.
    pub(super) fn files_lock(self) -> FileName {
        self.file("files.lock")
    }

    /// Held by the process that shows the account's sign-in prompt, as long as it stands.
    pub(super) fn prompt_lock(self) -> FileName {
        self.file("prompt.lock")
    }

    /// What the latest prompt was for, and whether somebody has seen to it. Needs no key, is never removed.
    pub(super) fn prompt(self) -> FileName {
        self.file("prompt")
    }

    /// What a file name of this account is, if it is one.
    pub(super) fn part(self, name: &FileName) -> Option<Part> {
        let rest = name.as_str().strip_prefix(&self.0.to_string())?.strip_prefix('.')?;
        Some(match rest {
            "current" => Part::Current,
            "intent" => Part::Single(Single::Intent),
            "session" => Part::Single(Single::Session),
            "device" => Part::Single(Single::DeviceKey),
            "rotation.lock" | "files.lock" | "prompt.lock" | "prompt" => Part::Lasting,
            // A sign-out takes no lock, so nobody can know whether it is still writing this.
            rest if rest.starts_with("epoch") => Part::Lasting,
            rest if rest.contains(TEMPORARY) => Part::Temporary,
            rest => match rest.strip_prefix("kept-").and_then(hexadecimal).and_then(Generation::new) {
                Some(generation) => Part::Kept(generation),
                None => return None,
            },
        })
    }
}

/// A record that an account has one of, beside its generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Single {
    /// The rotation that may be under way.
    Intent,
    /// The persisted core state.
    Session,
    /// The device key, where no operating system guards one.
    DeviceKey,
}

impl Single {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::Intent => Kind::Intent,
            Self::Session => Kind::Session,
            Self::DeviceKey => Kind::DeviceKey,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Session => "session",
            Self::DeviceKey => "device",
        }
    }
}

/// What a file of an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The current generation.
    Current,
    /// An older one.
    Kept(Generation),
    /// One of those that an account has one of.
    Single(Single),
    /// Being written, or left behind by somebody who died while writing.
    Temporary,
    /// Outlives the session: epoch, locks, and what the latest prompt was for.
    Lasting,
}

const TEMPORARY: &str = ".new-";
const REVOKE: &str = "revoke-";
const PARKED: &str = "parked-";
const ASIDE: &str = "aside-";

/// A name of its own for a file that will get the name `of` once it is whole.
pub(super) fn temporary(of: &FileName, unique: u64) -> FileName {
    FileName::known(format!("{}{TEMPORARY}{unique:016x}", of.as_str()))
}

/// An entry of the revocation queue. `at` is wall time in milliseconds.
pub(super) fn revocation(at: u64, unique: u64) -> FileName {
    FileName::known(format!("{REVOKE}{at:012x}-{unique:016x}"))
}

/// When the entry was queued, in milliseconds of wall time, if the name is one of [`revocation`].
pub(super) fn revocation_time(name: &FileName) -> Option<u64> {
    hexadecimal(name.as_str().strip_prefix(REVOKE)?.split_once('-')?.0)
}

/// A signed-out record whose refresh token still has to go to the revocation queue.
pub(super) fn parked(at: u64, account: AccountKey, unique: u64) -> FileName {
    FileName::known(format!("{PARKED}{at:012x}-{account}-{unique:016x}"))
}

/// When and of which account, if the name is one of [`parked`].
pub(super) fn parked_since(name: &FileName) -> Option<(u64, AccountKey)> {
    let mut parts = name.as_str().strip_prefix(PARKED)?.split('-');
    Some((hexadecimal(parts.next()?)?, AccountKey::parse(parts.next()?)?))
}

/// The name that `original` has while it is set aside. `at` is wall time in milliseconds.
pub(super) fn aside(at: u64, reason: UnreadableReason, original: &FileName) -> FileName {
    FileName::known(format!("{ASIDE}{at:012x}-{}-{}", reason.word(), original.as_str()))
}

/// When, why and what, if the name is one of [`aside`].
pub(super) fn aside_parts(name: &FileName) -> Option<(u64, UnreadableReason, FileName)> {
    let mut parts = name.as_str().strip_prefix(ASIDE)?.splitn(3, '-');
    let at = hexadecimal(parts.next()?)?;
    let reason = UnreadableReason::from_word(parts.next()?)?;
    Some((at, reason, FileName::new(parts.next()?)?))
}

/// Whether a file is sealed and belongs to somebody's session.
pub(super) fn is_of_session(name: &FileName) -> bool {
    let of_account = account_of(name).and_then(|account| Of(account).part(name));
    of_account.is_some_and(|part| !matches!(part, Part::Lasting | Part::Temporary))
}

/// Whether a file is a sealed one, which only the installation that wrote it can open.
pub(super) fn needs_install(name: &FileName) -> bool {
    is_of_session(name)
        || [canary(), index(), sign_ins()].contains(name)
        || revocation_time(name).is_some()
        || parked_since(name).is_some()
}

/// Whether a file holds something that lasts: everything of a vault but locks, and files being written.
pub(super) fn has_content(name: &FileName) -> bool {
    let epoch = || account_of(name).is_some_and(|account| *name == Of(account).epoch());
    let lasting = || needs_install(name) || *name == install() || epoch();
    aside_parts(name).is_some() || (!name.as_str().contains(TEMPORARY) && lasting())
}

/// Whether a file is a lock of the vault's, or one being written.
pub(super) fn is_passing(name: &FileName) -> bool {
    let final_name = name.as_str().split_once(TEMPORARY).and_then(|(name, _)| FileName::new(name));
    let of_account = || account_of(name).is_some_and(|account| Of(account).part(name).is_some());
    let locks = [vault_lock(), queue_lock(), revoking_lock(), index_lock()];
    locks.contains(name) || final_name.is_some_and(|name| has_content(&name)) || of_account()
}

/// The account that a file belongs to, if it belongs to one.
pub(super) fn account_of(name: &FileName) -> Option<AccountKey> {
    AccountKey::parse(name.as_str().split_once('.')?.0)
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}
