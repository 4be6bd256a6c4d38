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
