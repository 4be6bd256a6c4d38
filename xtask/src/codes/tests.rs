use super::*;

#[test]
fn a_page_that_differs_from_the_table_is_found_and_writing_it_helps() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("docs")).unwrap();
    let workspace = Workspace { root: folder.path().into(), target: folder.path().into(), packages: Vec::new() };

    assert_eq!(are_current(&workspace).unwrap().len(), PAGES.len(), "missing");
    write(&workspace).unwrap();
    fs::write(folder.path().join(PAGES[1].0), "# Codes\n").unwrap();
    assert_eq!(are_current(&workspace).unwrap().len(), 1, "edited by hand");
    write(&workspace).unwrap();
    assert_eq!(are_current(&workspace).unwrap(), Vec::<String>::new());
}
