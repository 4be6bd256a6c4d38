use super::*;

#[test]
fn only_the_pinned_version_will_do() {
    let tool = Tool { name: "cargo-deny", version: "0.20.2" };
    assert!(tool.says_so("cargo-deny 0.20.2\n"));
    assert!(!tool.says_so("cargo-deny 0.20.20\n"));
    assert!(!tool.says_so(""));
}
