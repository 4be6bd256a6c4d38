use std::time::Duration;

use super::*;
use crate::suites::BUILD;

#[test]
fn the_page_says_what_ran_and_what_was_measured() {
    let counts =
        Counts { passed: 3, measurements: vec!["seed 7".to_owned(), "200 cells".to_owned()], ..Counts::default() };
    let run = StepRun { step: &BUILD.steps[0], counts, time: Duration::from_secs(600) };
    let page = page("abc1234, rustc 1.95.0, Linux x86_64", &[&run]);
    assert!(page.contains("\nMade on abc1234, rustc 1.95.0, Linux x86_64.\n"), "{page}");
    let section = "\n## everything compiles\n\n```\ncargo build --workspace --all-targets --locked\n```\n\n\
                   3 passed, 0 failed, in 10m 00s.\n\n- seed 7\n- 200 cells\n";
    assert!(page.ends_with(section), "{page}");
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
