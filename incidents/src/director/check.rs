//! Expectations against what was seen.

use std::{collections::BTreeMap, fmt::Display};

use super::Seen;
use crate::{
    format::{Bounds, Expect, OneOrMore},
    report::Failure,
};

/// Everything in `expect` that does not hold.
pub(super) fn check(expect: &Expect, seen: &Seen) -> Vec<Failure> {
    let mut checker = Checker { expect, failures: Vec::new() };
    checker.one_of("state", expect.state.as_ref(), &seen.state.state);
    if let Some(reasons) = &expect.reason {
        let reason = seen.state.reason.clone().unwrap_or_else(|| "none".to_owned());
        checker.one_of("reason", Some(reasons), &reason);
    }
    for state in &expect.never {
        checker.that("never", !seen.visited.contains(state), state, "it was entered");
    }
    for state in &expect.visited {
        checker.that("visited", seen.visited.contains(state), state, "it was not entered");
    }
    checker.bounds("prompts", expect.prompts, seen.prompts);
    for (endpoint, bounds) in &expect.requests {
        checker.bounds(&format!("requests.{endpoint}"), Some(*bounds), requests_to(&seen.requests, endpoint));
    }
    checker.bounds("generations", expect.generations, seen.generations);
    checker.bounds("credentials_destroyed", expect.credentials_destroyed, seen.credentials_destroyed);
    checker.equal("app_data_identical", expect.app_data_identical, seen.app_data_identical);
    checker.equal("asks_to_clear_app_data", expect.asks_to_clear_app_data, seen.asked_to_clear_app_data);
    checker.bounds("foreign_bytes", expect.foreign_bytes, seen.foreign_bytes);
    checker.equal("session_survives_restart", expect.session_survives_restart, seen.session_survives_restart);
    checker.bounds("seconds_not_selling", expect.seconds_not_selling, seen.seconds_not_selling);
    checker.bounds("seconds_lost", expect.seconds_lost, seen.seconds_lost);
    checker.bounds("kills", expect.kills, seen.kills);
    checker.bounds("reuse_detections", expect.reuse_detections, seen.reuse_detections);
    checker.equal("sales_delivered_once", expect.sales_delivered_once, seen.sales_delivered_once);
    checker.failures
}

fn requests_to(requests: &BTreeMap<String, u64>, endpoint: &str) -> u64 {
    match endpoint {
        "any" => requests.values().sum(),
        one => requests.get(one).copied().unwrap_or(0),
    }
}

struct Checker<'a> {
    expect: &'a Expect,
    failures: Vec<Failure>,
}

impl Checker<'_> {
    fn that(&mut self, what: &str, holds: bool, expected: &impl Display, seen: impl Display) {
        if !holds {
            self.failures.push(Failure {
                at: self.expect.at.to_string(),
                line: self.expect.line,
                what: what.to_owned(),
                expected: expected.to_string(),
                seen: seen.to_string(),
            });
        }
    }

    fn bounds(&mut self, what: &str, expected: Option<Bounds>, seen: u64) {
        if let Some(expected) = expected {
            self.that(what, expected.hold(seen), &expected, seen);
        }
    }

    fn equal(&mut self, what: &str, expected: Option<bool>, seen: bool) {
        if let Some(expected) = expected {
            self.that(what, expected == seen, &expected, seen);
        }
    }

    fn one_of<T: PartialEq + Display>(&mut self, what: &str, expected: Option<&OneOrMore<T>>, seen: &T) {
        if let Some(expected) = expected {
            self.that(what, expected.has(seen), expected, seen);
        }
    }
}
