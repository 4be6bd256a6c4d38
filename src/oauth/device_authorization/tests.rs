use proptest::prelude::*;

use super::*;
use crate::oauth::{
    TokenFailure, TransientKind,
    fixtures::{bad_bodies, client, endpoint, fresh, response},
};

const GOOD: &str = r#"{"device_code":"d-1","user_code":"WDJB-MJHT","verification_uri":"https://id.example/device",
    "verification_uri_complete":"https://id.example/device?user_code=WDJB-MJHT","expires_in":900,"interval":7}"#;

fn read(body: &str) -> Result<DeviceAuthorization, TokenError> {
    DeviceAuthorization::read(&fresh(&response(200, &[], body)))
}

fn invalid(name: &'static str) -> TokenFailure {
    TokenFailure::Transient(TransientKind::Malformed(MalformedAnswer::Invalid(name)))
}

#[test]
fn a_request_names_client_scopes_and_challenge() {
    let verifier = Verifier::new(&[3; 32]);
    let scopes = ["openid".to_owned(), "sales".to_owned()];
    let request = device_authorization_request(&endpoint("/device"), &client(), &scopes, &verifier).unwrap();
    let request = request.into_request();
    let sent: Vec<(String, String)> = url::form_urlencoded::parse(request.body()).into_owned().collect();
    let expected = [
        ("scope", "openid sales"),
        ("code_challenge", &verifier.challenge()),
        ("code_challenge_method", "S256"),
        ("client_id", "till-app"),
    ];
    assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn a_code_is_read_with_where_to_type_it() {
    let code = read(GOOD).unwrap();
    assert_eq!((code.user_code.as_str(), code.verification_uri.as_str()), ("WDJB-MJHT", "https://id.example/device"));
    assert_eq!(code.verification_uri_complete.unwrap().query(), Some("user_code=WDJB-MJHT"));
    assert_eq!((code.lifetime, code.interval), (Duration::from_secs(900), Duration::from_secs(7)));
}

#[test]
fn a_missing_interval_is_five_seconds_and_odd_numbers_have_bounds() {
    let times = |rest: &str| {
        let head = r#"{"device_code":"d","user_code":"u","verification_url":"https://id.example/d""#;
        let code = read(&format!("{head}{rest}}}")).unwrap();
        (code.lifetime.as_secs(), code.interval.as_secs())
    };
    assert_eq!(times(""), (600, 5));
    assert_eq!(times(r#","interval":0,"expires_in":0"#), (600, 5));
    assert_eq!(times(r#","interval":"9","expires_in":"300""#), (300, 9));
    assert_eq!(times(r#","interval":-1,"expires_in":1"#), (10, 5));
    assert_eq!(times(r#","interval":1e12,"expires_in":2147483648"#), (1800, 60));
}

#[test]
fn nobody_is_sent_to_an_address_that_is_not_safe_or_shown_a_code_that_a_terminal_obeys() {
    for bad in ["javascript:alert(1)", "http://id.example/device", "https://u:p@id.example/d", "/device", ""] {
        assert_eq!(
            read(&GOOD.replace("https://id.example/device\",", &format!("{bad}\","))).unwrap_err().failure,
            invalid("verification_uri"),
            "{bad}"
        );
    }
    let elsewhere = GOOD.replace("https://id.example/device?", "https://evil.example/device?");
    assert_eq!(read(&elsewhere).unwrap().verification_uri_complete, None);
    let long = "X".repeat(65);
    for bad in ["", " ", r"\u001b[2J", r"A\u202eB", r"A\nB", r"\u200b", &long] {
        assert_eq!(
            read(&GOOD.replace("\"WDJB-MJHT\"", &format!("\"{bad}\""))).unwrap_err().failure,
            invalid("user_code"),
            "{bad}"
        );
    }
    assert_eq!(read(&GOOD.replace("d-1", "")).unwrap_err().failure, invalid("device_code"));
    for (name, body, reason) in bad_bodies(MAX_BODY) {
        let failure = DeviceAuthorization::read(&fresh(&response(200, &[], body))).unwrap_err().failure;
        assert_eq!(failure, TokenFailure::Transient(TransientKind::Malformed(reason)), "{name}");
    }
}

fn poll(status: u16, headers: &[(&str, &str)], body: &str) -> DevicePoll {
    DevicePoll::read(&fresh(&response(status, headers, body)))
}

#[test]
fn each_answer_means_one_thing() {
    let error = |code: &str| poll(400, &[], &format!(r#"{{"error":"{code}"}}"#));
    assert_eq!(error("authorization_pending"), DevicePoll::Pending);
    assert_eq!(error("slow_down"), DevicePoll::SlowDown);
    assert_eq!(error("access_denied"), DevicePoll::Denied);
    assert_eq!(error("expired_token"), DevicePoll::Expired);
    assert_eq!(error("invalid_grant"), DevicePoll::Expired);
    for code in ["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request", "who_knows"] {
        assert!(matches!(error(code), DevicePoll::Failed(_)), "{code}");
    }
    assert_eq!(poll(503, &[("retry-after", "30")], ""), DevicePoll::Trouble(Some(Duration::from_secs(30))));
    assert_eq!(poll(200, &[], "<html>"), DevicePoll::Trouble(None));
    assert_eq!(error("server_error"), DevicePoll::Trouble(None));
    let granted = poll(200, &[], r#"{"access_token":"a","token_type":"Bearer"}"#);
    assert!(matches!(granted, DevicePoll::Granted(_)));
}

#[test]
fn a_server_that_says_slow_down_is_asked_less_often_for_good() {
    let mut pacing = DevicePacing::new(&read(GOOD).unwrap());
    let mut after = |poll: &DevicePoll| pacing.after(poll).as_secs();
    assert_eq!(after(&DevicePoll::Pending), 7);
    assert_eq!(after(&DevicePoll::SlowDown), 12);
    assert_eq!(after(&DevicePoll::SlowDown), 17);
    assert_eq!(after(&DevicePoll::Pending), 17);
    assert_eq!(after(&DevicePoll::Trouble(None)), 34);
    assert_eq!(after(&DevicePoll::Trouble(Some(Duration::from_secs(90)))), 90);
    assert_eq!(after(&DevicePoll::Pending), 60);
}

proptest! {
    #[test]
    fn nothing_makes_a_reader_panic_or_the_pace_faster(body in "\\PC{0,200}", steps in 0u8..20) {
        let _ = read(&body);
        let _ = poll(400, &[], &body);
        let mut pacing = DevicePacing::new(&read(GOOD).unwrap());
        for step in 0..steps {
            let before = pacing.wait();
            let poll = if step % 2 == 0 { DevicePoll::SlowDown } else { DevicePoll::Trouble(None) };
            prop_assert!(pacing.after(&poll) >= before);
        }
    }
}
