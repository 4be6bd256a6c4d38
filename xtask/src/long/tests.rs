use std::time::Duration;

use super::*;
use crate::suites::BUILD;

#[test]
fn a_section_says_what_ran_where_and_what_was_measured() {
    let counts =
        Counts { passed: 3, measurements: vec!["seed 7".to_owned(), "200 cells".to_owned()], ..Counts::default() };
    let run = StepRun { step: &BUILD.steps[0], counts, time: Duration::from_secs(600) };
    let expected = "\n## everything compiles\n\n```\ncargo build --workspace --all-targets --locked\n```\n\n\
                    3 passed, 0 failed, in 10m 00s, on abc1234, Linux.\n\n- seed 7\n- 200 cells\n";
    assert_eq!(section("abc1234, Linux", &run), expected);
}

#[test]
fn what_did_not_run_keeps_its_section_and_what_is_gone_loses_it() {
    let made = |label: &'static str, result: &str| (label, format!("\n## {label}\n\n{result}\n"));
    let first = page(&["one", "two"], &[made("one", "1"), made("two", "2")], "");
    assert!(first.ends_with("do not edit.\n\n## one\n\n1\n\n## two\n\n2\n"), "{first}");
    let again = page(&["one", "two"], &[made("one", "3")], &first);
    assert!(again.ends_with("\n\n## one\n\n3\n\n## two\n\n2\n"), "{again}");
    let renamed = page(&["uno", "two"], &[made("uno", "4")], &again);
    assert!(renamed.ends_with("do not edit.\n\n## uno\n\n4\n\n## two\n\n2\n"), "{renamed}");
}

#[test]
fn only_marked_lines_are_measurements() {
    assert_eq!(measurement("measured: seed 7"), Some("seed 7"));
    assert_eq!(measurement("test measured ... ok"), None);
}

#[test]
fn a_program_that_is_not_there_leaves_a_question_mark() {
    assert_eq!(answer(&["no-such-program-of-mainstay"]), "?");
    assert_eq!(answer(&["echo", "fine"]), "fine");
}
