//! What a check found.

use std::fmt;

/// One feature at one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// It works. What was seen, if there is more to say.
    Pass(&'static str),
    /// It does not, and this is what was seen instead.
    Fail(String),
    /// The server's metadata do not offer it.
    NotAdvertised,
    /// The question does not arise here, for this reason.
    Inapplicable(&'static str),
}

impl Cell {
    /// Whether something is wrong.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Fail(_))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass("") => out.write_str("pass"),
            Self::Pass(seen) => write!(out, "pass: {seen}"),
            Self::Fail(seen) => write!(out, "FAIL: {seen}"),
            Self::NotAdvertised => out.write_str("not advertised"),
            Self::Inapplicable(reason) => write!(out, "inapplicable: {reason}"),
        }
    }
}

/// What a check returns: `Err` is what was seen instead of what should have been.
pub type Found = Result<Cell, Wrong>;

/// Something that should not have been.
#[derive(Debug)]
pub struct Wrong(pub String);

impl<E: std::error::Error> From<E> for Wrong {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Ends a check unless `holds`; `seen` says what was seen instead.
///
/// # Errors
/// [`Wrong`] unless `holds`.
pub fn ensure(holds: bool, seen: impl FnOnce() -> String) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong(seen())) }
}
