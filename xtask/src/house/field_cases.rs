//! The field cases and their tests: `docs/field-cases.md` says which test shows which case, and this check says whether it
//! is so. A test shows a case if its documentation names it.

use std::collections::{BTreeMap, BTreeSet};

use super::Source;

/// Where the cases are listed.
pub(super) const DOCUMENT: &str = "docs/field-cases.md";

/// What the last column says of a case that has no test yet.
const NOT_YET: &str = "not yet a test of that name";

/// The tests that each case's row names.
fn listed(document: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut cases = BTreeMap::new();
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let columns: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        if let [case, .., tests] = columns.as_slice()
            && is_case(case)
        {
            let names = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            cases.insert((*case).to_owned(), names);
        }
    }
    cases
}

fn is_case(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|first| first.is_ascii_uppercase())
        && (2..=3).contains(&word.len())
        && chars.all(|c| c.is_ascii_digit())
}

/// Tests whose documentation names one of the cases: case and name.
fn shown(text: &str, cases: &BTreeMap<String, BTreeSet<String>>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut named = BTreeSet::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim_start) {
        if let Some(words) = line.strip_prefix("///") {
            let words = words.split(|c: char| !c.is_alphanumeric());
            named.extend(words.filter(|word| cases.contains_key(*word)).map(str::to_owned));
        } else if line.starts_with("#[") {
            is_test |= line.contains("test]") || line.contains("test(");
        } else {
            if is_test && let Some(name) = function(line) {
                found.extend(named.iter().map(|case| (case.clone(), name.to_owned())));
            }
            named.clear();
            is_test = false;
        }
    }
    found
}

fn function(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("fn ")?;
    rest.split_once('(').map(|(name, _)| name)
}

/// Where the list and the tests differ.
pub(super) fn violations(document: &str, sources: &[Source]) -> Vec<String> {
    let listed = listed(document);
    let mut shown_by: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for source in sources {
        for (case, test) in shown(&source.text, &listed) {
            shown_by.entry(case).or_default().insert(test);
        }
    }
    let none = BTreeSet::new();
    let differs = |case: &&String| listed.get(*case) != Some(shown_by.get(*case).unwrap_or(&none));
    let told = |case: &String| {
        let tests: Vec<_> = shown_by.get(case).unwrap_or(&none).iter().map(|test| format!("`{test}`")).collect();
        let tests = if tests.is_empty() { NOT_YET.to_owned() } else { tests.join(", ") };
        format!("{DOCUMENT}: the tests that name {case} are: {tests}")
    };
    listed.keys().filter(differs).map(told).collect()
}
