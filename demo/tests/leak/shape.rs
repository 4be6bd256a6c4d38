//! Secrets that nobody told the test of: recognised by how random text looks.

/// The shortest random text that any part of this system makes: 16 bytes as base64url. Every secret is at least as long.
const SHORTEST: usize = 22;

fn is_part_of_a_secret(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '+')
}

/// Runs of characters that could be a random text. Percent and JSON escapes leave such runs as they are, and base64 of a
/// secret is another one.
fn suspects(text: &str) -> Vec<&str> {
    let words = text.split(|character| !is_part_of_a_secret(character));
    words.filter(|word| word.len() >= SHORTEST && looks_random(word)).collect()
}

/// A key in hexadecimal is longer than the 32 digits of an account's name; one printed as bytes is a row of small numbers.
fn suspect_keys(text: &str) -> Vec<&str> {
    let hexadecimal = text.split(|character: char| !character.is_ascii_hexdigit()).filter(|word| word.len() >= 48);
    let is_of_bytes = |character: char| character.is_ascii_digit() || matches!(character, ',' | ' ');
    let bytes = text.split(move |character| !is_of_bytes(character));
    hexadecimal.chain(bytes.filter(|word| word.matches(", ").count() >= 15)).collect()
}

/// Random base64 has capitals, small letters and digits in no order: the kind changes every other character. Words,
/// numbers, hexadecimal ids and module paths do not.
fn looks_random(word: &str) -> bool {
    let kind = |character: char| match character {
        'A'..='Z' => 0,
        'a'..='z' => 1,
        '0'..='9' => 2,
        _ => 3,
    };
    let kinds: Vec<u8> = word.chars().map(kind).collect();
    let changes = kinds.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let all_three = (0..3).all(|kind| kinds.contains(&kind));
    all_three && changes * 4 >= word.len()
}

/// The first words, and rows of numbers, that look like a secret.
pub fn suspicious(text: &str) -> Vec<&str> {
    let is_suspect = |line: &&str| !suspects(line).is_empty() || !suspect_keys(line).is_empty();
    text.lines().filter(is_suspect).take(5).collect()
}

#[test]
fn a_planted_leak_is_found_however_it_is_written() {
    let secret = "pWb3kq9TzXv7LmYc2RfJh8sD4aGnE6uQ1oV5iBt0KxZ";
    let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEiLCJleHAiOjE3Mzk3ODY0MDB9.c2lnbmF0dXJlLXdpdGgtMzItYnl0ZXM";
    let base64 = "cFdiM2txOVR6WHY3TG1ZYzJSZkpoOHNENGFHbkU2dVExb1Y1aUJ0MEt4Wg";
    for planted in [
        secret.to_owned(),
        format!("{{\"refresh_token\":\"{secret}\"}}"),
        format!("{{\\\"refresh_token\\\":\\\"{secret}\\\"}}"),
        format!("grant_type=refresh_token&refresh_token={secret}%2F&client_id=till"),
        format!("Authorization: Bearer {jwt}"),
        format!("body={base64}"),
    ] {
        assert!(!suspects(&planted).is_empty(), "{planted}");
    }
    let key = [0x5a_u8; 32];
    assert!(!suspect_keys(&format!("key={key:?}")).is_empty());
    assert!(!suspect_keys(&format!("key={}", "5a".repeat(32))).is_empty());
}

#[test]
fn ordinary_lines_are_not_suspected() {
    for line in [
        "2026-11-22T18:06:23.000000Z TRACE hyper_util::client::legacy::connect::http: connecting to 127.0.0.1:36093",
        "DEBUG mainstay: session.note account=5f2c9a1be07d44c8b1f0aa3d9e66c702 code=\"evidence.legacy_rejection\"",
        "{\"incident\":\"mews-secret-changed-all-tokens\",\"seconds_not_selling\":11}",
        "ThreadId(01) mainstay_mock_server::faults::layer: mock.request endpoint=\"jwt_bearer\"",
    ] {
        assert_eq!(suspects(line), Vec::<&str>::new(), "{line}");
    }
}
