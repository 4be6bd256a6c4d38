//! The goals of a mass invalidation whose server says how long to spread, and what happens without the protections.
//!
//! `MAINSTAY_DEVICES` says how many devices: 20,000 every day, a million in `cargo xtask test --long`.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without, it unwraps")]

use std::num::NonZeroUsize;

use mainstay_fleet::{BYTES_PER_DEVICE, CORE_BYTES_PER_DEVICE, Incident, Kind, Report, Setup, run_all};

/// N/C is 200 seconds.
const EVERY_DAY: Setup = Setup { devices: 20_000, capacity: 100, seed: 20_250_217 };

fn setup() -> Setup {
    let devices = std::env::var("MAINSTAY_DEVICES").map_or(EVERY_DAY.devices, |number| number.parse().unwrap());
    Setup { devices, capacity: (devices / 400).max(EVERY_DAY.capacity), ..EVERY_DAY }
}

fn incident(name: &str) -> Incident {
    mainstay_fleet::incidents().into_iter().find(|incident| incident.name == name).unwrap()
}

fn run(name: &str, kind: Kind) -> Report {
    run_with(setup(), name, kind)
}

fn run_with(setup: Setup, name: &str, kind: Kind) -> Report {
    let report = mainstay_fleet::run(&incident(name), kind, setup, &|_, _| {});
    let back = report.back_after().map_or("never".to_owned(), |after| format!("{} s", after.as_secs()));
    let times = report.back_after_least_times().unwrap_or(f64::INFINITY);
    println!(
        "measured: {name}, {}, {} devices, C = {}/s: highest 10 s {:.2} C, 99 % back after {back} ({times:.2} times the least), \
         {:.2} token requests per device, {} people asked",
        report.kind.name(),
        report.devices,
        report.capacity,
        report.peak(),
        report.requests_per_device(),
        report.prompts,
    );
    report
}

const HINTED: [&str; 2] = ["keys-changed", "sessions-lost"];

#[test]
fn with_the_servers_hint_a_mass_invalidation_stays_within_the_goals() {
    for name in HINTED {
        assert!(incident(name).has_goals());
        assert_eq!(run(name, Kind::Mainstay).broken_goals(), [""; 0], "{name}");
    }
}

/// The negative control: the same core without its first random wait.
#[test]
fn without_the_spread_the_goals_are_missed() {
    for name in HINTED {
        let report = run(name, Kind::Unspread);
        assert!(report.peak() > 5.0, "{name}: {}", report.peak());
        assert!(report.broken_goals().len() >= 2, "{name}: {:?}", report.broken_goals());
    }
}

/// The other one: jitter on the retries is no spread of the first attempts.
#[test]
fn with_full_jitter_alone_the_goals_are_missed() {
    for name in HINTED {
        let report = run(name, Kind::FullJitter);
        assert!(report.peak() > 5.0, "{name}: {}", report.peak());
        assert!(report.requests_per_device() > 3.0, "{name}: {}", report.requests_per_device());
    }
    assert_eq!(run("sessions-lost", Kind::FullJitter).prompts, u64::from(setup().devices), "nobody has a device key");
}

/// Nobody told the devices how many they are, and how soon failures have spread them depends on that:
/// docs/adr/0010-each-failure-widens-the-spread.md.
#[test]
fn without_a_hint_failures_alone_spread_a_fleet_within_minutes() {
    let rush_hour = run_with(EVERY_DAY, "rush-hour", Kind::Mainstay);
    let back = rush_hour.back_after_least_times().unwrap();
    assert!(back <= 1.7, "99 % are back after {back:.2} times the least time");
    assert!(rush_hour.requests_per_device() <= 3.5, "{:.2} requests per device", rush_hour.requests_per_device());
    assert_eq!(rush_hour.prompts, 0);

    let told_one_second = run_with(EVERY_DAY, "retry-after-same", Kind::Mainstay);
    assert!(told_one_second.peak() <= 3.0, "{:.2} times the capacity", told_one_second.peak());
}

/// The negative controls: jitter on each retry, and a fixed pace, leave the server where the incident put it.
#[test]
fn a_server_that_browns_out_comes_back_under_ours_and_under_no_other() {
    assert!(run_with(EVERY_DAY, "brown-out", Kind::Mainstay).back_after().is_some());
    for kind in [Kind::FullJitter, Kind::FixedRetry] {
        assert_eq!(run_with(EVERY_DAY, "brown-out", kind).back_after(), None, "{}", kind.name());
    }
    let peak = run_with(EVERY_DAY, "retry-after-same", Kind::FullJitter).peak();
    assert!(peak > 15.0, "{peak:.2} times the capacity");
}

#[test]
fn a_seed_gives_the_same_runs_on_any_number_of_threads() {
    let small = Setup { devices: 2000, capacity: 100, seed: 7 };
    let incidents = mainstay_fleet::incidents();
    let runs: Vec<_> = incidents.iter().flat_map(|it| it.kinds().into_iter().map(move |kind| (it, kind))).collect();
    let with = |setup, threads| run_all(&runs, setup, NonZeroUsize::new(threads).unwrap(), &|_, _| {});
    let once = with(small, 1);
    assert!(once == with(small, 3), "the number of threads shows");
    assert!(once != with(Setup { seed: 8, ..small }, 2), "the seed does not show");
}

#[test]
fn a_device_takes_less_than_a_kibibyte() {
    println!(
        "measured: {CORE_BYTES_PER_DEVICE} bytes per device in the core, {BYTES_PER_DEVICE} with the simulation's own"
    );
    const { assert!(BYTES_PER_DEVICE < 1024) };
}
