//! Nothing that the demo writes, at the loudest, holds a token, code, verifier, key or state (P11).
//!
//! Every secret of a run is known to the test, and every byte that the run wrote is searched for each of them, in every
//! spelling: what it printed, its logs and those of its dependencies, the disks of its devices with the sealed vaults on
//! them, its temporary folder, its command lines and environments. And nothing in the logs looks like a secret at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, missing_docs, reason = "tests")]

mod run;
mod scanner;
mod shape;

use std::{fs, path::Path};

use run::{KEYS, Run};

/// What is played at the loudest. Not all of the catalogue: the devices of all incidents draw from one seed, so that what is
/// a secret of one may be the name of an account in another.
const PLAYED: [&str; 4] =
    ["mews-hotfix-old-key-returns", "mews-no-device-key", "mews-secret-changed", "mews-secret-changed-all-tokens"];

/// Where the naive till keeps its tokens, for everybody to read: what a search must find without being told.
const NAIVE: &str = "tokens.json";

#[test]
fn the_demo_at_trace_level_leaks_none_of_its_secrets_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    for name in PLAYED {
        let file = format!("{name}.toml");
        let catalogue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/incidents");
        fs::copy(catalogue.join(&file), folder.path().join(&file)).unwrap();
    }
    let run = Run::of(&["--all", "--json", "--catalogue", folder.path().to_str().unwrap()], None);
    let log = run.text("standard error");
    for word in ["TRACE hyper_util", "reqwest", "mainstay::driver::task", "mainstay_mock_server::faults"] {
        assert!(log.contains(word), "the log is not as loud as it should be: no {word}");
    }
    for kind in ["access token", "refresh token", "ID token", "code verifier", "assertion", "drawn", "client"] {
        assert!(run.secrets.iter().any(|secret| secret.kind == kind), "the run had no {kind}");
    }
    assert!(run.places.iter().any(|place| place.name.contains(KEYS)), "no vault has a key");
    assert!(run.places.iter().any(|place| place.name.ends_with(".current")), "no vault holds a generation");
    assert!(run.places.iter().any(|place| place.name.ends_with(".device")), "no vault holds a device key");

    let leaks = run.leaks();
    assert!(leaks.is_empty(), "{leaks:#?}");
    assert_eq!(shape::suspicious(log), Vec::<&str>::new());
    assert_eq!(shape::suspicious(run.text("standard output")), Vec::<&str>::new());
}

/// The control that needs no plan: the naive till's disk, and the file that stands in for a keyring, do hold secrets.
#[test]
fn a_search_of_the_naive_till_finds_its_tokens_and_one_of_the_keyring_its_key() {
    let run = Run::of(&["--json"], None);
    let found = run.all_findings();
    for (place, kind) in [(NAIVE, "access token"), (NAIVE, "refresh token"), (KEYS, "client")] {
        let is_there = found.iter().any(|leak| leak.place.contains(place) && leak.kind == kind);
        assert!(is_there, "no {kind} in {place}: {found:#?}");
    }
    assert!(run.leaks().is_empty());
}

/// The negative controls: one secret is let out at each place in turn, and is found there and nowhere else.
#[test]
fn a_leak_is_found_wherever_it_is() {
    for (leak, place) in [
        ("standard output", "standard output"),
        ("standard error", "standard error"),
        ("client's standard error", "standard error"),
        ("vault", "vault/notes"),
        ("app data", "app/notes"),
        ("file name", "app/"),
        ("temporary folder", "temporary folder/notes"),
        ("working folder", "working folder/notes"),
        ("environment", "seen/environ"),
        ("command line", "seen/cmdline"),
    ] {
        let run = Run::of(&["--json"], Some(leak));
        let leaks = run.leaks();
        assert!(!leaks.is_empty(), "a leak to the {leak} was not found");
        assert!(leaks.iter().all(|found| found.place.contains(place)), "{leak}: {leaks:#?}");
    }
}
