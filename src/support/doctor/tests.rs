use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::{host::BoxFuture, host::Connection, test_support::VirtualClock};

const ISSUER: &str = "https://id.example.com";

/// A server that publishes what it is given, by path.
#[derive(Default)]
struct Published {
    pages: BTreeMap<&'static str, Vec<u8>>,
    date: Option<&'static str>,
    asked: Mutex<Vec<String>>,
}

impl Transport for Published {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        let path = outbound.request.uri().path().to_owned();
        let page = self.pages.get(path.as_str()).cloned();
        self.asked.lock().unwrap().push(path);
        let mut response = http::Response::builder().status(if page.is_some() { 200 } else { 404 });
        if let Some(date) = self.date {
            response = response.header("date", date);
        }
        let response = response.body(Bytes::from(page.unwrap_or_default())).unwrap();
        let inbound = Inbound { response, connection: Connection::Unknown, from_cache: false };
        Box::pin(std::future::ready(Ok(inbound)))
    }

    fn can_open_fresh_connections(&self) -> bool {
        false
    }
}

fn server(metadata: &serde_json::Value) -> Published {
    let page = serde_json::to_vec(metadata).unwrap();
    Published { pages: BTreeMap::from([("/.well-known/openid-configuration", page)]), ..Published::default() }
}

async fn diagnosed(published: Published) -> Result<Diagnosis, DoctorError> {
    let transport: Arc<dyn Transport> = Arc::new(published);
    // Sun, 22 Nov 2026 12:00:00 GMT
    let clock = VirtualClock::new(Duration::ZERO, Duration::from_secs(1_795_348_800));
    diagnose(&transport, &clock, ISSUER).await
}

fn bare() -> serde_json::Value {
    json!({ "issuer": ISSUER, "token_endpoint": format!("{ISSUER}/token"), "authorization_endpoint": format!("{ISSUER}/auth") })
}

fn whole() -> serde_json::Value {
    let mut all = bare();
    let at = |path: &str| json!(format!("{ISSUER}{path}"));
    let members = all.as_object_mut().unwrap();
    for (member, path) in [
        ("userinfo_endpoint", "/me"),
        ("revocation_endpoint", "/revoke"),
        ("jwks_uri", "/jwks"),
        ("device_authorization_endpoint", "/device"),
        ("pushed_authorization_request_endpoint", "/par"),
        ("end_session_endpoint", "/end"),
        ("mainstay_enrollment_endpoint", "/enroll"),
        ("mainstay_status_endpoint", "/status"),
    ] {
        members.insert(member.to_owned(), at(path));
    }
    members.insert(
        "grant_types_supported".to_owned(),
        json!(["authorization_code", "refresh_token", DEVICE_CODE, JWT_BEARER]),
    );
    members.insert("code_challenge_methods_supported".to_owned(), json!(["S256"]));
    members.insert("dpop_signing_alg_values_supported".to_owned(), json!(["ES256"]));
    members.insert("authorization_response_iss_parameter_supported".to_owned(), json!(true));
    all
}

fn offered(diagnosis: &Diagnosis, offered: Offered) -> Vec<&'static str> {
    diagnosis.findings.iter().filter(|finding| finding.offered == offered).map(|finding| finding.code).collect()
}

fn recovery(diagnosis: &Diagnosis, code: &str) -> Recovery {
    diagnosis.outlooks.iter().find(|outlook| outlook.code == code).unwrap().recovery
}

