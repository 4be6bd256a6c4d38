use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn headers(values: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

/// Challenges written short: `scheme(token68) name=value|name=value`.
fn read(values: &[&str]) -> Vec<String> {
    let values: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
    let challenges = Challenges::read(&headers(&values));
    let short = |challenge: &Challenge| {
        let parameters: Vec<_> = challenge.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let token68 = challenge.token68.as_ref().map(|value| format!("({value})")).unwrap_or_default();
        format!("{}{token68} {}", challenge.scheme, parameters.join("|")).trim_end().to_owned()
    };
    challenges.as_slice().iter().map(short).collect()
}

fn error(value: &str) -> Option<BearerError> {
    Challenges::read(&headers(&[value.as_bytes()])).bearer_error()
}

#[test]
fn one_challenge_is_read() {
    assert_eq!(read(&["Bearer"]), ["Bearer"]);
    assert_eq!(read(&[r#"Bearer realm="till", error="invalid_token""#]), ["Bearer realm=till|error=invalid_token"]);
    assert_eq!(read(&["Negotiate YWJj/+=="]), ["Negotiate(YWJj/+==)"]);
    assert_eq!(read(&["Basic realm=till"]), ["Basic realm=till"]);
}

#[test]
fn several_challenges_are_read_from_one_header_or_from_several() {
    let both = ["Newauth realm=apps|type=1|title=Login to \"apps\"", "Basic realm=simple"];
    // The example of RFC 9110 section 11.6.1.
    assert_eq!(read(&[r#"Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple""#]), both);
    assert_eq!(read(&[r#"Newauth realm="apps", type=1, title="Login to \"apps\"""#, r#"Basic realm="simple""#]), both);
    assert_eq!(read(&["Negotiate, Bearer, DPoP algs=\"ES256\""]), ["Negotiate", "Bearer", "DPoP algs=ES256"]);
    assert_eq!(read(&["NTLM TlRM==, Bearer a=b"]), ["NTLM(TlRM==)", "Bearer a=b"]);
}

#[test]
fn what_real_servers_write_is_read() {
    // No comma between parameters, blanks around the sign, single values without quotes, empty list members.
    assert_eq!(
        read(&[r#"Bearer error="invalid_token" error_description="expired""#]),
        ["Bearer error=invalid_token|error_description=expired"]
    );
    assert_eq!(read(&["Bearer error = \"invalid_token\" ,, scope=a"]), ["Bearer error=invalid_token|scope=a"]);
    assert_eq!(read(&["Bearer realm=https://api.example/x"]), ["Bearer realm=https://api.example/x"]);
    assert_eq!(read(&[" , ,Bearer realm=\"\""]), ["Bearer realm="]);
    assert_eq!(read(&[r#"Bearer realm="x" DPoP algs="ES256""#]), ["Bearer realm=x", "DPoP algs=ES256"]);
}

#[test]
fn a_comma_or_a_scheme_inside_quotes_is_text() {
    assert_eq!(read(&[r#"Bearer realm="a, Basic b=\"c\"", error="x""#]), [r#"Bearer realm=a, Basic b="c"|error=x"#]);
}

#[test]
fn of_two_parameters_with_one_name_the_first_counts() {
    assert_eq!(read(&["Bearer error=a, Error=b"]), ["Bearer error=a"]);
}

#[test]
fn what_cannot_be_read_ends_one_header_only() {
    assert_eq!(
        read(&[r#"Bearer realm="x", error="never closed"#, "Basic realm=y"]),
        ["Bearer realm=x", "Basic realm=y"]
    );
    assert_eq!(read(&["error=\"invalid_token\"", "Basic"]), ["Basic"], "a parameter without a challenge");
    assert_eq!(read(&["Bearer realm=x", "error=y"]), ["Bearer realm=x"], "nor one of the header before");
    assert_eq!(read(&["Bearer a=b, {json}", "Basic"]), ["Bearer a=b", "Basic"]);
    assert_eq!(read(&["", "\t", ",,,", "\"\"", "="]), Vec::<String>::new());
}

#[test]
fn bytes_beyond_ascii_do_no_harm() {
    let headers = headers(&[b"Bearer error_description=\"ung\xFCltig\", error=\"invalid_token\""]);
    let error = Challenges::read(&headers).bearer_error().unwrap();
    assert_eq!(error.error.code, ErrorCode::InvalidToken);
}

#[test]
fn hostile_headers_are_read_in_bounds() {
    let many = "Bearer,".repeat(2_000);
    assert_eq!(read(&[&many]).len(), MAX_CHALLENGES);
    let parameters: String = (0..2_000).map(|n| format!("p{n}=v,")).collect();
    let challenges = Challenges::read(&headers(&[format!("Bearer {parameters}").as_bytes()]));
    assert_eq!(challenges.as_slice()[0].parameters.len(), MAX_PARAMETERS);
    let huge = format!("Bearer a=\"{}\"", "\\\"".repeat(MAX_BYTES));
    assert_eq!(read(&["Basic", &huge, "Bearer"]), ["Basic"]);
}

#[test]
fn the_error_of_a_bearer_or_dpop_challenge_is_found() {
    let found = error(
        r#"Basic error="no", bearer realm="till", DPoP error="insufficient_user_authentication", error_description="old", scope="a b", acr_values="mfa", max_age="300""#,
    )
    .unwrap();
    assert_eq!(found.error.code, ErrorCode::InsufficientUserAuthentication);
    assert_eq!(found.error.description.unwrap().shown(), "old");
    assert_eq!(
        (found.scope.as_deref(), found.acr_values.as_deref(), found.max_age),
        (Some("a b"), Some("mfa"), Some(300))
    );
    assert_eq!(error("Bearer realm=x"), None);
    assert_eq!(error("Bearer error=\"\""), None);
    assert_eq!(error("Basic error=invalid_token"), None);
    assert_eq!(error("Bearer error=invalid_token, max_age=-1").unwrap().max_age, None);
}

#[test]
fn debug_shows_names_only() {
    let challenges = Challenges::read(&headers(&[b"Bearer error_description=\"canary\""]));
    assert!(!format!("{challenges:?} {:?}", challenges.bearer_error()).contains("canary"));
}

proptest! {
    #[test]
    fn no_header_makes_it_panic_or_grow(values in prop::collection::vec("[\\t -~\u{a0}-\u{ff}]{0,200}", 0..6)) {
        let values: Vec<_> = values.iter().map(|value| value.as_bytes()).collect();
        let challenges = Challenges::read(&headers(&values));
        prop_assert!(challenges.as_slice().len() <= MAX_CHALLENGES);
    }

    #[test]
    fn near_misses_do_no_harm(value in r#"(Bearer|DPoP|error|scope|[=," \\a]){0,40}"#) {
        let _ = Challenges::read(&headers(&[value.as_bytes()])).bearer_error();
    }

    #[test]
    fn what_is_quoted_is_read_back(text in "[ -~]{0,60}") {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        let challenges = Challenges::read(&headers(&[format!("Bearer a=1, x=\"{quoted}\", z=2").as_bytes()]));
        let challenge = &challenges.as_slice()[0];
        prop_assert_eq!(challenge.parameter("x"), Some(text.as_str()));
        prop_assert_eq!(challenge.parameter("z"), Some("2"));
    }
}
