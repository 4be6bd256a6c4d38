use super::*;
use crate::test_support::SeededEntropy;

fn pseudonyms(seed: u64) -> Pseudonyms {
    Pseudonyms { names: Fingerprinter::ephemeral(&SeededEntropy::new(seed)), lasting: false }
}

#[test]
fn a_name_has_one_pseudonym_for_each_kind_and_key() {
    let (ours, theirs) = (pseudonyms(1), pseudonyms(2));
    assert_eq!(ours.of("subject", "ada"), ours.of("subject", "ada"));
    let different = [
        ours.of("subject", "ada"),
        ours.of("subject", "grace"),
        ours.of("tenant", "ada"),
        theirs.of("subject", "ada"),
        // What is said of a kind and a name is not said of another split of the same letters.
        ours.of("subject\0a", "da"),
    ];
    let digits: std::collections::BTreeSet<_> = different.iter().map(|it| it.rsplit('-').next()).collect();
    assert_eq!(digits.len(), different.len(), "{different:?}");
    assert!(!ours.of("subject", "ada").contains("ada"));
}