#[tokio::test]
async fn a_server_that_offers_everything_needs_nobody_on_a_bad_day() {
    let mut published = server(&whole());
    published.pages.insert("/jwks", br#"{"keys":[{"kty":"EC","kid":"1"}]}"#.to_vec());
    published.pages.insert("/status", br#"{"healthy":true}"#.to_vec());
    let diagnosis = diagnosed(published).await.unwrap();
    assert_eq!(offered(&diagnosis, Offered::No), [""; 0]);
    assert_eq!(offered(&diagnosis, Offered::Broken), [""; 0]);
    assert!(diagnosis.outlooks.iter().all(|outlook| outlook.recovery != Recovery::OneSignIn));
    assert!(diagnosis.profile.contains("enroll_device_key = true"));
}

#[tokio::test]
async fn a_server_that_offers_the_least_costs_a_sign_in_and_the_report_says_why() {
    let diagnosis = diagnosed(server(&bare())).await.unwrap();
    assert_eq!(offered(&diagnosis, Offered::Yes), ["code_with_pkce"]);
    assert_eq!(recovery(&diagnosis, "keys_changed"), Recovery::OneSignIn);
    assert_eq!(recovery(&diagnosis, "store_lost"), Recovery::OneSignIn);
    assert_eq!(recovery(&diagnosis, "outage"), Recovery::Waits);
    assert!(!diagnosis.profile.contains("\nprobe ="));
}

#[tokio::test]
async fn what_is_named_and_does_not_work_is_broken_and_not_absent() {
    let mut metadata = whole();
    metadata["userinfo_endpoint"] = json!("/me");
    let diagnosis = diagnosed(server(&metadata)).await.unwrap();
    // The keys cannot be read, and userinfo has no address.
    assert_eq!(offered(&diagnosis, Offered::Broken), ["userinfo", "signing_keys"]);
    assert!(diagnosis.is_broken());
}

#[tokio::test]
async fn a_server_whose_clock_is_off_is_told_from_one_that_is_right() {
    for (date, agree) in [
        (Some("Sun, 22 Nov 2026 12:00:20 GMT"), true),
        (Some("Sun, 22 Nov 2026 12:10:00 GMT"), false),
        (Some("Sun, 22 Nov 2026 11:50:00 GMT"), false),
        (None, true),
    ] {
        let diagnosis = diagnosed(Published { date, ..server(&bare()) }).await.unwrap();
        assert_eq!(diagnosis.clocks_agree(), agree, "{date:?}: {:?}", diagnosis.clock_ahead_ms);
    }
}

#[tokio::test]
async fn what_is_no_authorization_server_is_an_error_that_says_so() {
    let nothing = diagnosed(Published::default()).await.unwrap_err();
    assert!(matches!(nothing, DoctorError::NoMetadata(MalformedAnswer::Status(404))), "{nothing}");
    let mut other = bare();
    other["issuer"] = json!("https://evil.example");
    let other = diagnosed(server(&other)).await.unwrap_err();
    assert!(matches!(other, DoctorError::NoMetadata(MalformedAnswer::Invalid("issuer"))), "{other}");
    for hostile in [&b""[..], b"<html>", b"{", b"[]", b"\xff\xfe", &[b'['; 100_000]] {
        let pages = BTreeMap::from([("/.well-known/openid-configuration", hostile.to_vec())]);
        let error = diagnosed(Published { pages, ..Published::default() }).await.unwrap_err();
        assert!(matches!(error, DoctorError::NoMetadata(_)), "{error}");
    }
    let transport: Arc<dyn Transport> = Arc::new(Published::default());
    let clock = VirtualClock::new(Duration::ZERO, Duration::ZERO);
    let error = diagnose(&transport, &clock, "not a url").await.unwrap_err();
    assert!(matches!(error, DoctorError::Issuer(_)), "{error}");
}

#[cfg(feature = "toml")]
#[tokio::test]
async fn every_profile_that_is_proposed_can_be_read_with_its_comments_and_without() {
    for metadata in [bare(), whole()] {
        let profile = diagnosed(server(&metadata)).await.unwrap().profile;
        crate::Profile::from_toml(&profile).unwrap();
        let uncommented = profile.replace("# probe", "probe").replace("…", "id.example.com");
        let uncommented = uncommented.replace("# resource", "resource").replace("# protected", "protected");
        crate::Profile::from_toml(uncommented.replace("# identity_echo", "identity_echo")).unwrap();
    }
}
