use std::time::Duration;

use super::*;
use crate::oauth::fixtures::{fresh, response};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

fn retry_after(headers: &[(&str, &str)]) -> Option<Duration> {
    fresh(&response(503, headers, "")).retry_after()
}

#[test]
fn retry_after_is_read_in_seconds_and_never_exceeds_an_hour() {
    for (text, seconds) in
        [("0", 0), ("120", 120), (" 7 ", 7), ("3600", 3600), ("3601", 3600), ("99999999999999999999999", 3600)]
    {
        assert_eq!(retry_after(&[("retry-after", text)]), Some(Duration::from_secs(seconds)), "{text}");
    }
}

#[test]
fn a_retry_after_date_counts_from_the_servers_own_date() {
    let at = |text| retry_after(&[("retry-after", text), ("date", DATE)]);
    assert_eq!(at("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
    assert_eq!(at("Sun, 06 Nov 1994 08:40:00 GMT"), Some(Duration::ZERO));
    assert_eq!(at("Sat, 06 Nov 2094 08:49:37 GMT"), Some(MAX_RETRY_AFTER));
    assert_eq!(retry_after(&[("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")]), None, "no Date to count from");
}

#[test]
fn a_retry_after_that_cannot_be_read_says_nothing() {
    for text in ["", "-5", "1.5", "soon", "1e3", "+3"] {
        assert_eq!(retry_after(&[("retry-after", text), ("date", DATE)]), None, "{text}");
    }
    assert_eq!(retry_after(&[]), None);
}

#[test]
fn the_servers_time_is_its_date_header() {
    assert_eq!(fresh(&response(200, &[("date", DATE)], "")).server_time_ms(), Some(784_111_777_000));
    assert_eq!(fresh(&response(200, &[("date", "today")], "")).server_time_ms(), None);
}

#[test]
fn an_answer_out_of_a_cache_is_noticed() {
    for headers in [
        [("age", "1")],
        [("age", "0, 5")],
        [("age", "old")],
        [("cache-status", "edge; hit")],
        [("cache-status", "a;fwd=miss, b; hit; ttl=30")],
    ] {
        assert_eq!(fresh(&response(200, &headers, "")).require_uncached(), Err(MalformedAnswer::Cached), "{headers:?}");
    }
    let plain = response(200, &[], "");
    assert_eq!(Answer::new(&plain, true).require_uncached(), Err(MalformedAnswer::Cached));
    for headers in [
        vec![],
        vec![("age", "0")],
        vec![("cache-status", "edge; fwd=miss; stored")],
        vec![("cache-status", "hit-counter; fwd=bypass")],
    ] {
        assert_eq!(fresh(&response(200, &headers, "")).require_uncached(), Ok(()), "{headers:?}");
    }
}

#[test]
fn a_nonce_is_short_and_not_empty() {
    let nonce = |text: &str| fresh(&response(401, &[("dpop-nonce", text)], "")).dpop_nonce().map(str::to_owned);
    assert_eq!(nonce("n-1"), Some("n-1".to_owned()));
    assert_eq!(nonce(""), None);
    assert_eq!(nonce(&"n".repeat(1025)), None);
}

#[test]
fn debug_shows_neither_headers_nor_body() {
    let secret = response(200, &[("set-cookie", "canary")], "canary");
    assert!(!format!("{:?}", fresh(&secret)).contains("canary"));
}

#[test]
fn an_answer_is_fresh_for_as_long_as_the_server_says() {
    let fresh_for = |headers: &[(&str, &str)]| fresh(&response(200, headers, "")).fresh_for().map(|it| it.as_secs());
    assert_eq!(fresh_for(&[("cache-control", "public, Max-Age=300")]), Some(300));
    assert_eq!(fresh_for(&[("cache-control", "max-age=\"300\""), ("age", "100")]), Some(200));
    assert_eq!(fresh_for(&[("cache-control", "max-age=300"), ("age", "400")]), Some(0));
    assert_eq!(fresh_for(&[("cache-control", "max-age=300, no-cache")]), Some(0));
    assert_eq!(fresh_for(&[("cache-control", "private"), ("cache-control", "no-store")]), Some(0));
    let dated = [("date", "Fri, 20 Nov 2026 18:00:00 GMT"), ("expires", "Fri, 20 Nov 2026 19:00:00 GMT")];
    assert_eq!(fresh_for(&dated), Some(3600));
    assert_eq!(fresh_for(&[("expires", "Fri, 20 Nov 2026 19:00:00 GMT")]), None);
    for silent in [&[][..], &[("cache-control", "max-age=soon")], &[("expires", "0")], &[("cache-control", "public")]] {
        assert_eq!(fresh_for(silent), None, "{silent:?}");
    }
}
