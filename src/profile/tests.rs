use super::*;

#[test]
fn a_star_stands_for_any_run_of_characters() {
    assert!(matches_glob("/api/me", "/api/me"));
    assert!(matches_glob("/api/*", "/api/sales/7"));
    assert!(matches_glob("/*/me", "/v2/api/me"));
    assert!(!matches_glob("/api/me", "/api/me/2"));
    assert!(!matches_glob("/api/*", "/other"));
    assert!(!matches_glob("", "/api"));
}

#[cfg(feature = "toml")]
mod toml;
