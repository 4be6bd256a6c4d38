//! What was found as JSON. The shape is stable: docs/cli.md describes it, and fields are only ever added.

use std::time::{SystemTime, UNIX_EPOCH};

use mainstay::{
    Timestamp,
    support::{Examination, Pseudonyms, SessionMemory},
    vault::{
        AccountKey, FileKind, InspectedAccount, InspectedFile, InspectedGeneration, LockedReason, MachineBinding,
        Outcome, Verdict,
    },
};
use serde_json::{Map, Value, json};

use crate::{verdict::Health, words};

/// The version of the shape. Another one would be a document that today's readers misunderstand.
pub(crate) const FORMAT: u32 = 1;

/// Whether names stand in the document, or pseudonyms.
pub(crate) enum Names<'a> {
    Plain,
    Redacted(&'a Pseudonyms),
}

impl Names<'_> {
    fn of(&self, kind: &str, name: &str) -> String {
        match self {
            Self::Plain => name.to_owned(),
            Self::Redacted(pseudonyms) => pseudonyms.of(kind, name),
        }
    }

    fn account(&self, account: AccountKey) -> String {
        self.of("account", &account.to_string())
    }

    /// File names hold their account's key.
    fn file(&self, name: &str, account: Option<AccountKey>) -> String {
        account.map_or_else(|| name.to_owned(), |it| name.replace(&it.to_string(), &self.account(it)))
    }
}

/// What status and export have in common.
pub(crate) fn status(seen: &Examination, names: &Names<'_>) -> Map<String, Value> {
    let vault = &seen.vault;
    let now = now();
    let mut document = Map::new();
    let mut put = |name: &str, value: Value| drop(document.insert(name.to_owned(), value));
    put("format", json!(FORMAT));
    put("mainstay", json!(env!("CARGO_PKG_VERSION")));
    put("looked_at", json!(words::date(now)));
    put("health", json!(Health::of(seen).word()));
    put("opened", outcome(&vault.opened));
    put("key_store", json!(vault.key_store));
    put("machine", json!(machine(vault.machine)));
    put("resealing", json!(vault.resealing));
    put("accounts", vault.accounts.iter().map(|it| account(seen, it, names, now)).collect());
    put("revocations", vault.files.iter().filter_map(revocation).collect());
    put("set_aside", vault.files.iter().filter_map(|file| set_aside(file, names)).collect());
    let bytes: usize = vault.files.iter().filter_map(|file| file.size).sum();
    let counts =
        json!({ "kept": vault.files.len(), "bytes": bytes, "passing": vault.passing, "foreign": vault.foreign });
    put("files", counts);
    document
}

/// Every file with what is known about it.
pub(crate) fn files(seen: &Examination, names: &Names<'_>) -> Value {
    let now = now();
    let file = |file: &InspectedFile| {
        json!({
            "name": names.file(file.name.as_str(), file.account),
            "kind": words::kind(&file.kind),
            "account": file.account.map(|account| names.account(account)),
            "bytes": file.size,
            "written_seconds_ago": file.written_at.map(|at| seconds_since(at, now)),
            "verdict": verdict(file.verdict),
        })
    };
    seen.vault.files.iter().map(file).collect()
}

/// The timeline of every session that remembers one.
pub(crate) fn timelines(seen: &Examination, names: &Names<'_>) -> Value {
    let line = |memory: &SessionMemory, note: &mainstay::Note| {
        json!({
            "seconds_ago": ago(memory.now, note.at),
            "code": note.code.as_str(),
            "generation": note.generation,
            "wait_seconds": note.until.map(|until| until.since(note.at).as_secs()),
        })
    };
    let timeline = |(account, memory): (&AccountKey, &SessionMemory)| {
        let lines: Vec<_> = memory.notes.iter().map(|note| line(memory, note)).collect();
        json!({ "account": names.account(*account), "lines": lines })
    };
    seen.memories.iter().map(timeline).collect()
}

fn account(seen: &Examination, account: &InspectedAccount, names: &Names<'_>, now: u64) -> Value {
    let memory = seen.memories.get(&account.key);
    let identity = seen.identity(account).map(|identity| {
        let tenant = identity.tenant.iter().map(|(name, value)| (name.clone(), json!(names.of("tenant", value))));
        json!({
            "issuer": names.of("issuer", &identity.issuer),
            "subject": identity.subject.as_deref().map(|subject| names.of("subject", subject)),
            "tenant": tenant.collect::<Map<_, _>>(),
        })
    });
    let state = memory.map(|memory| {
        json!({
            "name": memory.state.name(),
            "code": memory.state.code().map(|code| code.as_str()),
            "stored_seconds_ago": ago(memory.now, memory.stored_at),
            "prompting": memory.prompting,
        })
    });
    let generations: Vec<_> = account.generations.iter().map(|it| generation(it, memory, names, now)).collect();
    json!({
        "account": names.account(account.key),
        "outcome": outcome(&account.outcome),
        "sign_outs": account.epoch.number(),
        "identity": identity,
        "state": state,
        "last_accepted_seconds_ago": memory.map(|memory| ago(memory.now, memory.last_accepted)),
        "generations": generations,
        "awaits_acceptance": account.generations.len() > 1,
        "open_intent": account.open_intent,
        "device_key": account.device_key,
    })
}

