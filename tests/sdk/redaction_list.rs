//! No public type that can be printed and holds a secret, itself or in a part, is missing in `redaction.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const REDACTION: &str = include_str!("redaction.rs");

/// What holds a secret by definition. Whatever has one of these in its own definition holds it as well.
const SECRETS: [&str; 3] = ["Secret", "Zeroizing", "Bytes"];

/// Printed there by a value of theirs, or with a reason not to be.
const UNNAMED: [(&str, &str); 7] = [
    ("AccessToken", "`token` of a live session"),
    ("Client", "`till.client`"),
    ("Session", "`session`"),
    ("SecretRequest", "`request` and `probe`"),
    ("TimelineStream", "says its name and nothing else"),
    ("TokenKind", "has kinds of tokens, and none of them"),
    ("Reqwest", "holds connections: what it sends is an `Outbound`"),
];

#[derive(Debug, Default)]
struct Type {
    is_public: bool,
    can_be_printed: bool,
    /// The words of its definition.
    words: BTreeSet<String>,
}

fn words(text: &str) -> BTreeSet<String> {
    let code = text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n");
    let split = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    split.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Every struct and enum at the beginning of a line, and whether something prints it.
fn types(source: &str, found: &mut BTreeMap<String, Type>) {
    let mut derives = false;
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("#[derive(") {
            derives = line.contains("Debug");
        }
        if let Some((_, name)) = line.split_once("Debug for ").filter(|_| line.starts_with("impl")) {
            let name = name.split(['<', ' ']).next().unwrap();
            found.entry(name.to_owned()).or_default().can_be_printed = true;
        }
        let rest = ["pub struct ", "pub enum ", "struct ", "enum ", "pub(super) struct ", "pub(crate) struct "]
            .iter()
            .find_map(|start| line.strip_prefix(start));
        let Some(rest) = rest else { continue };
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
        let mut definition = rest[name.len()..].to_owned();
        if !line.ends_with(';') && !line.ends_with('}') {
            lines
                .by_ref()
                .take_while(|line| !line.starts_with(['}', ')']))
                .for_each(|line| definition += &format!("\n{line}"));
        }
        let known = found.entry(name.to_owned()).or_default();
        known.is_public |= line.starts_with("pub ");
        known.can_be_printed |= std::mem::take(&mut derives);
        known.words.extend(words(&definition));
    }
}

fn below(folder: &Path, found: &mut BTreeMap<String, Type>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let of_tests = path.file_name().is_some_and(|name| name.to_string_lossy().contains("test"));
        if path.is_dir() && !of_tests {
            below(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") && !of_tests {
            types(&fs::read_to_string(&path).unwrap(), found);
        }
    }
}

/// The public types that hold a secret, can be printed, and are not in `list`.
fn missing(types: &BTreeMap<String, Type>, list: &str) -> Vec<String> {
    let mut holders: BTreeSet<String> = SECRETS.map(str::to_owned).into();
    loop {
        let more = types.iter().filter(|(name, it)| !holders.contains(*name) && !it.words.is_disjoint(&holders));
        let more: Vec<_> = more.map(|(name, _)| name.clone()).collect();
        if more.is_empty() {
            break;
        }
        holders.extend(more);
    }
    let listed = words(list);
    let is_listed = |name: &str| listed.contains(name) || UNNAMED.iter().any(|(unnamed, _)| *unnamed == name);
    let open = types.iter().filter(|(name, it)| it.is_public && it.can_be_printed && holders.contains(*name));
    open.map(|(name, _)| name.clone()).filter(|name| !is_listed(name)).collect()
}

fn of_the_sdk() -> BTreeMap<String, Type> {
    let mut found = BTreeMap::new();
    below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found
}

#[test]
fn every_public_type_that_holds_a_secret_and_can_be_printed_is_printed_by_a_test() {
    let types = of_the_sdk();
    assert!(types.len() > 100, "{}", types.len());
    assert_eq!(missing(&types, REDACTION), [""; 0]);
}

/// The negative control: a type that nobody thought of, and one that a list has lost.
#[test]
fn a_type_that_is_not_in_the_list_is_found() {
    let mut planted = of_the_sdk();
    types(
        "#[derive(Clone, Debug)]\npub struct Forgotten {\n    inner: Wrapped,\n}\nstruct Wrapped(Secret);\n",
        &mut planted,
    );
    assert_eq!(missing(&planted, REDACTION), ["Forgotten"]);
    assert!(missing(&of_the_sdk(), &REDACTION.replace("Stored", "Lost")).contains(&"Stored".to_owned()));
}
