use super::{Outcomes, judge};

const REPORT: &str = r#"{
    "outcomes": [
        { "scenario": "Baseline", "summary": "Success" },
        { "scenario": { "Mutant": { "name": "core/src/a.rs:1:2: replace x with y" } }, "summary": "CaughtMutant" },
        { "scenario": { "Mutant": { "name": "core/src/a.rs:7:2: replace + with -" } }, "summary": "MissedMutant" },
        { "scenario": { "Mutant": { "name": "core/src/b.rs:9:9: replace z with 1" } }, "summary": "Timeout" },
        { "scenario": { "Mutant": { "name": "core/src/b.rs:9:9: replace z with 0" } }, "summary": "Unviable" }
    ]
}"#;

#[test]
fn a_mutant_that_survives_without_a_reason_is_a_failure() {
    let report: Outcomes = serde_json::from_str(REPORT).unwrap();
    let counts = judge(&report, "", None);
    assert_eq!((counts.passed, counts.failed), (2, 1));
    assert_eq!(counts.failures, ["survives: core/src/a.rs: replace + with -"]);
}

#[test]
fn a_survivor_with_a_reason_is_counted_and_excused_wherever_its_line_moved() {
    let report: Outcomes = serde_json::from_str(REPORT).unwrap();
    let counts = judge(&report, "core/src/a.rs: replace + with - # nobody can tell", Some("0/8"));
    assert_eq!((counts.passed, counts.failed), (2, 0));
    let measured = "part 0/8 of the mutants: 3 that compile, 1 caught, 1 that never end, 1 survive (1 of them explained in \
                    core/surviving-mutants.txt): 66.6 % killed; 1 do not compile";
    assert_eq!(counts.measurements, [measured]);
}
