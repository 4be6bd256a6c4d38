use std::time::Duration;

use super::*;
use crate::oauth::{
    MAX_BODY, RuleMeaning,
    fixtures::{bad_bodies, fresh, response},
};

fn classify(status: u16, body: &str) -> TokenFailure {
    TokenError::read(&fresh(&response(status, &[], body))).failure
}

fn error(code: &str) -> String {
    format!(r#"{{"error":"{code}"}}"#)
}

fn unreasoned(status: u16, body: UnreasonedBody) -> TokenFailure {
    TokenFailure::Unreasoned(Unreasoned { status, body })
}

#[test]
fn only_invalid_grant_in_a_refusal_says_anything_about_the_credential() {
    let codes = ErrorCode::KNOWN.iter().map(|(code, _)| *code).chain(["Token invalid", "invalid_grant2"]);
    for code in codes {
        for status in 100..=599 {
            let is_terminal = classify(status, &error(code)) == TokenFailure::InvalidGrant;
            assert_eq!(is_terminal, code == "invalid_grant" && matches!(status, 400 | 401 | 403), "{status} {code}");
        }
    }
}

#[test]
fn a_wrong_set_up_is_never_the_users_fault() {
    for (code, fault) in [
        ("invalid_client", ConfigurationFault::InvalidClient),
        ("unauthorized_client", ConfigurationFault::UnauthorizedClient),
        ("unsupported_grant_type", ConfigurationFault::UnsupportedGrantType),
    ] {
        for status in [400, 401, 403] {
            assert_eq!(classify(status, &error(code)), TokenFailure::Configuration(fault), "{status} {code}");
        }
    }
}

#[test]
fn a_refused_scope_and_a_refused_proof_are_answers_of_their_own() {
    assert_eq!(classify(400, &error("invalid_scope")), TokenFailure::InvalidScope);
    assert_eq!(classify(400, &error("invalid_dpop_proof")), TokenFailure::InvalidDpopProof);
    assert_eq!(classify(400, &error("use_dpop_nonce")), TokenFailure::UseDpopNonce { nonce: None });
    let with_nonce = response(400, &[("dpop-nonce", "n-7")], error("use_dpop_nonce"));
    let nonce = Some("n-7".to_owned());
    assert_eq!(TokenError::read(&fresh(&with_nonce)).failure, TokenFailure::UseDpopNonce { nonce });
}

#[test]
fn a_server_that_says_it_is_in_trouble_is_believed_in_whatever_status() {
    for status in [200, 302, 400, 401, 403, 404, 418, 500, 503] {
        assert_eq!(classify(status, &error("server_error")), TokenFailure::Transient(TransientKind::ServerError));
        for code in ["temporarily_unavailable", "authorization_pending", "slow_down"] {
            assert_eq!(classify(status, &error(code)), TokenFailure::Transient(TransientKind::Unavailable));
        }
    }
}

#[test]
fn troubled_statuses_are_transient_whatever_the_body_says() {
    for body in ["", "{}", "<html>", &error("invalid_grant"), &error("invalid_client")] {
        for (status, kind) in [
            (301, TransientKind::Redirect),
            (302, TransientKind::Redirect),
            (307, TransientKind::Redirect),
            (405, TransientKind::UnexpectedStatus),
            (407, TransientKind::UnexpectedStatus),
            (408, TransientKind::TryAgain),
            (425, TransientKind::TryAgain),
            (429, TransientKind::TooManyRequests),
            (451, TransientKind::UnexpectedStatus),
            (500, TransientKind::ServerError),
            (502, TransientKind::ServerError),
            (503, TransientKind::Unavailable),
            (504, TransientKind::ServerError),
            (511, TransientKind::ServerError),
        ] {
            assert_eq!(classify(status, body), TokenFailure::Transient(kind), "{status} {body}");
        }
    }
}

#[test]
fn a_no_without_a_reason_is_transient_and_can_be_counted() {
    for status in [400, 401, 403, 404] {
        assert_eq!(classify(status, ""), unreasoned(status, UnreasonedBody::Empty));
        assert_eq!(classify(status, "{}"), unreasoned(status, UnreasonedBody::NoError));
        assert_eq!(classify(status, r#"{"message":"Token invalid"}"#), unreasoned(status, UnreasonedBody::NoError));
        assert_eq!(classify(status, &error("Token invalid")), unreasoned(status, UnreasonedBody::OtherCode));
        assert!(TokenError::read(&fresh(&response(status, &[], ""))).is_transient());
    }
}

#[test]
fn a_reason_in_the_wrong_place_is_no_reason() {
    assert_eq!(classify(200, &error("invalid_grant")), unreasoned(200, UnreasonedBody::OtherCode));
    assert_eq!(classify(404, &error("invalid_grant")), unreasoned(404, UnreasonedBody::OtherCode));
}

#[test]
fn a_page_or_prose_instead_of_an_answer_is_transient_and_does_not_count() {
    for status in [200, 400, 401, 403, 404] {
        for (body, reason) in
            [("<html>blocked</html>", MalformedAnswer::Html), ("Token invalid", MalformedAnswer::NotJson)]
        {
            assert_eq!(
                classify(status, body),
                TokenFailure::Transient(TransientKind::Malformed(reason)),
                "{status} {body}"
            );
        }
    }
}

#[test]
fn bad_bodies_never_say_anything_about_the_credential() {
    for (name, body, _) in bad_bodies(MAX_BODY) {
        for status in [400, 401, 403, 404, 429, 500] {
            let error = TokenError::read(&fresh(&response(status, &[], &body)));
            assert!(error.is_transient(), "{status} {name}");
        }
    }
}

#[test]
fn a_refusal_out_of_a_cache_is_no_refusal() {
    let cached = response(400, &[("age", "120")], error("invalid_grant"));
    let failure = TokenError::read(&fresh(&cached)).failure;
    assert_eq!(failure, TokenFailure::Transient(TransientKind::Malformed(MalformedAnswer::Cached)));
}

#[test]
fn the_wait_and_the_servers_time_come_along() {
    let headers = [("retry-after", "120"), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
    let error = TokenError::read(&fresh(&response(429, &headers, "")));
    assert_eq!((error.retry_after, error.server_time_ms), (Some(Duration::from_secs(120)), Some(784_111_777_000)));
}

#[test]
fn an_answer_that_may_have_come_after_the_commit_says_so() {
    let granted = [200, 408, 500, 502, 503, 504].map(|status| (status, true));
    for (status, may) in granted.into_iter().chain([(302, false), (429, false)]) {
        assert_eq!(TokenError::read(&fresh(&response(status, &[], ""))).may_have_been_granted(), may, "{status}");
    }
    assert!(!TokenError::read(&fresh(&response(400, &[], error("invalid_grant")))).may_have_been_granted());
    // The authorization server's own word, not a gateway's.
    assert!(!TokenError::read(&fresh(&response(503, &[], error("temporarily_unavailable")))).may_have_been_granted());
    assert!(TokenError::read(&fresh(&response(500, &[], error("server_error")))).may_have_been_granted());
}

#[test]
fn an_error_never_repeats_the_servers_words() {
    let body = r#"{"error":"invalid_grant","error_description":"canary"}"#;
    let error = TokenError::read(&fresh(&response(400, &[], body)));
    assert!(!format!("{error} {error:?}").contains("canary"));
    assert_eq!(error.error.unwrap().description.unwrap().shown(), "canary");
}

#[test]
fn a_rule_gives_a_refusal_its_reason_and_trouble_none() {
    let rule = |status| {
        let rule = RejectionRule::new("ended", status, "/token", "session_revoked").unwrap();
        [rule.meaning(RuleMeaning::SessionRevoked)]
    };
    let read = |status: u16, body: &str, rules: &[RejectionRule]| {
        let response = response(status, &[], body);
        let answer = fresh(&response);
        TokenError::read(&answer).with_reason(&answer, "/token", rules).failure
    };
    let revoked = TokenFailure::SessionRevoked { rule: "ended".to_owned() };
    let refusal = r#"{"error":"invalid_grant","reason":"session_revoked"}"#;
    for status in [400, 401, 403] {
        assert_eq!(read(status, refusal, &rule(status)), revoked);
        assert_eq!(read(status, &error("session_revoked"), &rule(status)), revoked);
        assert_eq!(read(status, refusal, &[]), TokenFailure::InvalidGrant, "without a rule");
        assert_eq!(
            read(status, &error("invalid_grant"), &rule(status)),
            TokenFailure::InvalidGrant,
            "without the words"
        );
    }
    // A rule never makes trouble, or a wrong set-up, the person's matter.
    for status in [400, 401, 403, 404, 408, 429, 500, 502, 503] {
        let page = "<html>session_revoked</html>";
        assert_eq!(read(status, page, &rule(status)), classify(status, page), "{status}");
        let broken = r#"{"error":"server_error","error_description":"session_revoked"}"#;
        assert_eq!(read(status, broken, &rule(status)), classify(status, broken), "{status}");
    }
    let set_up = r#"{"error":"invalid_client","error_description":"session_revoked"}"#;
    assert_eq!(read(401, set_up, &rule(401)), TokenFailure::Configuration(ConfigurationFault::InvalidClient));
    // A rule for rejected tokens says nothing about a token request.
    let legacy = [RejectionRule::new("legacy", 400, "/token", "session_revoked").unwrap()];
    assert_eq!(read(400, refusal, &legacy), TokenFailure::InvalidGrant);
}
