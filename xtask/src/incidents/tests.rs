use super::*;

const FILE: &str = r#"
title = "Something breaks"
year = 2025
source = "Somebody | a report"
link = "https://example.com/report"
story = "A story."
suffered = "Everybody was signed out."
founding = true
[given]
lasts = "1h"
[[expect]]
at = "5m"
prompts = 7
[[expect]]
state = "signed_in"
never = ["signed_out", "holding"]
prompts = { max = 1 }
seconds_not_selling = { min = 60, max = 7200 }
requests.jwt_bearer = 2
"#;

fn workspace(file: &str) -> (tempfile::TempDir, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    for sub in ["docs", CATALOGUE] {
        fs::create_dir_all(folder.path().join(sub)).unwrap();
    }
    fs::write(folder.path().join(CATALOGUE).join("it-breaks.toml"), file).unwrap();
    let workspace = Workspace { root: folder.path().into(), target: folder.path().into(), packages: Vec::new() };
    (folder, workspace)
}

#[test]
fn a_page_that_differs_from_the_files_is_found_and_writing_it_helps() {
    let (folder, workspace) = workspace(FILE);
    assert_eq!(are_current(&workspace).unwrap().len(), 1, "missing");
    write(&workspace).unwrap();
    assert_eq!(are_current(&workspace).unwrap(), Vec::<String>::new());
    fs::write(folder.path().join(CATALOGUE).join("it-breaks.toml"), FILE.replace("2025", "2024")).unwrap();
    assert_eq!(are_current(&workspace).unwrap().len(), 1, "stale");
}

#[test]
fn a_row_says_what_is_expected_in_the_end() {
    let (folder, workspace) = workspace(FILE);
    write(&workspace).unwrap();
    let page = fs::read_to_string(folder.path().join(PAGE)).unwrap();
    let row = "| [it-breaks](#it-breaks) | 2025 | [Somebody \\| a report](https://example.com/report) | \
               Everybody was signed out. | at most 1 | 60 s to 2 h 0 min |";
    assert!(page.contains(row), "{page}");
    assert!(page.contains("signed in; never signed out, holding; requests to jwt bearer: 2"), "{page}");
}

#[test]
fn a_file_without_a_source_to_read_is_an_error_that_names_it() {
    let (_folder, workspace) = workspace(&FILE.replace("link", "lnk"));
    let error = are_current(&workspace).unwrap_err().to_string();
    assert!(error.contains("it-breaks.toml") && error.contains("link"), "{error}");
}
