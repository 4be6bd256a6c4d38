use super::*;

fn passed(passed: usize) -> Counts {
    Counts { passed, ..Counts::default() }
}

#[test]
fn a_crashed_test_program_is_a_failure() {
    let counts = judged(passed(3), "core", false, "signal: 6 (SIGABRT)");
    assert_eq!((counts.passed, counts.failed), (3, 1));
    assert_eq!(counts.failures, ["core (signal: 6 (SIGABRT))"]);
}

#[test]
fn running_no_test_at_all_is_a_failure() {
    assert_eq!(judged(Counts::default(), "core", true, "exit status: 0").failed, 1);
}

#[test]
fn counted_failures_are_not_counted_twice() {
    let counted = Counts { passed: 3, failed: 2, ..Counts::default() };
    assert_eq!(judged(counted.clone(), "core", false, "exit status: 101"), counted);
}

#[test]
fn flags_for_cargo_stand_before_those_of_the_test_program() {
    assert_eq!(
        to_the_end(&["test", "-p", "x", "--", "--nocapture"]),
        ["test", "-p", "x", "--no-fail-fast", "--", "--nocapture"]
    );
    let compiles = ["test", "-p", "x", "--no-run"];
    assert_eq!(without_running(&["test", "-p", "x", "--", "--nocapture"]).unwrap(), compiles);
    assert_eq!(without_running(&["test"]).unwrap(), ["test", "--no-run"]);
    assert_eq!(without_running(&["test", "-p", "x", "--doc"]), None, "cargo refuses to compile them only");
}

#[test]
fn what_keeps_a_step_from_running_is_its_failure() {
    let run = attempt(&BUILD.steps[0], || Err(Error::NoWorkspace));
    assert_eq!(run.counts.failed, 1);
    assert!(run.counts.failures[0].contains("the repository was not found"), "{:?}", run.counts.failures);
}

#[test]
fn what_libfuzzer_says_at_its_end_is_a_measurement_and_without_it_there_is_none() {
    let said = [
        "#1000\tDONE   cov: 2103 ft: 9000 corp: 497/60Kb lim: 4096 exec/s: 20970 rss: 31Mb",
        "Done 1000 runs in 16 second(s)",
        "stat::number_of_executed_units: 1000",
        "stat::average_exec_per_sec:     62",
    ]
    .map(str::to_owned);
    let measured = executions(&said).unwrap();
    assert_eq!(measured, "1000 executions, 62 a second: 2103 places in the code, reached by 497 files");
    assert_eq!(executions(&said[..2]), None);
}
