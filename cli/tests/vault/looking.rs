//! Status, verify and export: what they say, and that they only look.

use std::path::Path;

use mainstay::vault::{Epoch, UnreadableReason};
use serde_json::{Value, json};

use crate::sandbox::{CANARY, HOSTILE, Sandbox, credentials, till};

const KEY: [&str; 2] = ["--key-folder", "keys"];

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/vault/v1")
}

/// Every way to look.
fn looks<'a>(folder: &'a str, key: &[&'a str]) -> Vec<Vec<&'a str>> {
    let commands: [&[&str]; 5] =
        [&["status"], &["status", "--json"], &["verify"], &["verify", "--json"], &["export", "--redacted"]];
    commands.iter().map(|command| [&["vault"], *command, &[folder], key].concat()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_changes_nothing_and_makes_nothing() {
    let sandbox = Sandbox::with_till().await;
    sandbox.sign_in("other", "grace").await;
    sandbox.set_aside("other").await;
    sandbox.damage("other", ".canary");
    std::fs::create_dir(sandbox.path("empty")).unwrap();
    let before = sandbox.everything();
    for folder in ["till", "other", "empty", "missing", "keys"] {
        for key in [&KEY[..], &[], &["--key-folder", "missing"]] {
            for look in looks(folder, key) {
                sandbox.mainstay(&look);
                assert!(sandbox.everything() == before, "{look:?} changed something");
            }
        }
    }
    // Negative control: the comparison sees what a restore does.
    let name = sandbox.file("other", ".session");
    sandbox.mainstay(&["vault", "restore", "other", name.file_name().unwrap().to_str().unwrap()]);
    assert!(sandbox.everything() != before);
}

#[test]
fn every_frozen_vault_is_told_with_its_key_and_without() {
    let sandbox = Sandbox::new();
    let mut seen = 0;
    for folder in std::fs::read_dir(fixtures()).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        sandbox.copy(&folder.path(), &name);
        // Born on a machine called `till-7`: whether this one is another, its system may not tell.
        let elsewhere = name == "on-a-machine";
        for (key, closed) in [(["--key-folder", name.as_str()].as_slice(), false), (&[], true)] {
            for look in looks(&name, key) {
                let said = sandbox.mainstay(&look);
                let expected: &[i32] = if elsewhere {
                    &[0, 1, 3]
                } else if closed {
                    &[3]
                } else {
                    &[0]
                };
                assert!(expected.contains(&said.status), "{look:?}: {} {}{}", said.status, said.out, said.err);
                assert!(said.err.is_empty() && !said.out.contains(CANARY), "{look:?}: {}{}", said.out, said.err);
            }
        }
        seen += 1;
    }
    assert!(seen >= 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_as_json_has_the_documented_shape() {
    let sandbox = Sandbox::with_till().await;
    let said = sandbox.mainstay(&[&["vault", "status", "till", "--json"], &KEY[..]].concat());
    let document = said.json();
    assert_eq!((said.status, &document["format"], &document["health"]), (0, &json!(1), &json!("fine")));
    let account = &document["accounts"][0];
    assert_eq!(account["identity"]["subject"], "ada");
    assert_eq!(account["state"]["name"], "signed_in");
    assert_eq!(account["awaits_acceptance"], true);
    assert_eq!(account["generations"][0]["generation"], 3);
    assert_eq!(account["generations"][0]["refresh_token"], true);
    assert_eq!(account["generations"][0]["access_tokens"][0]["lifetime_seconds"], 3600);
    assert!(account["generations"][0]["access_tokens"][0]["expires_in_seconds"].as_i64().unwrap() < -3600);
    let documented = include_str!("../../../docs/cli.md");
    for field in fields(&document) {
        assert!(documented.contains(&format!("`{field}`")), "docs/cli.md does not describe {field}");
    }
}

/// Every name of a field, however deep.
fn fields(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields_) => {
            fields_.iter().flat_map(|(name, value)| [vec![name.clone()], fields(value)].concat()).collect()
        }
        Value::Array(values) => values.iter().flat_map(fields).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_names_nobody_and_another_one_of_the_same_vault_uses_the_same_pseudonyms() {
    let sandbox = Sandbox::with_till().await;
    sandbox.vault("till", None).sign_out(mainstay::vault::AccountKey::from_name("second")).await.unwrap();
    let export = [&["vault", "export", "--redacted", "till"], &KEY[..]].concat();
    let said = sandbox.mainstay(&export);
    let account = till().to_string();
    for private in ["ada", "login.example", "cafe-7", &account, CANARY, sandbox.path("").to_str().unwrap()] {
        assert!(!said.out.contains(private), "{private}: {}", said.out);
    }
    let (first, second) = (said.json(), sandbox.mainstay(&export).json());
    assert_eq!(first["accounts"][0]["identity"], second["accounts"][0]["identity"]);
    assert_eq!(first["pseudonyms"], "of this vault's key");
    assert_eq!(first["timelines"][0]["lines"][1]["code"], "rung.refresh");
    assert_eq!(
        first["timelines"][0]["account"],
        first["accounts"].as_array().unwrap().iter().find(|it| it["generations"] != json!([])).unwrap()["account"]
    );
    assert!(first["each_file"].as_array().unwrap().len() >= 5);

    let keyless = |_| sandbox.mainstay(&["vault", "export", "--redacted", "till"]).json();
    let [one, other] = [0, 1].map(keyless);
    assert_eq!(one["pseudonyms"], "of this document");
    assert_ne!(one["accounts"][0]["account"], other["accounts"][0]["account"], "a salt that is not drawn anew");

    // The negative control: the same search finds them where they may stand.
    let status = sandbox.mainstay(&[&["vault", "status", "till"], &KEY[..]].concat());
    assert!(
        ["ada", "login.example", "cafe-7", &account].iter().all(|name| status.out.contains(name)),
        "{}",
        status.out
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_without_the_word_redacted_is_refused_and_says_why() {
    let sandbox = Sandbox::with_till().await;
    let said = sandbox.mainstay(&[&["vault", "export", "till"], &KEY[..]].concat());
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    assert!(said.err.contains("There is no other export"), "{}", said.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_terminal_would_obey_never_reaches_it() {
    let sandbox = Sandbox::new();
    sandbox.sign_in("till", HOSTILE).await;
    for look in looks("till", &KEY) {
        let said = sandbox.mainstay(&look);
        assert_eq!(said.status, 0, "{look:?}: {}", said.err);
        let obeyed = |letter: char| (letter.is_control() && letter != '\n') || letter == '\u{202e}';
        assert!(!said.out.contains(obeyed), "{look:?}: {:?}", said.out);
    }
    let said = sandbox.mainstay(&[&["vault", "status", "till"], &KEY[..]].concat());
    assert!(said.out.contains(r"ada\u{1b}[2J\u{9b}31m\u{202e}"), "{}", said.out);
    let document = sandbox.mainstay(&[&["vault", "status", "till", "--json"], &KEY[..]].concat()).json();
    assert_eq!(document["accounts"][0]["identity"]["subject"], HOSTILE);
    let missing = sandbox.mainstay(&["vault", "status", "mis\x1b[31msing"]);
    assert!(missing.status == 2 && !missing.err.contains('\x1b'), "{:?}", missing.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_line_is_wider_than_the_terminal() {
    let sandbox = Sandbox::with_till().await;
    sandbox.set_aside("till").await;
    sandbox.sign_in("broken", "a-subject-of-many-letters@a-domain-that-does-not-end.example").await;
    sandbox.damage("broken", ".current");
    for (folder, columns) in ["till", "broken", "missing"].iter().flat_map(|it| [30, 40, 60, 80].map(|to| (*it, to))) {
        for command in ["status", "verify"] {
            let mut command = sandbox.command(&[&["vault", command, folder], &KEY[..]].concat());
            let output = command.env("COLUMNS", columns.to_string()).output().unwrap();
            for line in String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).lines() {
                // A name that people copy is left whole, on a line of its own.
                let is_name =
                    line.trim_start().starts_with(['–', '✓', '✗', '?']) && line.split_whitespace().count() == 2;
                assert!(line.chars().count() <= columns || is_name, "{columns}: {line}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_record_is_named_and_the_others_are_whole() {
    let sandbox = Sandbox::with_till().await;
    sandbox.damage("till", ".session");
    let said = sandbox.mainstay(&[&["vault", "verify", "till"], &KEY[..]].concat());
    assert_eq!(said.status, 1, "{}", said.out);
    let marked = |mark: &str| said.out.lines().filter(|line| line.trim_start().starts_with(mark)).collect::<Vec<_>>();
    assert!(marked("✗").len() == 1 && marked("✗")[0].contains(".session"), "{}", said.out);
    assert_eq!(marked("✓").len(), 4, "{}", said.out);
    assert!(said.out.contains("The file is damaged"), "{}", said.out);
    // A checksum that was mended does not mend the seal.
    let status = sandbox.mainstay(&[&["vault", "status", "till"], &KEY[..]].concat());
    assert_eq!(status.status, 1, "{}", status.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_queue_sign_outs_and_what_was_set_aside_are_told() {
    let sandbox = Sandbox::with_till().await;
    let vault = sandbox.vault("till", None);
    let epoch = vault.sign_out(till()).await.unwrap();
    vault.first_save(till(), &credentials(4, "ada"), epoch).await.unwrap();
    vault.set_aside(till(), UnreadableReason::Damaged).await.unwrap();
    vault.first_save(till(), &credentials(5, "ada"), Epoch::new(1)).await.unwrap();
    let said = sandbox.mainstay(&[&["vault", "status", "till"], &KEY[..]].concat());
    for told in ["1 waiting for a server", "sign-outs    1", "Everything opens now", "2026-01-01T"] {
        assert!(said.out.contains(told), "{told}: {}", said.out);
    }
}
