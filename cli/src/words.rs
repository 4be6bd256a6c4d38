//! Plain words for what was found, and the next move.

use std::time::{Duration, UNIX_EPOCH};

use mainstay::{
    Identity,
    vault::{FileKind, LockedReason, MachineBinding, Outcome, UnreadableReason, Verdict},
};

use crate::{place::NO_KEY, screen::printable};

/// What opening came to.
pub(crate) fn opened(outcome: &Outcome<()>, key_store: &str) -> String {
    match outcome {
        Outcome::Value(()) => "yes".to_owned(),
        Outcome::Empty => "nothing was ever stored here".to_owned(),
        Outcome::Locked(LockedReason::KeyStoreUnavailable) if key_store == NO_KEY => {
            "not tried: name the key with --keyring or --key-folder".to_owned()
        }
        Outcome::Locked(reason) => format!("not now: {reason}. Nothing is lost. {}", unlock(*reason)),
        Outcome::Unreadable(reason) => format!("no: {reason}. {}", next(*reason)),
        Outcome::TooNew { version } => format!(
            "no: a newer release wrote it (format {version}). Nothing is lost; use that release, and its `mainstay`."
        ),
    }
}

const fn unlock(reason: LockedReason) -> &'static str {
    match reason {
        LockedReason::KeyStoreLocked => "Unlock the keyring; the app then goes on by itself.",
        LockedReason::KeyStoreSlow => "Look whether the keyring waits for somebody's answer.",
        LockedReason::KeyStoreUnavailable => "Run this in the session of the person who uses the app.",
        LockedReason::FolderRefused => "Run this as the user that the app runs as.",
    }
}

/// What to do about something that cannot be read.
pub(crate) const fn next(reason: UnreadableReason) -> &'static str {
    match reason {
        UnreadableReason::KeyMissing | UnreadableReason::KeyUnreadable | UnreadableReason::WrongKey => {
            "If the key is elsewhere (another user, another folder, a keyring that was replaced), bring it back and \
             everything opens again; else the app sets the vault aside and asks for one sign-in."
        }
        UnreadableReason::AnotherMachine => {
            "It is a copy: go on with the original, there. Here the app sets it aside and asks for one sign-in."
        }
        UnreadableReason::InstallMissing => {
            "If vault.install was moved or is in a backup, put it back; else the app sets the rest aside and asks for one \
             sign-in."
        }
        UnreadableReason::Disk => "Look at the disk, and at what is in the place of the file.",
        UnreadableReason::Damaged
        | UnreadableReason::Misplaced
        | UnreadableReason::Forged
        | UnreadableReason::Nonsense => {
            "The app sets aside what it needs and cannot read, and asks for one sign-in where nothing older opens."
        }
    }
}

pub(crate) const fn machine(binding: MachineBinding) -> &'static str {
    match binding {
        MachineBinding::NotBorn => "belongs to none yet",
        MachineBinding::Unbound => "bound to none: where it was born, the system told no name",
        MachineBinding::Here => "this one",
        MachineBinding::Unknown => "bound to one, and this system does not tell whether it is this one",
        MachineBinding::Elsewhere => "another one: this folder was copied here",
    }
}

/// Who somebody is, on one line.
pub(crate) fn identity(identity: &Identity) -> String {
    let subject = identity.subject.as_deref().map_or_else(|| "nobody proved who".to_owned(), printable);
    let tenant: String =
        identity.tenant.iter().map(|(name, value)| format!(", {} {}", printable(name), printable(value))).collect();
    format!("{subject}{tenant} at {}", printable(&identity.issuer))
}

pub(crate) fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Whole => "whole".to_owned(),
        Verdict::SealUnchecked => "checksum right, seal not checked".to_owned(),
        Verdict::Void => "of a session that was signed out; the next start removes it".to_owned(),
        Verdict::Unreadable(reason) => format!("{reason}. {}", next(reason)),
        Verdict::TooNew { version } => format!("a newer release wrote it (format {version})"),
        Verdict::Refused => "the operating system refuses access to it".to_owned(),
    }
}

pub(crate) const fn kind(kind: &FileKind) -> &'static str {
    match kind {
        FileKind::Install => "install",
        FileKind::Canary => "canary",
        FileKind::Accounts => "accounts",
        FileKind::SignIns => "sign_ins",
        FileKind::Epoch => "epoch",
        FileKind::Current => "current",
        FileKind::Kept => "kept",
        FileKind::Intent => "intent",
        FileKind::Session => "session",
        FileKind::DeviceKey => "device_key",
        FileKind::Revocation(_) => "revocation",
        FileKind::Parked(_) => "parked",
        FileKind::SetAside(_) => "set_aside",
    }
}

/// A length of time, as short as it can be said: its two largest units.
pub(crate) fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let first = units.iter().position(|(unit, _)| seconds >= *unit).unwrap_or(units.len() - 1);
    let mut words = Vec::new();
    let mut left = seconds;
    for (unit, word) in units.iter().skip(first).take(2) {
        let count = left / unit;
        left %= unit;
        if count > 0 || words.is_empty() {
            words.push(format!("{count} {word}"));
        }
    }
    words.join(" ")
}

/// A wall time in milliseconds as a date.
pub(crate) fn date(millis: u64) -> String {
    // A date that no calendar has is one that somebody made up.
    const LAST: u64 = 253_402_300_799_000;
    let at = UNIX_EPOCH + Duration::from_millis(millis.min(LAST));
    humantime::format_rfc3339_seconds(at).to_string()
}

/// One of something, or several.
pub(crate) fn count(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_their_two_largest_units() {
        let cases = [(0, "0 s"), (999, "0 s"), (61_000, "1 min 1 s"), (7_200_000, "2 h"), (90_061_000, "1 d 1 h")];
        for (millis, said) in cases {
            assert_eq!(span(millis), said);
        }
        assert!(date(u64::MAX).starts_with("9999-"), "{}", date(u64::MAX));
    }
}
