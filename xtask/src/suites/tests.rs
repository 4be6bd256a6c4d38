use super::*;

fn names(plan: &Plan) -> Vec<&'static str> {
    plan.suites.iter().map(|suite| suite.name).collect()
}

fn labels(plan: &Plan) -> Vec<&'static str> {
    plan.suites.iter().flat_map(|suite| plan.steps(suite)).map(|step| step.label).collect()
}

#[test]
fn no_names_mean_every_suite() {
    let plan = Plan::new(false, false, &[]).unwrap();
    assert!(plan.complete);
    assert_eq!(names(&plan), SUITES.iter().map(|suite| suite.name).collect::<Vec<_>>());
}

#[test]
fn named_suites_run_in_the_tables_order() {
    let plan = Plan::new(false, false, &["sdk".to_owned(), "static".to_owned()]).unwrap();
    assert!(!plan.complete);
    assert_eq!(names(&plan), ["static", "sdk"]);
}

#[test]
fn an_unknown_suite_is_an_error_that_lists_the_known_ones() {
    let error = Plan::new(false, false, &["sdl".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("`sdl`") && error.contains("static, core, sdk"), "{error}");
}

#[test]
fn fast_leaves_out_what_costs_minutes_and_seldom_finds_anything() {
    let all = labels(&Plan::new(false, false, &[]).unwrap());
    let fast = labels(&Plan::new(true, false, &[]).unwrap());
    let left_out: Vec<_> = all.into_iter().filter(|label| !fast.contains(label)).collect();
    let expected = [
        "documentation",
        "licences, bans, sources",
        "the SDK on a single-threaded host",
        "clippy, with the keyring",
        "clippy, `mainstay` with the keyring, as it is shipped",
        "the README's example",
        "clippy, with a Redis and Prometheus",
        "servers that others wrote",
    ];
    assert_eq!(left_out, expected);
}

#[test]
fn names_are_unique_and_every_suite_tests_something() {
    for (index, suite) in SUITES.iter().enumerate() {
        assert!(suite.budget > 0);
        assert!(SUITES.iter().skip(index + 1).all(|other| other.name != suite.name), "{} twice", suite.name);
        assert!(suite.steps.iter().any(|step| matches!(step.work, Work::Tests(_))), "{} tests nothing", suite.name);
    }
}

#[test]
fn every_cargo_test_and_clippy_leaves_the_lock_file_alone() {
    for step in SUITES.iter().chain([&BUILD]).flat_map(|suite| suite.steps) {
        if let Work::Cargo(args) | Work::Tests(args) = step.work {
            assert!(args.contains(&"--locked") || args.contains(&"fmt"), "{}", step.label);
        }
    }
}

#[test]
fn the_list_names_suites_steps_commands_and_packages() {
    let list = Plan::new(false, true, &[]).unwrap().to_string();
    for part in
        ["build (9 min)", "static (6 min)", "cargo test -p mainstay-core --locked", "gcc", "RUSTDOCFLAGS='-D warnings'"]
    {
        assert!(list.contains(part), "{part} is not in:\n{list}");
    }
}
