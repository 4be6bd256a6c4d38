use proptest::prelude::*;

use super::*;

#[test]
fn all_three_formats_are_read() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " Sun, 06 Nov 1994 08:49:37 GMT ",
    ] {
        assert_eq!(parse_http_date(text), Some(784_111_777_000), "{text}");
    }
}

#[test]
fn what_is_no_date_says_nothing() {
    for text in
        ["", "0", "-1", "now", "Sun, 31 Feb 1994 08:49:37 GMT", "Thu, 01 Jan 1969 00:00:00 GMT", "1994-11-06T08:49:37Z"]
    {
        assert_eq!(parse_http_date(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = parse_http_date(&text);
    }
}
