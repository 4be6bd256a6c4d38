use std::{collections::BTreeSet, path::Path};

use http::Response;
use proptest::prelude::*;

use super::super::*;
use crate::oauth::{Answer, Rejection};

fn error(text: &str) -> ProfileError {
    Profile::from_toml(text).expect_err(text)
}

/// Every key with a value that is not its default.
const EVERY_KEY: &str = r#"
probe = { who_am_i = "https://pos.example/api/me" }
protected_paths = ["/api/me", "/api/catalogue"]
identity = { subject = "/user/id", tenant = ["/user/shop"] }
identity_echo = { json_pointer = "/for" }
refresh_identity = "inherited"
resource_origins = ["https://api.example"]
dpop = "required"
enroll_device_key = true
request_timeout_seconds = 20

[[rejection_rules]]
name = "old api"
status = 400
path = "/api/*"
content_type = "application/json"
body_contains = "Token invalid"
meaning = "session_revoked"
"#;

#[test]
fn every_key_is_read() {
    let profile = Profile::from_toml(EVERY_KEY).unwrap();
    let written = serde_json::to_value(&profile).unwrap();
    let defaults = serde_json::to_value(Profile::default()).unwrap();
    for (key, value) in written.as_object().unwrap() {
        assert_ne!(value, &defaults[key], "{key} has its default: it was not read, or is not in EVERY_KEY");
    }
    assert_eq!(
        Profile::from_toml("").unwrap(),
        Profile::default(),
        "an empty file is a server that follows the standards"
    );
}

/// The names of keys and of words, as serde knows them.
fn vocabulary() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for nonsense in [
        "nonsense_key_here = 1",
        "identity = { nonsense_key_here = 1 }",
        "probe = \"nonsense_word_here\"",
        "refresh_identity = \"nonsense_word_here\"",
        "dpop = \"nonsense_word_here\"",
        "identity_echo = { nonsense_word_here = 1 }",
        "[[rejection_rules]]\nnonsense_key_here = 1",
        "[[rejection_rules]]\nmeaning = \"nonsense_word_here\"",
    ] {
        let message = error(nonsense).message;
        let (_, known) = message.split_once("expected one of: ").unwrap_or_else(|| panic!("{nonsense}: {message}"));
        words.extend(known.split(", ").map(str::to_owned));
    }
    words
}

#[test]
fn the_page_names_every_key_and_every_word() {
    let page = include_str!("../../../docs/profile.md");
    let words = vocabulary();
    assert!(words.len() > 20, "{words:?}");
    for word in &words {
        assert!(page.contains(&format!("`{word}`")), "docs/profile.md has no {word}");
    }
    assert!(words.contains("body_contains") && words.contains("json_pointer"), "{words:?}");
}

/// The examples of the page and those beside it are profiles.
#[test]
fn every_example_is_a_profile() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/profiles");
    let mut read = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read(&path).unwrap();
        Profile::from_toml(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        read += 1;
    }
    let page = include_str!("../../../docs/profile.md");
    for example in page.split("```toml\n").skip(1) {
        let (text, _) = example.split_once("```").unwrap();
        Profile::from_toml(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        read += 1;
    }
    assert!(read >= 3, "{read}");
}

fn rejection(profile: &Profile, status: u16, path: &str, content_type: &str, body: &str) -> Rejection {
    let response = Response::builder().status(status).header("content-type", content_type);
    let response = response.body(bytes::Bytes::copy_from_slice(body.as_bytes())).unwrap();
    Rejection::read(&Answer::new(&response, false), path, &profile.rejection_rules)
}

