//! What a server says about a person: the claims of an ID token, a userinfo answer, a *who am I* answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{MAX_BODY, MalformedAnswer, json};
use crate::Identity;

/// The longest subject or tenant, in bytes. OpenID Connect Core 1.0 section 2 allows 255 for a subject.
const MAX_NAME: usize = 512;

/// Claims of one person. `Debug` shows their names only.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims(Map<String, Value>);

/// Where a server's claims name the person. Part of a profile.
///
/// A place is a JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) if it starts with `/`, otherwise the
/// name of a claim at the top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentitySource {
    /// Where the subject is; `sub` by default.
    pub subject: String,
    /// Where the tenant is, place by place; nowhere by default.
    pub tenant: Vec<String>,
}

impl Default for IdentitySource {
    fn default() -> Self {
        Self { subject: "sub".to_owned(), tenant: Vec::new() }
    }
}

/// Why claims name nobody. Absent never equals absent, so nobody is nobody's identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// There is no subject, or an empty one, or one that is no name.
    #[error("the answer names no subject")]
    NoSubject,
    /// A configured tenant claim is not there, or is no name.
    #[error("the answer lacks the tenant claim {0}")]
    NoTenant(String),
}

impl Claims {
    /// Reads claims out of a JSON object.
    ///
    /// # Errors
    /// [`MalformedAnswer`].
    pub fn read(bytes: &[u8]) -> Result<Self, MalformedAnswer> {
        json::object(bytes, MAX_BODY).map(Self)
    }

    /// Who they name: a subject, and every configured tenant claim in order of its name. An issuer signs or serves the
    /// claims, so it is given, not read.
    ///
    /// # Errors
    /// [`IdentityError`] if anything that is asked for is not there.
    pub fn identity(&self, issuer: &str, source: &IdentitySource) -> Result<Identity, IdentityError> {
        let subject = self.name_at(&source.subject).ok_or(IdentityError::NoSubject)?;
        let tenant = source.tenant.iter().map(|place| {
            let value = self.name_at(place).ok_or_else(|| IdentityError::NoTenant(place.clone()))?;
            Ok((place.clone(), value))
        });
        let mut tenant: Vec<_> = tenant.collect::<Result<_, _>>()?;
        tenant.sort();
        Ok(Identity { issuer: issuer.to_owned(), subject: Some(subject), tenant })
    }

    /// A text or whole number at a place, as text; `None` if there is none, or it is empty, too long or unprintable.
    #[must_use]
    pub fn name_at(&self, place: &str) -> Option<String> {
        text_of_name(self.at(place)?)
    }

    /// The value at a place.
    pub(crate) fn at(&self, place: &str) -> Option<&Value> {
        let Some(pointer) = place.strip_prefix('/') else { return self.0.get(place) };
        let mut steps = pointer.splitn(2, '/');
        let first = steps.next()?.replace("~1", "/").replace("~0", "~");
        let value = self.0.get(&first)?;
        match steps.next() {
            Some(rest) => value.pointer(&format!("/{rest}")),
            None => Some(value),
        }
    }
}

/// A text or whole number as text; `None` if it is neither, or empty, too long or unprintable.
pub(crate) fn text_of_name(value: &Value) -> Option<String> {
    let name = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        _ => return None,
    };
    let usable = !name.trim().is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control);
    usable.then_some(name)
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests;
