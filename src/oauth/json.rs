//! JSON from servers that are not trusted, [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259).
//!
//! Size, encoding and depth are checked before anything is parsed. A byte order mark is skipped, as section 8.1 allows:
//! some servers write one. Every answer of OAuth is an object, so nothing else passes.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use crate::Secret;

/// How deep objects and arrays may nest. Metadata and claims need five.
pub const MAX_DEPTH: usize = 32;

/// Why an answer could not be used. Never repeats a byte of it. The caller's next move is to treat the server as
/// troubled and try later: a malformed answer says nothing about a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedAnswer {
    /// No body, or only white space.
    #[error("the answer is empty")]
    Empty,
    /// More bytes than allowed.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body is not UTF-8.
    #[error("the answer is not UTF-8")]
    NotUtf8,
    /// The body is a web page: a captive portal, a proxy's error page, a sign-in form.
    #[error("the answer is a web page")]
    Html,
    /// The body ends in the middle.
    #[error("the answer is cut off")]
    Truncated,
    /// The body is not JSON.
    #[error("the answer is not JSON")]
    NotJson,
    /// Objects and arrays nest deeper than [`MAX_DEPTH`].
    #[error("the answer nests deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The body is JSON, but no object.
    #[error("the answer is not an object")]
    NotAnObject,
    /// A member stands twice, or has a type that cannot be read.
    #[error("the answer has a member twice, or one of the wrong type")]
    WrongShape,
    /// A member that must be there is not.
    #[error("the answer lacks {0}")]
    Missing(&'static str),
    /// A member is there and cannot be right.
    #[error("the answer's {0} cannot be used")]
    Invalid(&'static str),
    /// The answer came out of a cache (RFC 9111): it was meant for another request.
    #[error("the answer came out of a cache")]
    Cached,
    /// The status is not one that carries this answer.
    #[error("the answer has status {0}")]
    Status(u16),
}

/// Reads an object of at most `limit` bytes.
pub(crate) fn object<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, MalformedAnswer> {
    let text = object_text(bytes, limit)?;
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => MalformedAnswer::Truncated,
        serde_json::error::Category::Data => MalformedAnswer::WrongShape,
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => MalformedAnswer::NotJson,
    })
}

/// The text of what may be an object, with every bound checked.
fn object_text(bytes: &[u8], limit: usize) -> Result<&str, MalformedAnswer> {
    if bytes.len() > limit {
        return Err(MalformedAnswer::TooLarge { limit });
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| MalformedAnswer::NotUtf8)?.trim();
    match text.as_bytes().first() {
        None => Err(MalformedAnswer::Empty),
        Some(b'<') => Err(MalformedAnswer::Html),
        Some(_) if is_deeper_than(text, MAX_DEPTH) => Err(MalformedAnswer::TooDeep),
        Some(b'{') => Ok(text),
        Some(_) if serde_json::from_str::<IgnoredAny>(text).is_ok() => Err(MalformedAnswer::NotAnObject),
        Some(_) => Err(MalformedAnswer::NotJson),
    }
}

/// Counts brackets outside strings; one pass, no stack, so that a hostile body costs no more than its length.
fn is_deeper_than(text: &str, limit: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}

/// A whole number out of a number or a numeric text: fractions are cut off, and what no `i64` holds becomes its limit.
/// Servers write times in all of these ways.
pub(crate) fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number
            .as_i64()
            .or_else(|| number.as_u64().map(|_| i64::MAX))
            .or_else(|| number.as_f64().and_then(whole_part)),
        Value::String(text) if text.len() <= 32 => {
            let text = text.trim();
            text.parse().ok().or_else(|| text.parse().ok().and_then(whole_part))
        }
        _ => None,
    }
}

fn whole_part(number: f64) -> Option<i64> {
    const BEYOND: f64 = 9e18;
    match number {
        n if n.is_nan() => None,
        n if n >= BEYOND => Some(i64::MAX),
        n if n <= -BEYOND => Some(i64::MIN),
        n => format!("{:.0}", n.trunc()).parse().ok(),
    }
}

/// A member that should be a text and must not spoil the rest of the answer if it is not: anything else is `None`.
///
/// A refresh answer that is thrown away costs the session its refresh token, so what is not needed is not insisted on.
#[derive(Debug)]
pub(crate) struct Lenient<T>(pub(crate) Option<T>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// What a lenient member is made from.
pub(crate) trait FromText {
    fn from_text(text: &str) -> Self;
}

impl FromText for String {
    fn from_text(text: &str) -> Self {
        text.to_owned()
    }
}

impl FromText for Secret {
    fn from_text(text: &str) -> Self {
        Self::from_text(text)
    }
}

impl<'de, T: FromText> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor(std::marker::PhantomData))
    }
}

struct LenientVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: FromText> Visitor<'de> for LenientVisitor<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Lenient(Some(T::from_text(text))))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Lenient(None))
    }
}

#[cfg(test)]
mod tests;
