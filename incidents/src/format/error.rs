//! What is wrong with a file, for the person who wrote it.

use std::{fmt, ops::Range};

/// A file that is no incident: which file, which line, what is wrong, and what was probably meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// The file as it was named by the caller.
    pub file: String,
    /// The line, counted from 1, where the trouble has a place.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for FormatError {}

/// Something wrong at a place in the text, before it is known which file the text came from.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) span: Option<Range<usize>>,
    pub(super) message: String,
}

impl Mistake {
    pub(super) fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span: Some(span), message: message.into() }
    }

    /// A word that is not one of the known ones.
    pub(super) fn unknown(span: Range<usize>, kind: &str, word: &str, known: &[&str]) -> Self {
        Self::at(span, unknown_word(kind, word, known))
    }

    pub(super) fn in_file(self, file: &str, text: &str) -> FormatError {
        let line = self.span.map(|span| line_at(text, span.start));
        FormatError { file: file.to_owned(), line, message: self.message }
    }
}

impl From<toml::de::Error> for Mistake {
    fn from(error: toml::de::Error) -> Self {
        Self { span: error.span(), message: with_suggestion(error.message()) }
    }
}

/// The line, counted from 1, that holds the byte at `offset`.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn unknown_word(kind: &str, word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("unknown {kind} `{word}`; did you mean `{near}`?"),
        None => format!("unknown {kind} `{word}`; expected one of: {}", known.join(", ")),
    }
}

/// serde says "unknown field `x`, expected one of `a`, `b`": the words between backquotes are all we need.
pub(super) fn with_suggestion(message: &str) -> String {
    let kind = if message.starts_with("unknown field") {
        "key"
    } else if message.starts_with("unknown variant") {
        "word"
    } else {
        return message.to_owned();
    };
    let mut words = message.split('`').skip(1).step_by(2);
    let Some(word) = words.next() else { return message.to_owned() };
    let known: Vec<&str> = words.collect();
    if known.is_empty() {
        format!("unknown {kind} `{word}`; none is expected here")
    } else {
        unknown_word(kind, word, &known)
    }
}

fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let closeness = |candidate: &&str| strsim::damerau_levenshtein(word, candidate);
    let best = known.iter().copied().min_by_key(closeness)?;
    (closeness(&best) <= 1 + word.len() / 4).then_some(best)
}
