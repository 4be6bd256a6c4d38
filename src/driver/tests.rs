//! What the driver and the protocol layer store, frozen: every later release reads it for ever. And the list of everything
//! that reaches a disk, so that nothing new does so without a fixture.

use std::{fs, path::PathBuf};

use mainstay_core::Timestamp;
use serde_json::Value;

use super::{index::Index, record::SessionRecord, waiting::WaitingSignIns};
use crate::{Secret, oauth::PendingSignIn, vault::AccountKey};

/// What is checked by which fixture.
const FROZEN: [&str; 4] = ["session-record", "index", "pending-sign-in", "sign-ins"];

/// When the frozen sign-ins waited.
const WAITED: Timestamp = Timestamp::from_millis(1_795_305_600_000);

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Reads what was stored and writes it again: whatever is not as it was got lost on the way. Later releases may add to it.
fn read_and_written(name: &str, stored: &str) -> Option<Value> {
    match name {
        "session-record" => {
            SessionRecord::read(stored.as_bytes()).and_then(|it| serde_json::from_slice(&it.write()).ok())
        }
        "index" => serde_json::from_str::<Index>(stored).ok().and_then(|it| serde_json::to_value(it).ok()),
        "pending-sign-in" => {
            let pending = PendingSignIn::from_record(&Secret::from_text(stored)).ok()?;
            serde_json::from_slice(pending.to_record().expose()).ok()
        }
        "sign-ins" => {
            let read = WaitingSignIns::read(Some(&Secret::from_text(stored)), WAITED);
            serde_json::from_slice(read.write().expose()).ok()
        }
        other => panic!("{other} is checked by nothing"),
    }
}

/// Whether everything that `before` says is still said.
fn says_all(after: &Value, before: &Value) -> bool {
    match (after, before) {
        (Value::Object(after), Value::Object(before)) => {
            before.iter().all(|(name, value)| after.get(name).is_some_and(|after| says_all(after, value)))
        }
        (Value::Array(after), Value::Array(before)) => {
            after.len() == before.len() && after.iter().zip(before).all(|(after, before)| says_all(after, before))
        }
        (after, before) => after == before,
    }
}

fn is_read(name: &str, stored: &str) -> bool {
    let before = serde_json::from_str(stored).unwrap();
    read_and_written(name, stored).is_some_and(|after| says_all(&after, &before))
}

fn fixtures() -> Vec<(String, String)> {
    let versions = fs::read_dir(repository().join("tests/fixtures/records")).unwrap();
    let files = versions.flat_map(|version| fs::read_dir(version.unwrap().path()).unwrap());
    let named = |path: PathBuf| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path));
    files.map(|file| named(file.unwrap().path())).map(|(name, text)| (name, text.unwrap())).collect()
}

#[test]
fn records_of_every_release_are_read_and_nothing_of_them_is_lost() {
    let fixtures = fixtures();
    for (name, stored) in &fixtures {
        assert!(is_read(name, stored), "{name}: {stored}\nis read as\n{:?}", read_and_written(name, stored));
    }
    for name in FROZEN {
        assert!(fixtures.iter().any(|(known, _)| known == name), "{name} has no fixture");
    }
}

/// Negative control: whatever member has another name, the check above sees it.
#[test]
fn a_member_that_is_not_read_any_more_is_noticed() {
    for (name, stored) in fixtures() {
        let Value::Object(members) = serde_json::from_str(&stored).unwrap() else { panic!("{stored}") };
        for member in members.keys() {
            let renamed = stored.replacen(&format!("\"{member}\":"), "\"renamed\":", 1);
            assert!(!is_read(&name, &renamed), "{name}: {member}");
        }
    }
}

