//! What fuzzers found once is tried for ever, and so are the files that they begin with. `fuzz/` makes new ones.

use std::{fs, path::Path};

use crate::vault::fuzzing::Hostile;

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn every_file_that_a_fuzzer_begins_with_or_found_is_decoded_and_survived() {
    let hostile = Hostile::new().unwrap();
    let mut tried: Vec<_> = hostile.seeds().into_iter().map(|seed| ("of the till".to_owned(), seed)).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    files(&root.join("tests/fixtures/vault"), &mut tried);
    files(&root.join("tests/fixtures/hostile"), &mut tried);
    assert!(tried.len() > 60, "{}", tried.len());
    for (name, file) in tried {
        hostile.decode(&file).unwrap_or_else(|what| panic!("{name}: {what}"));
        hostile.survive_everywhere(&file).unwrap_or_else(|what| panic!("{name}: {what}"));
    }
}
