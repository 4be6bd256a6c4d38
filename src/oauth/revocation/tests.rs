use std::collections::BTreeMap;

use super::*;
use crate::oauth::{
    MAX_BODY,
    fixtures::{bad_bodies, client, endpoint, fresh, response},
};

fn read(status: u16, body: &str) -> RevocationOutcome {
    read_revocation(&fresh(&response(status, &[("retry-after", "7")], body)))
}

const LATER: RevocationOutcome = RevocationOutcome::Later(Some(Duration::from_secs(7)));

#[test]
fn the_token_and_its_kind_are_sent_in_the_body() {
    let token = Secret::from_text("rt-1");
    let request = revocation_request(&endpoint("/revoke"), &client(), &token, TokenKind::RefreshToken).unwrap();
    let request = request.into_request();
    assert_eq!(request.uri(), "https://id.example/revoke");
    let sent: BTreeMap<_, _> = url::form_urlencoded::parse(request.body()).into_owned().collect();
    let expected = [("token", "rt-1"), ("token_type_hint", "refresh_token"), ("client_id", "till-app")];
    assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn a_token_that_the_server_does_not_know_is_revoked() {
    assert_eq!(read(200, ""), RevocationOutcome::Done);
    assert_eq!(read(200, "{}"), RevocationOutcome::Done);
    assert_eq!(read(204, ""), RevocationOutcome::Done);
    assert_eq!(read(400, r#"{"error":"invalid_grant"}"#), RevocationOutcome::Done);
}

#[test]
fn what_would_not_help_is_not_tried_again() {
    for code in ["unsupported_token_type", "invalid_client", "unauthorized_client", "invalid_request"] {
        assert_eq!(read(400, &format!(r#"{{"error":"{code}"}}"#)), RevocationOutcome::GiveUp, "{code}");
    }
}

#[test]
fn anything_else_is_tried_again() {
    for (status, body) in
        [(200, "<html>Wi-Fi</html>"), (302, ""), (400, ""), (401, ""), (403, "{}"), (404, ""), (429, ""), (503, "")]
    {
        assert_eq!(read(status, body), LATER, "{status} {body}");
    }
    for (name, body, _) in bad_bodies(MAX_BODY) {
        let answer = response(400, &[], body);
        assert_eq!(read_revocation(&fresh(&answer)), RevocationOutcome::Later(None), "{name}");
    }
    assert_eq!(read_revocation(&fresh(&response(200, &[("age", "1")], ""))), RevocationOutcome::Later(None));
}
