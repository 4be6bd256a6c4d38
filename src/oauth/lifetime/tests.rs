use proptest::prelude::*;
use serde_json::json;

use super::*;

/// 2026-11-22T00:00:00Z.
const NOW: u64 = 1_795_305_600;

fn read(value: Value) -> (u64, LifetimeOrigin) {
    let lifetime = Lifetime::read(Some(&value), Some(NOW * 1000));
    (lifetime.duration.as_secs(), lifetime.origin)
}

#[test]
fn every_expires_in_of_field_case_f4_has_a_floor_and_a_ceiling() {
    use LifetimeOrigin::{AbsoluteTime, Assumed, LoweredToCeiling, RaisedToFloor, Stated};
    let day = 24 * 60 * 60;
    for (value, expected) in [
        (json!(0), (30, RaisedToFloor)),
        (json!(1), (30, RaisedToFloor)),
        (json!(15), (30, RaisedToFloor)),
        (json!(-1), (30, RaisedToFloor)),
        (json!("15"), (30, RaisedToFloor)),
        (json!(30), (30, Stated)),
        (json!(900), (900, Stated)),
        (json!("900"), (900, Stated)),
        (json!(899.9), (899, Stated)),
        (json!(day), (day, Stated)),
        (json!(day + 1), (day, LoweredToCeiling)),
        (json!(31_536_000), (day, LoweredToCeiling)),
        (json!(2_147_483_648_u64), (day, LoweredToCeiling)),
        (json!(i64::MAX), (day, LoweredToCeiling)),
        (json!(u64::MAX), (day, LoweredToCeiling)),
        (json!(1e300), (day, LoweredToCeiling)),
        (json!(NOW + 900), (900, AbsoluteTime)),
        (json!(format!("{}", NOW + 900)), (900, AbsoluteTime)),
        (json!((NOW + 900) * 1000), (900, AbsoluteTime)),
        (json!(NOW - 5), (30, RaisedToFloor)),
        (json!("2026-11-22T00:15:00Z"), (3600, Assumed)),
        (json!(""), (3600, Assumed)),
        (json!(null), (3600, Assumed)),
        (json!(true), (3600, Assumed)),
        (json!({"seconds": 900}), (3600, Assumed)),
    ] {
        assert_eq!(read(value.clone()), expected, "{value}");
    }
}

#[test]
fn a_missing_expires_in_is_an_hour() {
    assert_eq!(Lifetime::read(None, Some(NOW * 1000)).duration, LIFETIME_ASSUMED);
}

#[test]
fn an_absolute_time_without_the_servers_date_is_an_hour() {
    assert_eq!(Lifetime::read(Some(&json!(NOW + 900)), None).origin, LifetimeOrigin::Assumed);
}

#[test]
fn a_relative_lifetime_needs_no_clock_at_all() {
    // Field cases E1 and E2: whatever the device, or the server, believes the date to be.
    for date in [None, Some(0), Some(1), Some((NOW - 86_400) * 1000), Some(u64::MAX)] {
        let lifetime = Lifetime::read(Some(&json!(900)), date);
        assert_eq!((lifetime.duration.as_secs(), lifetime.origin), (900, LifetimeOrigin::Stated), "{date:?}");
    }
}

proptest! {
    #[test]
    fn no_number_escapes_the_bounds(number in any::<i64>(), date in any::<Option<u64>>(), as_text in any::<bool>()) {
        let value = if as_text { json!(number.to_string()) } else { json!(number) };
        let lifetime = Lifetime::read(Some(&value), date);
        prop_assert!((LIFETIME_FLOOR..=LIFETIME_CEILING).contains(&lifetime.duration));
    }
}
