use proptest::prelude::*;

use super::*;

fn shown(text: &str) -> String {
    Untrusted::new(text).shown()
}

#[test]
fn plain_words_are_shown_as_they_are() {
    assert_eq!(shown("grant request is invalid"), "grant request is invalid");
    assert_eq!(shown("Jeton expiré, señor 密码"), "Jeton expiré, señor 密码");
}

#[test]
fn escapes_lines_and_direction_marks_are_not_shown() {
    assert_eq!(shown("bad\x1b[31m\r\nred\0\x07\u{9b}2J"), "bad [31m red 2J");
    assert_eq!(shown("a\u{202e}b\u{200b}c\u{feff}d\u{2066}e"), "a b c d e");
}

#[test]
fn a_word_that_may_be_a_token_is_not_shown() {
    assert_eq!(shown("token eyJhbGciOiJFUzI1NiJ9.e30.c2ln is bad"), "token … is bad");
}

#[test]
fn a_page_of_prose_is_cut() {
    let line = shown(&"word ".repeat(10_000));
    assert_eq!(line.chars().count(), 201);
    assert!(line.ends_with('…'));
}

#[test]
fn debug_shows_a_length_only() {
    assert_eq!(format!("{:?}", Untrusted::new("canary")), "Untrusted(6 bytes)");
}

proptest! {
    #[test]
    fn what_is_shown_is_short_and_printable(text in any::<String>()) {
        let line = shown(&text);
        prop_assert!(line.chars().count() <= MAX_SHOWN + 1);
        prop_assert!(line.chars().all(is_printable));
    }
}
