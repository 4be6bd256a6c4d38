//! A8: nothing of ours ever asks anybody to clear an app's data, and nothing of ours needs it (P1).

use std::path::{Path, PathBuf};

use mainstay::{Error, State};
use mainstay_mock_server::Endpoint;

use crate::till::{Till, needs_a_person};

/// Words that ask for it, and words for what it hits.
const DESTROY: [&str; 10] = [
    "clear ",
    "clearing ",
    "delete ",
    "deleting ",
    "wipe ",
    "erase ",
    "reinstall",
    "uninstall",
    "factory reset",
    "reset the app",
];
const DATA: [&str; 8] =
    ["app data", "app's data", "application data", "the data", "storage", "cache", "the app", "cookies"];
/// A sentence that says so is no advice: it tells what others did, or that it is not needed.
const NOT_ADVICE: [&str; 13] = [
    "never",
    "not ",
    "n't",
    "nobody",
    "nothing",
    "no ",
    "without",
    "naive",
    "told",
    "instead",
    "other than",
    "asks to",
    "whether",
];

/// Sentences that advise to clear an app's data.
fn advice(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace(['\n', '/', '*', '#', '|', '"', '`'], " ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentences = text.split(['.', ';', '!', '?', ':']);
    let advises = |sentence: &&str| {
        let words = DESTROY.iter().filter_map(|word| sentence.find(word));
        let near = |at: usize| {
            let rest: String = sentence[at..].chars().take(40).collect();
            DATA.iter().any(|data| rest.contains(data))
        };
        words.into_iter().any(near) && !NOT_ADVICE.iter().any(|word| sentence.contains(word))
    };
    sentences.filter(advises).map(|sentence| sentence.trim().to_owned()).collect()
}

/// Of no text of ours: `naive` is the client that does what the incident's app did, and shows what comes of it; `incidents.md`,
/// made from the catalogue below `tests`, tells what was advised and done then.
const NOT_OURS: [&str; 6] = ["target", "node_modules", "tests", "tests.rs", "naive", "incidents.md"];

/// What the README quotes: the incident's own advice, and the naive client's beside Mainstay's.
const QUOTED: [&str; 2] = ["the advice that went out was to", "please clear the app's data and sign in again"];

fn texts(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if NOT_OURS.contains(&name.as_str()) || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            texts(&path, found);
        } else if [".rs", ".md", ".html", ".js", ".toml"].iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

/// Whole sentences are looked at: comments of code are joined, strings of code stand among them.
#[test]
fn no_text_of_ours_advises_to_clear_data() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    texts(root, &mut files);
    let mut read = 0;
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        read += text.len();
        // What a unit test quotes is no advice.
        let mut found = advice(text.split("#[cfg(test)]").next().unwrap());
        found.retain(|sentence| !file.ends_with("README.md") || !QUOTED.iter().any(|quote| sentence.contains(quote)));
        assert!(found.is_empty(), "{}: {found:#?}", file.strip_prefix(root).unwrap().display());
    }
    assert!(files.len() > 100 && read > 500_000, "{} files, {read} bytes: is this the whole repository?", files.len());
}

/// The negative control, with what vendors really wrote.
#[test]
fn real_advice_is_found() {
    for text in [
        "Please clear the app data and sign in again.",
        "Go to Settings > Apps and clear storage.",
        "If the problem persists, delete the app's data",
        "Try to uninstall and reinstall the app.",
        "// Tell the user:\n// wipe\n// the cache",
    ] {
        assert_eq!(advice(text).len(), 1, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_of_credentials_touches_nothing_else() {
    let till = Till::new().await;
    let (ada, grace) = (till.sign_in("ada").await, till.sign_in("grace").await);
    let app_data = till.app_data().await;
    assert_eq!(till.credential_files().await.len(), 2);

    till.wait_for(till.client.reset_credentials()).await.unwrap();
    till.settle().await;

    for session in [&ada, &grace] {
        assert!(matches!(session.state().state, State::SignedOut { .. }));
        assert_eq!(till.wait_for(session.access_token()).await.unwrap_err(), Error::SignInRequired);
    }
    assert_eq!(till.app_data().await, app_data);
    assert!(till.credential_files().await.is_empty());
    assert_eq!(till.control().observations().sessions, 0, "the server forgot them too");
    let session = till.sign_in("ada").await;
    till.assert_sells(&session).await;
}

/// It is never necessary: in the worst state a sign-in in place repairs everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_state_needs_a_reset() {
    let (till, session) = Till::signed_in().await;
    till.pass(crate::till::A_WHILE).await;
    till.control().change_secret(false);
    till.control().wipe_sessions();
    assert_eq!(till.call(&session).await.unwrap_err(), Error::SignInRequired);
    assert!(needs_a_person(&session));
    till.sign_in_again(&session, "ada").await.unwrap();
    till.assert_sells(&session).await;
    assert_eq!(till.total(Endpoint::Token), 2);
}
