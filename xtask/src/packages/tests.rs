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
fn a_package_is_needed_by_its_suite_or_by_measurements_if_it_says_so() {
    let names = |packages: &mut dyn Iterator<Item = &Package>| packages.map(|package| package.name).collect::<Vec<_>>();
    let plan = |suite: &str| Plan::new(false, false, &[suite.to_owned()]).unwrap();
    assert_eq!(names(&mut for_tests(&plan("core"))), ["gcc"]);
    assert_eq!(
        names(&mut for_tests(&plan("vault"))),
        ["gcc", "dbus-daemon", "dbus-bin", "gnome-keyring", "libglib2.0-bin"]
    );
    assert_eq!(names(&mut for_tests(&plan("server"))), ["gcc", "redis-server", "prometheus", "curl", "jq"]);
    assert_eq!(names(&mut for_tests(&plan("incidents"))), ["gcc", "redis-server"]);
    assert_eq!(names(&mut for_bench()), ["gcc", "valgrind"]);
    assert_eq!(names(&mut for_fleet()), ["gcc", "fonts-dejavu-core"]);
}

#[test]
fn a_probe_that_cannot_start_means_missing() {
    assert!(succeeds(&["true"]));
    assert!(!succeeds(&["false"]));
    assert!(!succeeds(&["no-such-program-of-mainstay"]));
    assert!(!succeeds(&[]));
}