fn generation(it: &InspectedGeneration, memory: Option<&SessionMemory>, names: &Names<'_>, now: u64) -> Value {
    let tokens = it.content.as_ref().map(|content| {
        let token = |token: &mainstay::vault::InspectedToken| {
            json!({
                "audience": token.audience.as_deref().map(|audience| names.of("audience", audience)),
                "lifetime_seconds": token.expires_at.since(token.received_at).as_secs(),
                "expires_in_seconds": memory.map(|memory| expires_in(memory.now, token.expires_at)),
            })
        };
        content.access_tokens.iter().map(token).collect::<Vec<_>>()
    });
    json!({
        "generation": it.generation,
        "written_seconds_ago": it.written_at.map(|at| seconds_since(at, now)),
        "refresh_token": it.content.as_ref().map(|content| content.refresh_token),
        "access_tokens": tokens,
    })
}

fn revocation(file: &InspectedFile) -> Option<Value> {
    let (at, while_locked) = match file.kind {
        FileKind::Revocation(at) => (at, false),
        FileKind::Parked(at) => (at, true),
        _ => return None,
    };
    Some(json!({ "queued_at": words::date(at), "signed_out_while_locked": while_locked }))
}

fn set_aside(file: &InspectedFile, names: &Names<'_>) -> Option<Value> {
    let FileKind::SetAside(aside) = &file.kind else { return None };
    Some(json!({
        "name": names.file(file.name.as_str(), file.account),
        "at": words::date(aside.at),
        "reason": aside.reason.word(),
        "account": file.account.map(|account| names.account(account)),
        "verdict": verdict(file.verdict),
    }))
}

fn outcome(outcome: &Outcome<()>) -> Value {
    match outcome {
        Outcome::Value(()) => json!({ "outcome": "value" }),
        Outcome::Empty => json!({ "outcome": "empty" }),
        Outcome::Locked(reason) => json!({ "outcome": "locked", "reason": locked(*reason) }),
        Outcome::Unreadable(reason) => json!({ "outcome": "unreadable", "reason": reason.word() }),
        Outcome::TooNew { version } => json!({ "outcome": "too_new", "format": version }),
    }
}

fn verdict(verdict: Verdict) -> Value {
    match verdict {
        Verdict::Whole => json!({ "verdict": "whole" }),
        Verdict::SealUnchecked => json!({ "verdict": "seal_unchecked" }),
        Verdict::Void => json!({ "verdict": "void" }),
        Verdict::Unreadable(reason) => json!({ "verdict": "unreadable", "reason": reason.word() }),
        Verdict::TooNew { version } => json!({ "verdict": "too_new", "format": version }),
        Verdict::Refused => json!({ "verdict": "refused" }),
    }
}

const fn locked(reason: LockedReason) -> &'static str {
    match reason {
        LockedReason::KeyStoreLocked => "key_store_locked",
        LockedReason::KeyStoreSlow => "key_store_slow",
        LockedReason::KeyStoreUnavailable => "key_store_unavailable",
        LockedReason::FolderRefused => "folder_refused",
    }
}

const fn machine(binding: MachineBinding) -> &'static str {
    match binding {
        MachineBinding::NotBorn => "not_born",
        MachineBinding::Unbound => "unbound",
        MachineBinding::Here => "here",
        MachineBinding::Unknown => "unknown",
        MachineBinding::Elsewhere => "elsewhere",
    }
}

/// Wall time in milliseconds.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds between two wall times; a file from the future is from just now.
pub(crate) const fn seconds_since(at: u64, now: u64) -> u64 {
    now.saturating_sub(at) / 1000
}

pub(crate) fn ago(now: Timestamp, at: Timestamp) -> u64 {
    now.since(at).as_secs()
}

/// Seconds of life left; negative, since when it has expired.
fn expires_in(now: Timestamp, expires_at: Timestamp) -> i64 {
    let (left, gone) = (expires_at.since(now).as_secs(), now.since(expires_at).as_secs());
    i64::try_from(left).unwrap_or(i64::MAX).saturating_sub(i64::try_from(gone).unwrap_or(i64::MAX))
}
