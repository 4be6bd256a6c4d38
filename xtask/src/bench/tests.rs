use super::{BEGIN, END, replaced};

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
