//! Text that a server wrote for people.

/// The longest text that is shown, in characters.
const MAX_SHOWN: usize = 200;

/// The longest word that is shown, in characters. A longer one may be a token that the server repeats.
const MAX_WORD: usize = 24;

/// Text from a server that is not trusted, such as an `error_description`.
///
/// It may hold terminal escapes, right-to-left tricks, markup, a page of prose or the very token it complains about.
/// `Debug` shows its length only; [`shown`](Untrusted::shown) is what may be displayed.
#[derive(Clone, PartialEq, Eq)]
pub struct Untrusted(String);

impl Untrusted {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, fit for a screen: printable characters, at most 200 of them, on one line, and `…` for every word so
    /// long that it may be a token. Still not fit for HTML without escaping.
    #[must_use]
    pub fn shown(&self) -> String {
        let readable: String =
            self.0.chars().take(4 * MAX_SHOWN).map(|c| if is_printable(c) { c } else { ' ' }).collect();
        let words = readable.split_whitespace().map(|word| if word.chars().count() > MAX_WORD { "…" } else { word });
        let line = words.collect::<Vec<_>>().join(" ");
        if line.chars().count() <= MAX_SHOWN { line } else { line.chars().take(MAX_SHOWN).chain(['…']).collect() }
    }
}

/// Whether a character prints as itself: no control, no invisible mark, nothing that turns the writing direction.
fn is_printable(c: char) -> bool {
    let invisible = matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}');
    !c.is_control() && !invisible
}

impl std::fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Untrusted({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests;