/// What an older release wrote has fewer members. What it did not say is what it meant.
#[test]
fn records_without_what_was_added_since_are_read() {
    let (_, stored) = fixtures().into_iter().find(|(name, _)| name == "session-record").unwrap();
    let mut value: Value = serde_json::from_str(&stored).unwrap();
    for added in
        ["identity", "same_as", "prompting", "name", "owner", "last_used", "id_token_key", "notes_written", "episodes"]
    {
        value.as_object_mut().unwrap().remove(added).unwrap();
    }
    let record = SessionRecord::read(value.to_string().as_bytes()).unwrap();
    assert_eq!((record.identity, record.name, record.owner, record.last_used), (None, None, None, 0));
    let index: Index = serde_json::from_str(r#"{"version":1}"#).unwrap();
    assert_eq!(index, Index::default());
    assert!(index.of(AccountKey::from_name("till")).is_none());
}

// ---- everything that can be stored ----------------------------------------------------------------------------------

/// Where every type that can be serialised is stored, and what holds it to its form: a fixture, or why there is none.
const SERIALISED: [(&str, &str); 57] = [
    ("$name", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("Access", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("AccessTokenV1", "tests/fixtures/vault/v1/signed-in"),
    ("Body", "sent, not stored"),
    ("ClockRecord", "tests/fixtures/records/v1/session-record.json"),
    ("Connectivity", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("Curve", "sent, not stored"),
    ("Dpop", "part of a profile, which the app brings"),
    ("Dwell", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("Episode", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("EpisodeExport", "tests/fixtures/timeline/v1.json"),
    ("Epoch", "tests/fixtures/vault/v1/signed-out-with-queue"),
    ("Generation", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("GenerationV1", "tests/fixtures/vault/v1/signed-in"),
    ("Header", "sent, not stored"),
    ("Held", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("Identity", "tests/fixtures/records/v1/session-record.json"),
    ("IdentityEcho", "part of a profile, which the app brings"),
    ("IdentityProof", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("IdentitySource", "part of a profile, which the app brings"),
    ("Index", "tests/fixtures/records/v1/index.json"),
    ("IntentV1", "tests/fixtures/vault/v1/open-intent"),
    ("IssuerPacing", "core/tests/fixtures/issuer_pacing_v1.json"),
    ("KeyType", "sent, not stored"),
    ("LineExport", "tests/fixtures/timeline/v1.json"),
    ("Memory", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("Note", "tests/fixtures/records/v1/session-record.json"),
    ("Payload", "sent, not stored"),
    ("Permission", "in effects, not stored"),
    ("Plan", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("Previous", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("Probe", "part of a profile, which the app brings"),
    ("Profile", "part of a profile, which the app brings"),
    ("PublicJwk", "sent, not stored"),
    ("Recently", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("Record", "tests/fixtures/records/v1/pending-sign-in.json"),
    ("RefreshIdentity", "part of a profile, which the app brings"),
    ("RefreshStanding", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("RejectionRule", "part of a profile, which the app brings"),
    ("Retests", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("RevocableV1", "tests/fixtures/vault/v1/signed-out-with-queue"),
    ("RevocationV1", "tests/fixtures/vault/v1/signed-out-with-queue"),
    ("RuleMeaning", "part of a profile, which the app brings"),
    ("SessionRecord", "tests/fixtures/records/v1/session-record.json"),
    ("SignIns", "core/tests/fixtures/sign_ins_v1.json"),
    ("Snapshot", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("Span", "tests/fixtures/records/v1/session-record.json"),
    ("Standing", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("State", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("StoredEntry", "tests/fixtures/records/v1/index.json"),
    ("StoredSignIn", "tests/fixtures/records/v1/sign-ins.json"),
    ("Task", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("TimelineExport", "tests/fixtures/timeline/v1.json"),
    ("Timestamp", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("Unchecked", "part of a profile, which the app brings"),
    ("Unreasoned", "core/tests/fixtures/snapshots_v1.jsonl"),
    ("WaitingSignIns", "tests/fixtures/records/v1/sign-ins.json"),
];

/// Types whose names follow a derived `Serialize`.
fn serialised(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut derives = false;
    for line in text.lines().map(str::trim_start) {
        derives |= line.starts_with("#[derive(") && line.contains("Serialize");
        let words: Vec<_> = line.split_whitespace().collect();
        let kind = words.iter().position(|word| ["struct", "enum"].contains(word));
        if let Some(name) = kind.filter(|_| !line.starts_with("//")).and_then(|at| words.get(at + 1)) {
            if derives {
                let end = name.find(|c: char| !c.is_alphanumeric() && c != '$').unwrap_or(name.len());
                found.push(name[..end].to_owned());
            }
            derives = false;
        }
    }
    found
}

/// Everything that is compiled from a folder, but for tests.
fn files(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let is_test =
            entry.file_name().is_some_and(|name| ["tests", "tests.rs", "test_support"].iter().any(|it| name == *it));
        if entry.is_dir() && !is_test {
            found.extend(files(entry));
        } else if !is_test && entry.extension().is_some_and(|ending| ending == "rs") {
            found.push(entry);
        }
    }
    found
}

#[test]
fn nothing_is_serialised_that_no_fixture_holds_to_its_form() {
    let paths = files(repository().join("src")).into_iter().chain(files(repository().join("core/src")));
    let mut found: Vec<_> = paths.flat_map(|path| serialised(&fs::read_to_string(path).unwrap())).collect();
    found.sort();
    found.dedup();
    let listed: Vec<_> = SERIALISED.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, listed);
    for (name, held_by) in SERIALISED {
        assert!(!held_by.contains('/') || repository().join(held_by).exists(), "{name}: {held_by} is not there");
    }
}

#[test]
fn a_new_type_that_is_serialised_is_found() {
    let text = "/// Part of it, an enum of sorts.\n#[derive(Clone, Serialize)]\n#[serde(transparent)]\npub(super) struct New(u8);\nstruct Old;\n";
    assert_eq!(serialised(text), ["New"]);
}

// ---- what becomes of each field -------------------------------------------------------------------------------------

/// Of what is in here a document is made for people. No vault holds it.
const NOT_IN_A_VAULT: (&str, &str) = ("timeline_export.rs", "tests/fixtures/timeline");

/// Fields of these types, in this text, whose comments do not say what becomes of them on all three occasions.
fn fateless(text: &str, types: &[&str]) -> Vec<String> {
    let (mut found, mut of, mut said, mut derives) = (Vec::new(), None, String::new(), false);
    for line in text.lines() {
        let bare = line.trim_start();
        let words: Vec<_> = bare.split_whitespace().collect();
        if let Some(comment) = bare.strip_prefix("///") {
            said.push_str(&comment.to_lowercase());
            continue;
        }
        if bare.starts_with("#[") {
            derives |= bare.contains("Serialize");
            continue;
        }
        if let Some(at) = words.iter().position(|word| *word == "struct")
            && bare.ends_with('{')
        {
            let name = words.get(at + 1).map(|name| name.split('<').next().unwrap_or_default().to_owned());
            of = name.filter(|name| derives && types.contains(&name.as_str()));
        } else if line.starts_with('}') {
            of = None;
        } else if let Some(of) = &of
            && let Some((declared, _)) = bare.split_once(": ")
        {
            let occasions = ["sign-out", "signinrequired", "quarantine"];
            if !occasions.iter().all(|occasion| said.contains(occasion)) {
                found.push(format!("{of}.{}", declared.split_whitespace().last().unwrap_or_default()));
            }
        }
        said.clear();
        derives = false;
    }
    found
}

#[test]
fn every_field_that_is_stored_says_what_becomes_of_it() {
    let is_stored = |held_by: &str| held_by.contains('/') && !held_by.starts_with(NOT_IN_A_VAULT.1);
    let types: Vec<_> = SERIALISED.iter().filter(|(_, held_by)| is_stored(held_by)).map(|(name, _)| *name).collect();
    let mut missing = Vec::new();
    let paths = files(repository().join("src")).into_iter().chain(files(repository().join("core/src")));
    for path in paths.filter(|path| !path.ends_with(NOT_IN_A_VAULT.0)) {
        missing.extend(fateless(&fs::read_to_string(path).unwrap(), &types));
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// Negative control: a field that says nothing, or not all of it, is found; one of another type is nobody's business.
#[test]
fn a_field_that_does_not_say_what_becomes_of_it_is_found() {
    let text = "/// Sign-out, SignInRequired and quarantine: kept.\n#[derive(Serialize)]\nstruct Kept<'a> {\n    /// Sign-out: goes. SignInRequired\n    /// and quarantine: kept.\n    pub(super) whole: &'a str,\n    /// Sign-out: goes.\n    #[serde(default)]\n    half: u8,\n    silent: u8,\n}\nstruct Other {\n    silent: u8,\n}\n";
    assert_eq!(fateless(text, &["Kept"]), ["Kept.half", "Kept.silent"]);
}
