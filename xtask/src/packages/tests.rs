use super::*;

const GCC: &Package =
    &Package { name: "gcc", why: "compiles ring", probe: &["cc", "--version"], needed_by: NeededBy::All };

#[test]
fn nothing_missing_needs_nothing() {
    assert_eq!(way(&[], true, true), Way::Nothing);
    assert_eq!(way(&[], false, false), Way::Nothing);
}

#[test]
fn root_on_debian_updates_once_then_installs() {
    let install = vec!["apt-get", "install", "--yes", "gcc"];
    assert_eq!(way(&[GCC], true, true), Way::Install(vec![vec!["apt-get", "update"], install]));
}

#[test]
fn anybody_else_is_told_what_is_missing_why_and_how() {
    for (root, debian) in [(false, true), (true, false), (false, false)] {
        let Way::Ask(message) = way(&[GCC], root, debian) else { panic!("did not ask") };
        assert!(message.contains("gcc: compiles ring"), "{message}");
        assert!(message.ends_with("sudo apt-get install --yes gcc"), "{message}");
    }
}

#[test]
fn no_test_needs_what_only_measurements_need() {
    let names = |packages: &mut dyn Iterator<Item = &Package>| packages.map(|package| package.name).collect::<Vec<_>>();
    assert_eq!(names(&mut for_tests()), ["gcc"]);
    assert_eq!(names(&mut for_bench()), ["gcc", "valgrind"]);
}

#[test]
fn a_probe_that_cannot_start_means_missing() {
    assert!(succeeds(&["true"]));
    assert!(!succeeds(&["false"]));
    assert!(!succeeds(&["no-such-program-of-mainstay"]));
    assert!(!succeeds(&[]));
}
