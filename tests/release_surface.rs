//! What is shipped has no clock that anybody could turn.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::process::Command;

/// The features that cargo would build this package with, for these kinds of dependency edges.
fn features(edges: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--package", "mainstay", "--depth", "0", "--format", "{f}"])
        .args(["--edges", edges])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_build_by_package_is_without_the_test_hosts() {
    assert!(!features("no-dev").contains("test-support"));
    assert!(features("all").contains("test-support"), "this test would not notice them");
}

#[test]
fn the_test_hosts_exist_only_with_their_feature() {
    let library = include_str!("../src/lib.rs");
    assert_eq!(library.matches("test_support").count(), 1);
    assert!(library.contains("#[cfg(feature = \"test-support\")]\npub mod test_support;"));
}
