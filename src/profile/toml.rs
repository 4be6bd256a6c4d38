//! A profile out of TOML, with the place of every mistake. `docs/profile.md` describes every key.

use super::{Profile, ProfileError};

/// The largest text, in bytes.
const LARGEST: usize = 64 * 1024;
/// The longest word that is repeated in an error.
const LONGEST_WORD: usize = 64;

impl Profile {
    /// Reads a profile from TOML, text or bytes of at most 64 KiB. Keys that are not given keep their default.
    ///
    /// # Errors
    /// [`ProfileError`] names the key, the line, and for an unknown key the one that was probably meant.
    pub fn from_toml(text: impl AsRef<[u8]>) -> Result<Self, ProfileError> {
        let bytes = text.as_ref();
        if bytes.len() > LARGEST {
            return Err(whole(format!("a profile has at most {LARGEST} bytes")));
        }
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            ProfileError { line: Some(line_of(before)), ..whole("is not UTF-8".to_owned()) }
        })?;
        let profile: Self = ::toml::from_str(text).map_err(|error| located(text, &error))?;
        profile.check().map_err(|error| {
            let line = error.key.as_deref().and_then(|key| line_with(text, key));
            ProfileError { line, ..error }
        })?;
        Ok(profile)
    }
}

const fn whole(message: String) -> ProfileError {
    ProfileError { key: None, line: None, message }
}

/// The line, counted from 1, that follows on `before`.
fn line_of(before: &[u8]) -> usize {
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

fn line_with(text: &str, key: &str) -> Option<usize> {
    let at = text.lines().position(|line| key_on(line).is_some_and(|found| found == key) || line.contains(key));
    at.map(|at| at + 1)
}

/// The key that a line gives a value to, or whose table it opens.
fn key_on(line: &str) -> Option<String> {
    let line = line.trim_start().trim_start_matches('[');
    let end = line.find(['=', ']', '#'])?;
    let key = line.get(..end)?.trim().trim_matches(['"', '\'']);
    (!key.is_empty() && key.len() <= LONGEST_WORD).then(|| key.to_owned())
}

fn located(text: &str, error: &::toml::de::Error) -> ProfileError {
    let start = error.span().map(|span| span.start);
    let line = start.map(|start| line_of(text.as_bytes().get(..start).unwrap_or_default()));
    let on_line = line.and_then(|line| text.lines().nth(line - 1)).and_then(key_on);
    let message = error.message();
    let mut quoted = message.split('`').skip(1).step_by(2);
    match (message.split_whitespace().next(), quoted.next()) {
        (Some("unknown"), Some(word)) => {
            let known: Vec<&str> = quoted.collect();
            let is_key = message.starts_with("unknown field");
            let key = if is_key { Some(shortened(word)) } else { on_line };
            ProfileError { key, line, message: unknown(if is_key { "key" } else { "word" }, word, &known) }
        }
        // A rule that does not hold together names its own key.
        (_, Some(word)) if message.starts_with('`') || message.starts_with("missing field") => {
            let rest = message.trim_start_matches('`').trim_start_matches(word).trim_start_matches("`: ");
            ProfileError { key: Some(shortened(word)), line, message: rest.to_owned() }
        }
        _ => ProfileError { key: on_line, line, message: shortened_text(message) },
    }
}

fn unknown(kind: &str, word: &str, known: &[&str]) -> String {
    let distance = |known: &&&str| strsim::damerau_levenshtein(&shortened(word), known);
    let nearest = known.iter().min_by_key(distance).filter(|known| distance(known) <= 1 + word.len() / 3);
    match nearest {
        Some(nearest) => format!("unknown {kind}; did you mean `{nearest}`?"),
        None => format!("unknown {kind}; expected one of: {}", known.join(", ")),
    }
}

fn shortened(word: &str) -> String {
    word.chars().take(LONGEST_WORD).collect()
}

fn shortened_text(message: &str) -> String {
    message.chars().take(4 * LONGEST_WORD).collect()
}
