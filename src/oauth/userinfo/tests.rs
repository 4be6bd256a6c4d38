use super::*;
use crate::oauth::{
    MAX_BODY,
    fixtures::{bad_bodies, endpoint, fresh, response},
};

fn pinned() -> Identity {
    let tenant = vec![("tenant".to_owned(), "shop-7".to_owned())];
    Identity { issuer: "https://id.example".into(), subject: Some("ada".into()), tenant }
}

fn probe(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>, pinned: &Identity) -> Probe {
    let source = IdentitySource { tenant: vec!["tenant".to_owned()], ..IdentitySource::default() };
    Probe::read(&fresh(&response(status, headers, body)), &endpoint("/userinfo"), &[], pinned, &source)
}

#[test]
fn a_protected_request_carries_the_token_in_its_header_only() {
    let token = Secret::from_text("at-1");
    let request =
        protected_request(Method::GET, &endpoint("/userinfo"), TokenType::Dpop, &token).unwrap().into_request();
    assert_eq!(request.headers()["authorization"], "DPoP at-1");
    assert_eq!(request.uri(), "https://id.example/userinfo");
    assert!(request.body().is_empty());
}

#[test]
fn a_probe_accepts_what_names_the_pinned_person_or_nobody() {
    assert_eq!(probe(200, &[], r#"{"sub":"ada","tenant":"shop-7"}"#, &pinned()), Probe::Accepted { named: true });
    assert_eq!(probe(200, &[], r#"{"sub":"ada"}"#, &pinned()), Probe::Accepted { named: true });
    assert_eq!(probe(200, &[], r#"{"items":[]}"#, &pinned()), Probe::Accepted { named: false });
    assert_eq!(probe(200, &[], "[]", &pinned()), Probe::Accepted { named: false });
}

#[test]
fn a_probe_that_names_somebody_else_is_foreign() {
    for body in [
        r#"{"sub":"grace"}"#,
        r#"{"sub":"Ada"}"#,
        r#"{"sub":null}"#,
        r#"{"sub":""}"#,
        r#"{"sub":"ada","tenant":"shop-8"}"#,
    ] {
        assert_eq!(probe(200, &[], body, &pinned()), Probe::Foreign, "{body}");
    }
}

#[test]
fn an_account_whose_subject_was_never_proven_is_not_named_by_a_probe() {
    let unpinned = Identity { subject: None, tenant: Vec::new(), ..pinned() };
    assert_eq!(probe(200, &[], r#"{"sub":"ada"}"#, &unpinned), Probe::Accepted { named: false });
}

#[test]
fn a_success_that_proves_nothing_is_no_evidence() {
    for (name, body, reason) in bad_bodies(MAX_BODY) {
        let expected = match reason {
            MalformedAnswer::NotAnObject => Probe::Accepted { named: false },
            reason => Probe::NoEvidence(reason),
        };
        assert_eq!(probe(200, &[], body, &pinned()), expected, "{name}");
    }
    assert_eq!(probe(200, &[("age", "9")], r#"{"sub":"ada"}"#, &pinned()), Probe::NoEvidence(MalformedAnswer::Cached));
    for status in [302, 400, 404] {
        assert_eq!(probe(status, &[], "{}", &pinned()), Probe::NoEvidence(MalformedAnswer::Status(status)));
    }
}

#[test]
fn a_cached_refusal_is_no_evidence_either() {
    let headers = [("age", "9"), ("www-authenticate", "Bearer error=invalid_token")];
    assert_eq!(probe(401, &headers, "", &pinned()), Probe::NoEvidence(MalformedAnswer::Cached));
}

#[test]
fn a_refused_probe_says_how() {
    let headers = [("www-authenticate", "Bearer error=invalid_token")];
    assert_eq!(probe(401, &headers, "", &pinned()), Probe::Rejected(Rejection::InvalidToken));
    assert_eq!(probe(401, &[], "", &pinned()), Probe::Rejected(Rejection::Unauthorized));
    let trouble = Rejection::ServerTrouble { status: 503, retry_after: None };
    assert_eq!(probe(503, &[], "", &pinned()), Probe::Rejected(trouble));
}

#[test]
fn who_am_i_reads_claims_and_knows_the_rules_of_the_profile() {
    let me = response(200, &[], r#"{"data":{"id":"ada"}}"#);
    let claims = who_am_i(&fresh(&me), &endpoint("/api/me"), &[]).unwrap();
    assert_eq!(claims.name_at("/data/id").as_deref(), Some("ada"));
    let rules = [RejectionRule::new("mews", 200, "/api/*", "Token invalid").unwrap()];
    let legacy = response(200, &[], r#"{"error":"Token invalid"}"#);
    let rejected = Rejection::Legacy { rule: "mews".into() };
    assert_eq!(who_am_i(&fresh(&legacy), &endpoint("/api/me"), &rules), Err(ProtectedFailure::Rejected(rejected)));
}
