use super::{BEGIN, END, instructions, replaced};

#[test]
fn only_what_stands_between_the_markers_is_written() {
    let page = format!("# Performance\n\n{BEGIN}old\n{END}\n\nWords.\n");
    let expected = format!("# Performance\n\n{BEGIN}new\n{END}\n\nWords.\n");
    assert_eq!(replaced(&page, "new\n"), Some(expected));
}

#[test]
fn a_page_without_markers_is_left_alone() {
    assert_eq!(replaced("# Performance\n", "new\n"), None);
    assert_eq!(replaced(END, "new\n"), None);
}

#[test]
fn instructions_are_told_by_call_and_only_if_all_were_counted() {
    let counted = |name: &str, count: u64| {
        format!(
            "instructions::instructions::{name} calls:(warm())\n  Instructions:    {count}|N/A   (***)\n  L1 Hits: 7|N/A\n"
        )
    };
    let all = counted("floor", 90_052) + &counted("access_token", 153_056) + &counted("transition", 594_071);
    let table = instructions(&all).unwrap();
    for row in ["compare | 90 |", "warm session | 153 |", "decision core | 594 |"] {
        assert!(table.contains(row), "{table}");
    }
    assert_eq!(instructions(&counted("floor", 90_052)), None);
    assert_eq!(instructions(""), None);
}
