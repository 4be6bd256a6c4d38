//! The model against the real thing: real SDK clients, real HTTP, a real server with a real limit, in virtual time, beside a
//! simulation of the same size.
//!
//! `MAINSTAY_FLEET_PICTURES` names a folder to draw both curves into, as `cargo xtask test --long` does.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod shop;

use std::{path::PathBuf, time::Duration};

use mainstay_fleet::{Kind, Panel, Picture, Report, Setup};

use crate::shop::{Seen, Shop};

/// The server needs 100 seconds for all of them.
const SETUP: Setup = Setup { devices: 300, capacity: 3, seed: 20_250_217 };

fn simulated(name: &str) -> Report {
    let incident = mainstay_fleet::incidents().into_iter().find(|incident| incident.name == name).unwrap();
    mainstay_fleet::run(&incident, Kind::Mainstay, SETUP, &|_, _| {})
}

/// The same numbers, by the same code, from what the real server saw.
fn measured(like: &Report, seen: &Seen) -> Report {
    let begins = like.begins();
    let before = |first: u32| std::iter::repeat_n(first, begins);
    let requests = seen.load.iter().map(|load| u64::from(*load)).sum();
    Report {
        load: before(0).chain(seen.load.iter().copied()).collect(),
        well: before(SETUP.devices).chain(seen.well.iter().copied()).collect(),
        requests,
        prompts: seen.prompts,
        ..like.clone()
    }
}

/// Prints both, and draws them where a folder was named.
fn compare(name: &str, title: &str, simulated: &Report, real: &Report) {
    for (what, report) in [("simulated", simulated), ("real", real)] {
        println!(
            "measured: {name}, {what}, {} devices, C = {}/s: highest 10 s {:.2} C, 99 % back after {:?}, {:.2} token requests \
             per device, {} people asked",
            report.devices,
            report.capacity,
            report.peak(),
            report.back_after(),
            report.requests_per_device(),
            report.prompts
        );
    }
    let Some(folder) = std::env::var_os("MAINSTAY_FLEET_PICTURES").map(PathBuf::from) else { return };
    let panel = |title: &str, report: &Report| Panel { title: title.to_owned(), ..report.panel() };
    let picture = Picture {
        title: title.to_owned(),
        subtitle:
            "300 devices, 3 token requests per second. Above the simulation, below real clients and a real server."
                .to_owned(),
        panels: vec![panel("simulated", simulated), panel("real", real)],
        capacity: SETUP.capacity,
        begins: real.begins(),
        down_for: 0,
    };
    // Tests run in their package's folder; the variable counts from the repository's.
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
    picture.write(&root.join(folder), name).unwrap();
}

fn is_near(simulated: f64, real: f64, tolerance: f64) -> bool {
    (simulated - real).abs() <= tolerance * simulated.max(real)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_hint_real_clients_do_what_the_model_says() {
    let shop = Shop::signed_in(SETUP.devices.into()).await;
    let seen = shop.mass_invalidation(SETUP.capacity, Some(SETUP.least_time()), Duration::from_secs(200)).await;
    let simulated = simulated("keys-changed");
    let real = measured(&simulated, &seen);
    compare("real-hint", "The signing key changes, with a hint: model and reality", &simulated, &real);

    for report in [&simulated, &real] {
        assert_eq!(report.prompts, 0);
        assert!(report.requests_per_device() <= 1.15, "{:.2} requests per device", report.requests_per_device());
        // Three in a second are few, and dice are no clockwork.
        assert!(report.peak() <= 1.7, "{:.2} times the capacity", report.peak());
    }
    let (model, reality) = (simulated.back_after().unwrap(), real.back_after().unwrap());
    assert!(is_near(model.as_secs_f64(), reality.as_secs_f64(), 0.25), "{model:?} and {reality:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_hint_real_clients_do_what_the_model_says() {
    let shop = Shop::signed_in(SETUP.devices.into()).await;
    let seen = shop.mass_invalidation(SETUP.capacity, None, Duration::from_secs(400)).await;
    let simulated = simulated("rush-hour");
    let real = measured(&simulated, &seen);
    compare("real-rush-hour", "The signing key changes at rush hour: model and reality", &simulated, &real);

    assert_eq!((simulated.prompts, real.prompts), (0, 0));
    let (model, reality) = (simulated.requests_per_device(), real.requests_per_device());
    assert!(is_near(model, reality, 0.2), "{model:.2} and {reality:.2} requests per device");
    assert!(real.requests_per_device() > 1.5, "the limit turned nobody away: {:.2}", real.requests_per_device());
    // All real tills notice in one moment, simulated ones within ten seconds.
    assert!(is_near(simulated.peak(), real.peak(), 0.5), "{:.1} and {:.1} times", simulated.peak(), real.peak());
    let (model, reality) = (simulated.back_after().unwrap(), real.back_after().unwrap());
    assert!(is_near(model.as_secs_f64(), reality.as_secs_f64(), 0.35), "{model:?} and {reality:?}");
}
