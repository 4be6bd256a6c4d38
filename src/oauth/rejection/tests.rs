use proptest::prelude::*;

use super::*;
use crate::oauth::{
    RuleMeaning,
    fixtures::{fresh, response},
};

fn read(status: u16, challenge: &str) -> Rejection {
    read_with(status, &[("www-authenticate", challenge)], "", &[])
}

fn read_with(status: u16, headers: &[(&str, &str)], body: &str, rules: &[RejectionRule]) -> Rejection {
    Rejection::read(&fresh(&response(status, headers, body)), "/api/sales", rules)
}

fn legacy(status: u16) -> RejectionRule {
    RejectionRule::new("legacy", status, "/api/*", "Token invalid").unwrap()
}

#[test]
fn a_401_with_invalid_token_starts_an_episode() {
    assert_eq!(read(401, r#"Bearer error="invalid_token""#), Rejection::InvalidToken);
    assert_eq!(read(401, r#"DPoP error="invalid_token", algs="ES256""#), Rejection::InvalidToken);
    assert_eq!(read(401, r#"Basic realm="x", Bearer realm="x", error="invalid_token""#), Rejection::InvalidToken);
}

#[test]
fn a_401_without_a_known_reason_is_weaker() {
    for challenge in
        ["", "Bearer", "Bearer realm=x", "Basic realm=x", "Bearer error=invalid_request", "Bearer error=weird"]
    {
        assert_eq!(read(401, challenge), Rejection::Unauthorized, "{challenge}");
    }
    assert_eq!(read_with(401, &[], r#"{"error":"invalid_token"}"#, &[]), Rejection::Unauthorized);
}

#[test]
fn a_403_never_accuses_a_token() {
    for challenge in ["", "Bearer error=invalid_token", "Bearer error=weird"] {
        assert_eq!(read(403, challenge), Rejection::Forbidden { scope: None }, "{challenge}");
    }
    let scope = Some("sales:void".to_owned());
    assert_eq!(
        read(403, r#"Bearer error="insufficient_scope", scope="sales:void""#),
        Rejection::Forbidden { scope: scope.clone() }
    );
    assert_eq!(read(401, r#"Bearer error="insufficient_scope", scope="sales:void""#), Rejection::Forbidden { scope });
}

#[test]
fn a_step_up_is_not_a_session_matter() {
    let step_up = read(401, r#"Bearer error="insufficient_user_authentication", acr_values="mfa", max_age=300"#);
    assert_eq!(
        step_up,
        Rejection::InsufficientUserAuthentication { acr_values: Some("mfa".into()), max_age: Some(300) }
    );
    assert!(!step_up.accuses_token());
}

#[test]
fn a_proof_that_needs_a_nonce_or_a_time_is_no_rejection_of_the_token() {
    let headers = [("www-authenticate", "DPoP error=\"use_dpop_nonce\""), ("dpop-nonce", "n-7")];
    let nonce = read_with(401, &headers, "", &[]);
    assert_eq!(nonce, Rejection::UseDpopNonce { nonce: Some("n-7".into()) });
    let headers =
        [("www-authenticate", "DPoP error=\"invalid_dpop_proof\""), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
    let proof = read_with(401, &headers, "", &[]);
    assert_eq!(proof, Rejection::InvalidDpopProof { server_time_ms: Some(784_111_777_000) });
    assert!(!nonce.accuses_token() && !proof.accuses_token());
}

#[test]
fn a_server_in_trouble_says_nothing_about_the_token() {
    for status in [408, 425, 429, 500, 502, 503, 504, 511] {
        let answer =
            read_with(status, &[("retry-after", "7"), ("www-authenticate", "Bearer error=invalid_token")], "", &[]);
        assert_eq!(answer, Rejection::ServerTrouble { status, retry_after: Some(Duration::from_secs(7)) });
        assert!(!answer.accuses_token());
    }
}

#[test]
fn any_other_answer_belongs_to_the_app() {
    for status in [200, 204, 301, 302, 304, 400, 404, 409, 422] {
        assert_eq!(read_with(status, &[], r#"{"error":"Token invalid"}"#, &[]), Rejection::NotARejection, "{status}");
    }
}

#[test]
fn a_rule_recognises_the_servers_own_words_in_the_status_it_names_only() {
    let body = r#"{"error":"Token invalid"}"#;
    for status in [200, 400, 401, 403, 500] {
        let rules = [legacy(status)];
        assert_eq!(read_with(status, &[], body, &rules), Rejection::Legacy { rule: "legacy".into() }, "{status}");
        let other = if status == 400 { 404 } else { 400 };
        assert_eq!(read_with(other, &[], body, &rules), Rejection::NotARejection, "{status}");
    }
}

#[test]
fn a_standard_reason_comes_before_a_rule() {
    let headers = [("www-authenticate", "Bearer error=\"insufficient_scope\"")];
    assert_eq!(read_with(403, &headers, "Token invalid", &[legacy(403)]), Rejection::Forbidden { scope: None });
}

#[test]
fn a_revoked_session_is_recognised_by_a_rule_also_where_the_standard_says_invalid_token() {
    let revoked = RejectionRule::new("ended", 401, "/api/*", "session revoked").unwrap();
    let rules = [legacy(401), revoked.meaning(RuleMeaning::SessionRevoked)];
    let invalid_token = [("www-authenticate", "Bearer error=\"invalid_token\"")];
    let body = r#"{"reason":"Session revoked"}"#;
    for headers in [&invalid_token[..], &[]] {
        let answer = read_with(401, headers, body, &rules);
        assert_eq!(answer, Rejection::SessionRevoked { rule: "ended".into() });
        assert!(answer.accuses_token());
    }
    // Without the rule, or the words, nothing of the kind.
    assert_eq!(read_with(401, &invalid_token, body, &rules[..1]), Rejection::InvalidToken);
    assert_eq!(read_with(401, &invalid_token, "Token invalid", &rules), Rejection::InvalidToken);
    let other_reason = [("www-authenticate", "Bearer error=\"insufficient_user_authentication\"")];
    assert!(!read_with(401, &other_reason, body, &rules).accuses_token(), "a step-up stays one");
}

proptest! {
    #[test]
    fn without_a_rule_only_a_401_accuses_a_token(
        status in 200_u16..600,
        challenge in r#"(Bearer |DPoP |Basic )?(error="?(invalid_token|use_dpop_nonce|x)"?)?[ -~]{0,30}"#,
        body in any::<String>(),
    ) {
        let answer = read_with(status, &[("www-authenticate", &challenge)], &body, &[]);
        prop_assert!(!answer.accuses_token() || status == 401);
    }
}
