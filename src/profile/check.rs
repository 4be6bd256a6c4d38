//! What a profile may say, whatever it was read from.

use url::Url;

use super::{IdentityEcho, Probe, Profile};
use crate::oauth::Endpoint;

/// The most rules, paths or origins that one profile needs.
const MOST: usize = 128;

/// A profile that cannot be used: which key, on which line of a file, and what is wrong. The caller's next move is to correct
/// the profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileError {
    /// The key, where the trouble is with one.
    pub key: Option<String>,
    /// The line, counted from 1, where the profile was read from text.
    pub line: Option<usize>,
    /// What is wrong, and what was probably meant.
    pub message: String,
}

impl ProfileError {
    pub(super) fn of(key: &str, message: impl Into<String>) -> Self {
        Self { key: Some(key.to_owned()), line: None, message: message.into() }
    }
}

impl std::fmt::Display for ProfileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "`{key}`: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for ProfileError {}

impl Profile {
    /// Whether every value can be used; a client is not built with one that cannot.
    ///
    /// # Errors
    /// [`ProfileError`] names the key.
    pub fn check(&self) -> Result<(), ProfileError> {
        if let Probe::WhoAmI(url) | Probe::Protected(url) = &self.probe {
            Endpoint::parse(url).map_err(|error| ProfileError::of("probe", error.to_string()))?;
        }
        few("protected_paths", self.protected_paths.len())?;
        few("rejection_rules", self.rejection_rules.len())?;
        few("resource_origins", self.resource_origins.len())?;
        few("tenant", self.identity.tenant.len())?;
        if !self.protected_paths.iter().all(|path| path.starts_with('/')) {
            return Err(ProfileError::of("protected_paths", "a path starts with /"));
        }
        if !self.resource_origins.iter().all(|origin| is_origin(origin)) {
            let message = "an origin is https://host or https://host:port, without a path";
            return Err(ProfileError::of("resource_origins", message));
        }
        if self.identity.subject.trim().is_empty() {
            return Err(ProfileError::of("subject", "the place of the subject is empty"));
        }
        match &self.identity_echo {
            Some(IdentityEcho::Header(name)) if http::HeaderName::from_bytes(name.as_bytes()).is_err() => {
                return Err(ProfileError::of("header", "no name of a header"));
            }
            Some(IdentityEcho::JsonPointer(pointer)) if !pointer.starts_with('/') => {
                return Err(ProfileError::of("json_pointer", "a JSON pointer starts with / (RFC 6901)"));
            }
            _ => {}
        }
        if !(1..=300).contains(&self.request_timeout_seconds) {
            return Err(ProfileError::of("request_timeout_seconds", "is between 1 and 300"));
        }
        Ok(())
    }
}

fn few(key: &str, count: usize) -> Result<(), ProfileError> {
    if count > MOST {
        Err(ProfileError::of(key, format!("has {count} entries, and {MOST} are allowed")))
    } else {
        Ok(())
    }
}

fn is_origin(text: &str) -> bool {
    let secure = Endpoint::parse(text).is_ok();
    secure && Url::parse(text).is_ok_and(|url| url.path() == "/" && url.query().is_none())
}
