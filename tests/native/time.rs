//! The operating system's clock and dice.

use std::time::Duration;

use mainstay::{
    host::{Clock, Entropy},
    native::{OsClock, OsEntropy},
};

use super::handle;

#[tokio::test]
async fn the_clock_moves_on_and_wakes_in_time() {
    let clock = OsClock::new(handle());
    let start = clock.monotonic();
    clock.sleep_until(start + Duration::from_millis(20)).await;
    assert!(clock.monotonic() >= start + Duration::from_millis(20));
    clock.sleep_until(start).await;
    assert!(clock.wall() > Duration::from_secs(1_700_000_000));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn linux_names_its_boot() {
    let (one, other) = (OsClock::new(handle()).boot_id(), OsClock::new(handle()).boot_id());
    assert!(one.as_ref().is_some_and(|id| id.0.len() == 36));
    assert_eq!(one, other);
}

#[test]
fn random_bytes_differ() {
    let draw = || {
        let mut bytes = [0; 32];
        OsEntropy.fill(&mut bytes);
        bytes
    };
    assert_ne!(draw(), draw());
}
