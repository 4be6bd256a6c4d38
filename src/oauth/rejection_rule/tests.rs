use proptest::prelude::*;

use super::*;
use crate::oauth::fixtures::{fresh, response};

fn rule(path: &str) -> RejectionRule {
    RejectionRule::new("r", 400, path, "token invalid").unwrap()
}

fn matches(rule: &RejectionRule, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> bool {
    rule.matches(&fresh(&response(400, headers, body)), "/api/sales")
}

#[test]
fn a_rule_that_would_match_too_much_is_refused() {
    let rule = |status, path: &str, text: &str| RejectionRule::new("r", status, path, text).map(|_| ());
    for status in [0, 100, 199, 301, 302, 600] {
        assert_eq!(rule(status, "/api", "Token invalid"), Err(InvalidRule::Status), "{status}");
    }
    assert_eq!(rule(400, "", "Token invalid"), Err(InvalidRule::Path));
    assert_eq!(rule(400, "*", "Token invalid"), Err(InvalidRule::Path));
    for text in ["", "bad", &"x".repeat(513)] {
        assert_eq!(rule(400, "/api", text), Err(InvalidRule::Text));
    }
}

#[test]
fn a_rule_is_checked_when_a_profile_is_read() {
    let json = r#"{"name":"r","status":200,"path":"/api/*","content_type":"application/json","body_contains":"Token invalid"}"#;
    let read: RejectionRule = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), json);
    for bad in [json.replace("200", "302"), json.replace("Token invalid", "x"), json.replace("\"path\"", "\"paht\"")] {
        assert!(serde_json::from_str::<RejectionRule>(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_rule_means_a_rejected_token_unless_it_says_that_the_session_was_revoked() {
    let json = r#"{"name":"r","status":401,"path":"/*","body_contains":"revoked","meaning":"session_revoked"}"#;
    let read: RejectionRule = serde_json::from_str(json).unwrap();
    assert!(read.is_of_revocation());
    assert_eq!(serde_json::to_string(&read).unwrap(), json);
    assert!(!rule("/*").is_of_revocation());
    assert_eq!(RejectionRule::new("r", 401, "/*", "revoked").unwrap().meaning(RuleMeaning::SessionRevoked), read);
    for more in ["terminal", "foreign", "signed_out"] {
        let json = json.replace("session_revoked", more);
        assert!(serde_json::from_str::<RejectionRule>(&json).is_err(), "{more}");
    }
}

#[test]
fn a_star_stands_for_any_run_of_characters() {
    let glob = |pattern: &str, path: &str| glob(pattern.as_bytes(), path.as_bytes());
    for (pattern, path) in [
        ("/api/*", "/api/"),
        ("/api/*", "/api/a/b"),
        ("/*/sales", "/v1/x/sales"),
        ("/a", "/a"),
        ("/*", "/"),
        ("/*a*b", "/xaxb"),
        ("/**", "/x"),
    ] {
        assert!(glob(pattern, path), "{pattern} {path}");
    }
    for (pattern, path) in [
        ("/api/*", "/api"),
        ("/api", "/api/x"),
        ("/*/sales", "/v1/sale"),
        ("/a", "/A"),
        ("/a?", "/ab"),
        ("/*a*b", "/xbxa"),
    ] {
        assert!(!glob(pattern, path), "{pattern} {path}");
    }
}

#[test]
fn a_path_that_a_rule_does_not_name_is_left_alone() {
    assert!(matches(&rule("/api/sales"), &[], "Token invalid"));
    assert!(!matches(&rule("/api/shift"), &[], "Token invalid"));
}

#[test]
fn a_media_type_is_compared_without_its_parameters() {
    let rule = rule("/*").for_content_type("application/json");
    assert!(matches(&rule, &[("content-type", "Application/JSON; charset=utf-8")], "Token invalid"));
    for headers in [vec![], vec![("content-type", "text/html")], vec![("content-type", "application/json-patch")]] {
        assert!(!matches(&rule, &headers, "Token invalid"), "{headers:?}");
    }
}

#[test]
fn only_the_first_4_kib_are_searched() {
    let at = |offset: usize| [vec![b' '; offset], b"TOKEN INVALID".to_vec()].concat();
    assert!(matches(&rule("/*"), &[], at(REJECTION_BODY - 13)));
    assert!(!matches(&rule("/*"), &[], at(REJECTION_BODY - 12)));
}

proptest! {
    #[test]
    fn a_glob_ends_on_every_input(pattern in "/[a*]{0,30}", path in "/[ab]{0,200}") {
        let _ = glob(pattern.as_bytes(), path.as_bytes());
    }

    #[test]
    fn a_pattern_made_from_a_path_matches_it(path in "/[a-c/]{0,30}", cut in any::<prop::sample::Index>()) {
        let at = cut.index(path.len());
        let pattern = if at == 0 { "/*".to_owned() } else { format!("{}*{}", &path[..at], &path[at + 1..]) };
        prop_assert!(glob(pattern.as_bytes(), path.as_bytes()));
    }
}
