use super::*;
use crate::suites::BUILD;

fn read(output: &str) -> Counts {
    let mut counts = Counts::default();
    output.lines().for_each(|line| counts.read_line(line));
    counts
}

fn counts(passed: usize, failed: usize) -> Counts {
    Counts { passed, failed, ..Counts::default() }
}

#[test]
fn unit_integration_and_doc_tests_are_summed() {
    let output = "
running 2 tests
test time::tests::adds ... ok
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests mainstay_core
test core/src/lib.rs - (line 3) ... ok
test result: ok. 1 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 1.20s
all doctests ran in 1.30s; merged doctests compilation took 0.90s
";
    assert_eq!(read(output), Counts { passed: 3, ignored: 1, ..Counts::default() });
}

#[test]
fn failures_are_counted_and_named() {
    let output = "
test vault::tests::a_full_disk_spends_nothing ... FAILED
test result: FAILED. 4 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
";
    assert_eq!(
        read(output),
        Counts {
            passed: 4,
            failed: 1,
            failures: vec!["vault::tests::a_full_disk_spends_nothing".to_owned()],
            ..Counts::default()
        }
    );
}

#[test]
fn a_harness_of_our_own_is_understood() {
    assert_eq!(read("12 passed, 1 failed"), counts(12, 1));
}

#[test]
fn what_a_test_merely_prints_is_not_counted() {
    assert_eq!(read("3 tests passed, 1 failed\n1 passed, 2 failed, 3 skipped\ntest of patience"), Counts::default());
}

fn row(suite: &'static str, counts: Counts, seconds: u64, budget: u64) -> Row {
    let time = Duration::from_secs(seconds);
    let steps = vec![StepRun { step: &BUILD.steps[0], counts, time }];
    Row { suite, budget: Duration::from_secs(budget), steps, time }
}

fn report() -> Report {
    Report { rows: vec![row("static", Counts::pass(), 45, 360), row("sdk", counts(120, 0), 365, 300)] }
}

#[test]
fn the_last_line_is_for_programs() {
    assert_eq!(report().render(true).lines().last(), Some("121 passed, 0 failed"));
    assert_eq!(report().render(false).lines().last(), Some("121 passed, 0 failed"));
}

#[test]
fn the_table_shows_time_against_budget() {
    let text = report().render(false);
    assert!(text.contains("static             1       0     45.0s    6 min\n"), "{text}");
    assert!(text.contains("sdk              120       0    6m 05s    5 min  ! over budget\n"), "{text}");
}

#[test]
fn over_budget_is_a_warning_and_a_failure_is_a_failure() {
    let mut report = report();
    assert!(report.succeeded());
    report.rows.push(row("core", Counts::fail("format"), 0, 60));
    assert!(!report.succeeded());
    assert!(report.render(false).contains("failed core: format\n"));
}

#[test]
fn a_run_of_nothing_did_not_succeed() {
    assert!(!Report::default().succeeded());
    let mut report = report();
    report.rows.push(row("core", Counts::default(), 0, 60));
    assert!(report.render(false).ends_with("failed core: not a single test ran\n\n121 passed, 1 failed\n"));
}

#[test]
fn colours_appear_only_when_asked_for() {
    assert!(report().render(true).contains('\x1b'));
    assert!(!report().render(false).contains('\x1b'));
}

#[test]
fn measurements_are_kept() {
    assert_eq!(read("measured: 12 ns per step").measurements, ["12 ns per step"]);
}
