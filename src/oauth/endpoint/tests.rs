use proptest::prelude::*;

use super::*;

fn urls(issuer: &str) -> Vec<String> {
    Issuer::parse(issuer).unwrap().discovery_urls().iter().map(|endpoint| endpoint.url().to_string()).collect()
}

#[test]
fn credentials_go_to_https_or_to_this_device() {
    for good in [
        "https://id.example/token",
        "https://id.example:8443/token?tenant=7",
        "http://localhost:8080/token",
        "http://id.localhost/token",
        "http://127.0.0.1/token",
        "http://127.1.2.3/token",
        "http://[::1]:80/token",
    ] {
        assert!(Endpoint::parse(good).is_ok(), "{good}");
    }
    for (bad, error) in [
        ("http://id.example/token", EndpointError::NotSecure),
        ("http://localhost.example/token", EndpointError::NotSecure),
        ("http://128.0.0.1/token", EndpointError::NotSecure),
        ("http://[::2]/token", EndpointError::NotSecure),
        ("ftp://id.example/token", EndpointError::NotAUrl),
        ("javascript:alert(1)", EndpointError::NotAUrl),
        ("/token", EndpointError::NotAUrl),
        ("", EndpointError::NotAUrl),
        ("https://", EndpointError::NotAUrl),
        ("https://ada@id.example/", EndpointError::HasCredentials),
        ("https://ada:1234@id.example/", EndpointError::HasCredentials),
        ("https://id.example/#top", EndpointError::HasExtraPart),
    ] {
        assert_eq!(Endpoint::parse(bad).unwrap_err(), error, "{bad}");
    }
}

#[test]
fn an_issuer_is_never_normalised() {
    assert_eq!(Issuer::parse("https://ID.example").unwrap().as_str(), "https://ID.example");
    assert_ne!(Issuer::parse("https://id.example").unwrap(), Issuer::parse("https://id.example/").unwrap());
    assert_eq!(Issuer::parse("https://id.example?x=1"), Err(EndpointError::HasExtraPart));
}

#[test]
fn discovery_is_looked_for_in_every_place_that_a_standard_names() {
    let at_the_root = [
        "https://id.example/.well-known/openid-configuration",
        "https://id.example/.well-known/oauth-authorization-server",
    ];
    assert_eq!(urls("https://id.example"), at_the_root);
    assert_eq!(urls("https://id.example/"), at_the_root);
    let below_a_path = [
        "https://id.example/tenants/7/.well-known/openid-configuration",
        "https://id.example/.well-known/oauth-authorization-server/tenants/7",
        "https://id.example/.well-known/openid-configuration/tenants/7",
    ];
    assert_eq!(urls("https://id.example/tenants/7"), below_a_path);
    assert_eq!(urls("https://id.example/tenants/7/"), below_a_path);
}

#[test]
fn the_status_document_has_a_well_known_place() {
    let at = |issuer| Issuer::parse(issuer).unwrap().status_url().unwrap().url().to_string();
    assert_eq!(at("https://id.example"), "https://id.example/.well-known/mainstay-status");
    assert_eq!(at("https://id.example/t/7"), "https://id.example/.well-known/mainstay-status/t/7");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(https?://)?[ -~]{0,60}|\\PC{0,40}") {
        if let Ok(issuer) = Issuer::parse(&text) {
            let _ = issuer.discovery_urls();
        }
    }
}
