use super::*;

#[test]
fn an_ordinary_file_breaks_no_rule() {
    assert_eq!(broken_rules("//! Fine.\n#[test]\nfn works() {}\n"), Vec::<String>::new());
}

#[test]
fn an_ignored_test_is_found_in_code_and_in_documentation() {
    let ignored = format!("#[test]\n#[{}]\nfn later() {{}}\n", "ignore");
    assert_eq!(broken_rules(&ignored).len(), 1);
    let ignored = format!("/// ```{}\n/// nothing\n/// ```\n", "ignore");
    assert_eq!(broken_rules(&ignored).len(), 1);
}

#[test]
fn a_file_that_grew_too_long_is_found() {
    assert_eq!(broken_rules(&"\n".repeat(MOST_LINES)), Vec::<String>::new());
    assert_eq!(broken_rules(&"\n".repeat(MOST_LINES + 1)).len(), 1);
}

#[test]
fn a_manifest_without_the_workspaces_lints_is_found() {
    assert!(inherits_lints("[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"));
    assert!(!inherits_lints("[package]\nname = \"a\"\n"));
    assert!(!inherits_lints("[lints.rust]\nworkspace = true\n"));
}

#[test]
fn sources_are_found_below_a_folder_but_not_in_build_output() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a/tests/one.rs", "b.rs", "target/c.rs", "d.txt"] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let found = rust_sources(folder.path()).unwrap();
    let names: Vec<_> = found.iter().map(|source| source.path.strip_prefix(folder.path()).unwrap()).collect();
    assert_eq!(names, [Path::new("a/tests/one.rs"), Path::new("b.rs")]);
    assert!(found.iter().map(Source::is_test).eq([true, false]));
}

const CASES: &str =
    "| id | case | tests |\n|---|---|---|\n| B1 | once | `one`, `two` |\n| H1 | next | not yet a test of that name |\n";

fn field_cases(document: &str, text: &str) -> Vec<String> {
    field_cases::violations(document, &[Source { path: "tests/a.rs".into(), text: text.to_owned() }])
}

#[test]
fn a_list_of_field_cases_that_says_what_the_tests_say_is_in_order() {
    let text = "/// B1: at once.\n#[test]\nfn one() {}\n\n/// B1\n#[tokio::test(flavor = \"x\")]\nasync fn two() {}\n/// H1\nfn helper() {}\n";
    assert_eq!(field_cases(CASES, text), Vec::<String>::new());
}

#[test]
fn a_field_case_whose_test_is_gone_renamed_or_not_listed_is_found() {
    let gone = "/// B1\n#[test]\nfn one() {}\n";
    assert_eq!(field_cases(CASES, gone).len(), 1);
    let renamed = "/// B1\n#[test]\nfn one() {}\n/// B1\n#[test]\nfn too() {}\n";
    assert_eq!(field_cases(CASES, renamed).len(), 1);
    let not_listed = "/// B1\n#[test]\nfn one() {}\n/// B1, H1\n#[test]\nfn two() {}\n";
    assert_eq!(field_cases(CASES, not_listed).len(), 1, "H1 is a test now");
}
