//! Every public reader of `mainstay::oauth` against answers that no honest server sends: none panics, none takes long,
//! and no error repeats what the server wrote.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use mainstay::{
    Identity, Secret,
    oauth::{
        Answer, Challenges, Claims, Endpoint, ErrorObject, IdToken, IdentitySource, Issuer, Probe, Rejection,
        RejectionRule, ServerMetadata, ServerStatus, TokenAnswer, TokenError, enrollment, parse_http_date,
        read_revocation, spread_hint, who_am_i,
    },
};
use proptest::prelude::*;

/// Headers that the readers look at.
const HEADERS: [&str; 9] = [
    "www-authenticate",
    "retry-after",
    "date",
    "age",
    "cache-status",
    "dpop-nonce",
    "content-type",
    "mainstay-spread-seconds",
    "x-other",
];

/// Fragments of bodies that look almost right.
const FRAGMENTS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\"error\":",
    "\"invalid_grant\"",
    "\"access_token\":",
    "\"\"",
    "\"at\"",
    "\"expires_in\":",
    "1e999",
    "-0",
    "null",
    "true",
    "\"sub\":",
    "\"issuer\":\"https://id.example\"",
    "\u{feff}",
    "\\ud800",
    "Token invalid",
    "<html>",
];

fn body() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..400);
    let almost = prop::collection::vec(prop::sample::select(&FRAGMENTS[..]), 0..60);
    prop_oneof![noise, almost.prop_map(|parts| parts.concat().into_bytes())]
}

fn response() -> impl Strategy<Value = Response<Bytes>> {
    let value = prop::collection::vec(any::<u8>(), 0..80)
        .prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static("Bearer error=\"x")));
    let headers = prop::collection::vec((prop::sample::select(&HEADERS[..]), value), 0..5);
    (100_u16..=999, headers, body()).prop_map(|(status, headers, body)| {
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            response.headers_mut().append(HeaderName::from_static(name), value);
        }
        response
    })
}

/// Runs every reader over one answer.
fn read_all(answer: &Answer<'_>) {
    let issuer = Issuer::parse("https://id.example").unwrap();
    let endpoint = Endpoint::parse("https://id.example/api/me").unwrap();
    let rules = [RejectionRule::new("legacy", 400, "/api/*", "Token invalid").unwrap()];
    let pinned = Identity { issuer: "https://id.example".into(), subject: Some("ada".into()), tenant: Vec::new() };

    let _ = ServerMetadata::read(answer, &issuer);
    let _ = ErrorObject::read(answer);
    let _ = ServerStatus::read(answer);
    let _ = TokenAnswer::read(answer);
    let _ = enrollment::read(answer, &endpoint);
    let _ = read_revocation(answer);
    let _ = Claims::read(answer.body());
    let _ = who_am_i(answer, &endpoint, &rules);
    let _ = Probe::read(answer, &endpoint, &rules, &pinned, &IdentitySource::default());
    let _ = Rejection::read(answer, "/api/me", &rules);
    let _ = Challenges::read(answer.headers()).bearer_error();
    let _ = IdToken::read(&Secret::new(answer.body().to_vec()));
    let _ = (answer.retry_after(), answer.server_time_ms(), answer.dpop_nonce(), spread_hint(answer.headers()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_answer_makes_a_reader_panic(response in response(), from_cache in any::<bool>()) {
        read_all(&Answer::new(&response, from_cache));
    }

    #[test]
    fn an_error_never_repeats_the_answer(status in 200_u16..600, code in "canary[a-z_]{0,10}", quote in any::<bool>()) {
        let body = if quote { format!(r#"{{"error":"{code}","error_description":"{code}"}}"#) } else { code };
        let response = Response::builder().status(status).body(Bytes::from(body)).unwrap();
        let answer = Answer::new(&response, false);
        let error = TokenError::read(&answer);
        let seen = format!("{error} {error:?} {answer:?} {:?}", TokenAnswer::read(&answer));
        prop_assert!(!seen.contains("canary"), "{}", seen);
    }

    #[test]
    fn no_date_makes_it_panic(text in "\\PC{0,60}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT") {
        let _ = parse_http_date(&text);
    }
}

#[test]
fn ten_megabytes_of_anything_are_read_in_bounds() {
    const SIZE: usize = 10 * 1024 * 1024;
    for byte in [b' ', b'{', b'[', b'"', b'a', b'\\', b'.', b'<', 0, 0xFF] {
        let body = Bytes::from(vec![byte; SIZE]);
        for status in [200, 400, 401, 500] {
            let response = Response::builder().status(status).body(body.clone()).unwrap();
            read_all(&Answer::new(&response, false));
        }
    }
}
