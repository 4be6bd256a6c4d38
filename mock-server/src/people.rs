//! The people of the demo. Any other name signs in as well when a test scripts it.

/// Who stands on the sign-in page, and what they do in the shop.
pub(crate) const PEOPLE: [(&str, &str); 3] = [("ada", "Till 1"), ("grace", "Till 2"), ("linus", "Back office")];

/// The PIN of everybody.
pub(crate) const PIN: &str = "1234";

/// A name as people write it: `ada` is Ada.
pub(crate) fn display_name(person: &str) -> String {
    let mut letters = person.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