/// Field case A1 in a legacy server's words: `docs/profiles/mews-like.toml` knows them, and nothing beside them.
#[test]
fn the_example_for_servers_like_that_of_2025_knows_its_words() {
    let profile = Profile::from_toml(include_bytes!("../../../docs/profiles/mews-like.toml")).unwrap();
    let json = "application/json; charset=utf-8";
    for status in [200, 400, 401, 403, 500] {
        let read = rejection(&profile, status, "/api/sales", json, r#"{"Message":"Token invalid"}"#);
        assert!(matches!(read, Rejection::Legacy { .. }), "{status}: {read:?}");
    }
    // One of the four taken away, and it is no rejection of a token: the negative controls.
    let fine = [
        rejection(&profile, 402, "/api/sales", json, r#"{"Message":"Token invalid"}"#),
        rejection(&profile, 400, "/health", json, r#"{"Message":"Token invalid"}"#),
        rejection(&profile, 400, "/api/sales", "text/html", "<p>Token invalid"),
        rejection(&profile, 400, "/api/sales", json, r#"{"Message":"Price invalid"}"#),
        rejection(&profile, 400, "/api/sales", json, &format!("{:4096}Token invalid", "")),
    ];
    assert!(fine.iter().all(|read| !read.accuses_token()), "{fine:?}");
}

/// The key, the line, and what was probably meant.
#[test]
fn a_bad_profile_names_the_key_and_the_line_and_what_was_meant() {
    for (text, key, line, says) in [
        ("\nprobbe = \"userinfo\"", "probbe", 2, "did you mean `probe`?"),
        ("probe = \"usrinfo\"", "probe", 1, "did you mean `userinfo`?"),
        (
            "enroll_device_key = true\nrequest_timeout_second = 3",
            "request_timeout_second",
            2,
            "request_timeout_seconds",
        ),
        ("request_timeout_seconds = \"3\"", "request_timeout_seconds", 1, "invalid type"),
        ("\n\nrequest_timeout_seconds = 301", "request_timeout_seconds", 3, "between 1 and 300"),
        ("request_timeout_seconds = -1", "request_timeout_seconds", 1, ""),
        ("probe = { who_am_i = \"/api/me\" }", "probe", 1, "absolute"),
        ("probe = { who_am_i = \"http://pos.example/me\" }", "probe", 1, "https"),
        ("protected_paths = [\"api/me\"]", "protected_paths", 1, "starts with /"),
        ("resource_origins = [\"https://api.example/v1\"]", "resource_origins", 1, "without a path"),
        ("identity_echo = { json_pointer = \"user\" }", "json_pointer", 1, "RFC 6901"),
        ("identity_echo = { header = \"x y\" }", "header", 1, "header"),
        ("identity = { subjct = \"id\" }", "subjct", 1, "did you mean `subject`?"),
        (&rule("status = 302"), "status", 1, "2xx, 4xx or 5xx"),
        (&rule("path = \"api\""), "path", 1, "starts with /"),
        (&rule("body_contains = \"no\""), "body_contains", 1, "4 to 512"),
        (&rule("meaning = \"session_revokd\""), "meaning", 6, "did you mean `session_revoked`?"),
        (&rule("terminal = true"), "terminal", 6, "unknown key"),
        ("[[rejection_rules]]\nname = \"x\"\nstatus = 400\npath = \"/\"", "body_contains", 1, "missing"),
        ("protected_paths = [", "protected_paths", 1, ""),
        ("probe = \"userinfo\"\nprobe = \"none\"", "probe", 2, "duplicate key"),
    ] {
        let error = error(text);
        assert_eq!((error.key.as_deref(), error.line), (Some(key), Some(line)), "{text}: {error}");
        assert!(error.message.contains(says), "{text}: {error}");
        assert!(error.to_string().contains(key) && error.to_string().starts_with("line "), "{error}");
    }
}

/// A rule with one line that is wrong, in the place of the right one if there is one.
fn rule(wrong: &str) -> String {
    let right = ["name = \"x\"", "status = 400", "path = \"/api/*\"", "body_contains = \"Token invalid\""];
    let key = wrong.split(' ').next().unwrap();
    let mut lines: Vec<&str> = right.iter().map(|line| if line.starts_with(key) { wrong } else { line }).collect();
    if !lines.contains(&wrong) {
        lines.push(wrong);
    }
    format!("[[rejection_rules]]\n{}\n", lines.join("\n"))
}

#[test]
fn no_word_makes_a_rule_terminal_or_foreign() {
    let meanings = vocabulary();
    for word in ["terminal", "foreign", "invalid_grant", "sign_out", "quarantine", "forbidden"] {
        let error = error(&rule(&format!("meaning = \"{word}\"")));
        assert_eq!(error.key.as_deref(), Some("meaning"), "{error}");
        assert!(!meanings.contains(word), "{word}");
    }
    // What there is starts an episode, or explains one.
    assert!(meanings.contains("token_rejected") && meanings.contains("session_revoked"));
}

#[test]
fn hostile_texts_are_refused_within_bounds() {
    let deep = format!("identity = {}1{}", "{ a = ".repeat(10_000), " }".repeat(10_000));
    let wide = format!("protected_paths = [{}]", "\"/a\",".repeat(5000));
    let long = format!("{} = 1", "k".repeat(60_000));
    let many = rule("status = 400").repeat(200);
    for (name, text) in [
        ("huge", "#".repeat(64 * 1024 + 1).into_bytes()),
        ("deep", deep.into_bytes()),
        ("wide", wide.into_bytes()),
        ("long key", long.into_bytes()),
        ("many rules", many.into_bytes()),
        ("UTF-16", "probe = \"none\"".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("latin-1", b"probe = \"none\"\n# caf\xE9".to_vec()),
        ("a NUL", b"probe\0 = \"none\"".to_vec()),
        ("truncated", EVERY_KEY.as_bytes()[..EVERY_KEY.len() / 2].to_vec()),
    ] {
        let started = std::time::Instant::now();
        let error = Profile::from_toml(&text).expect_err(name);
        assert!(error.to_string().len() < 1024, "{name}: {} bytes", error.to_string().len());
        assert!(started.elapsed().as_secs() < 5, "{name}");
    }
    assert_eq!(Profile::from_toml(b"probe = \"none\"\n# caf\xE9").unwrap_err().line, Some(2));
    let marked = Profile::from_toml(b"\xEF\xBB\xBFprobe = \"none\"").unwrap();
    assert_eq!(marked.probe, Probe::None, "a byte order mark, as some editors write one");
}

proptest! {
    /// Cut anywhere, or with any byte changed: read or refused, and nothing worse.
    #[test]
    fn a_damaged_profile_is_read_or_refused(at in 0..EVERY_KEY.len(), byte: u8, cut: bool) {
        let mut text = EVERY_KEY.as_bytes().to_vec();
        if cut { text.truncate(at) } else { text[at] = byte }
        if let Ok(profile) = Profile::from_toml(&text) {
            prop_assert!(profile.check().is_ok());
        }
    }
}
