use super::*;
use crate::oauth::{Challenges, fixtures::response};

fn claims(json: &str) -> Claims {
    Claims::read(json.as_bytes()).unwrap()
}

fn wanted(acr_values: Option<&str>, max_age: Option<u64>) -> AuthenticationWanted {
    AuthenticationWanted { acr_values: acr_values.map(str::to_owned), max_age }
}

#[test]
fn who_asks_for_nothing_is_content_with_no_id_token() {
    assert_eq!(wanted(None, None).check(None), Ok(()));
    assert!(!wanted(None, None).is_anything());
}

#[test]
fn an_authentication_that_is_older_than_asked_for_is_refused() {
    let of = |auth_time: u64| claims(&format!(r#"{{"iat":10000,"auth_time":{auth_time}}}"#));
    let check = |max_age, auth_time| wanted(None, Some(max_age)).check(Some(&of(auth_time)));
    assert_eq!(check(300, 9700), Ok(()));
    assert_eq!(check(300, 9640), Ok(()), "a node's clock may be a minute off");
    assert_eq!(check(300, 9639), Err(AuthenticationError::TooOld));
    assert_eq!(check(0, 10_030), Ok(()), "issued before it happened: clocks");
    assert_eq!(check(u64::MAX, 0), Ok(()));
    // The negative control: without a wish the same ID token is good.
    assert_eq!(wanted(None, None).check(Some(&of(1))), Ok(()));
}

#[test]
fn an_authentication_of_another_kind_is_refused() {
    let check = |acr: &str| wanted(Some("phr phrh"), None).check(Some(&claims(&format!(r#"{{"acr":{acr}}}"#))));
    assert_eq!((check(r#""phr""#), check(r#""phrh""#)), (Ok(()), Ok(())));
    for other in [r#""pwd""#, r#""PHR""#, r#""phr phrh""#, r#""""#] {
        assert_eq!(check(other), Err(AuthenticationError::AnotherWay), "{other}");
    }
}

#[test]
fn what_the_server_does_not_say_is_not_taken_for_said() {
    let mut not_said = Vec::new();
    for (json, name) in [
        (r#"{"iat":1}"#, "auth_time"),
        (r#"{"iat":1,"auth_time":null}"#, "auth_time"),
        (r#"{"iat":1,"auth_time":-5}"#, "auth_time"),
        (r#"{"iat":1,"auth_time":"soon"}"#, "auth_time"),
        (r#"{"auth_time":1}"#, "iat"),
    ] {
        not_said.push((wanted(None, Some(60)).check(Some(&claims(json))), name));
    }
    not_said.push((wanted(None, Some(60)).check(None), "auth_time"));
    not_said.push((wanted(Some("mfa"), None).check(None), "acr"));
    not_said.push((wanted(Some("mfa"), None).check(Some(&claims(r#"{"acr":["mfa"]}"#))), "acr"));
    for (result, name) in not_said {
        assert_eq!(result, Err(AuthenticationError::NotSaid(name)));
    }
}

#[test]
fn a_challenge_says_what_to_ask_for() {
    let challenge = r#"Bearer error="insufficient_user_authentication", acr_values="phr", max_age="300""#;
    let refused = response(401, &[("www-authenticate", challenge)], "");
    let options = SignInOptions::step_up(&Challenges::read(refused.headers()).bearer_error().unwrap());
    assert_eq!((options.acr_values.as_deref(), options.max_age), (Some("phr"), Some(300)));
    assert_eq!(SignInOptions { acr_values: None, max_age: None, ..options }, SignInOptions::default());
}
