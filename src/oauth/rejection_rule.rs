//! How a server that follows no standard says no, as a profile describes it.

use serde::{Deserialize, Serialize};

use super::{Answer, REJECTION_BODY};

/// Why a rule cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// The status is no answer that a rule may bind: 2xx and 4xx and 5xx are.
    #[error("`status`: a rule binds a status of 2xx, 4xx or 5xx")]
    Status,
    /// The path does not start with `/`.
    #[error("`path`: a rule's path starts with /")]
    Path,
    /// The text is shorter than four characters, and would match what it should not, or longer than is searched.
    #[error("`body_contains`: a rule needs a text of 4 to 512 bytes to look for")]
    Text,
}

/// What a server means by the words that a rule recognises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleMeaning {
    /// The token is not accepted, for whatever reason.
    #[default]
    TokenRejected,
    /// Somebody ended this very session, and the server says so: no standard has a word for it.
    ///
    /// It is evidence that points to this account and not to the server: the device key and the credential provider are not
    /// used to come back behind that somebody's back, and a person is asked to sign in. What is kept stays kept and is
    /// re-tested with the access token, so a server that takes its word back ends the episode.
    SessionRevoked,
}

/// A rejection in a server's own words, for example a 400 with `{"error":"Token invalid"}` and no `WWW-Authenticate`.
///
/// All of status, path, content type and text must match; a 2xx is a rejection only if a rule names that very status.
/// A rule only ever starts an episode or explains one: it never ends a session and never accuses an identity.
///
/// Rules of [`TokenRejected`](RuleMeaning::TokenRejected) are for resource servers. Those of
/// [`SessionRevoked`](RuleMeaning::SessionRevoked) are for both: there they may add the reason to an `invalid_token` (RFC
/// 6750 section 3.1), and at the token endpoint to a refusal, which is `invalid_grant` (RFC 6749 section 5.2) or has no
/// reason that a standard names. A token endpoint in trouble stays in trouble, whatever its page says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct RejectionRule(Unchecked);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    /// What the rule is called in explanations.
    name: String,
    /// The exact status.
    status: u16,
    /// The path, with `*` for any run of characters.
    path: String,
    /// The media type, without parameters; any if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// A text in the first 4 KiB of the body; ASCII letters match in either case.
    body_contains: String,
    /// What the server means by it.
    #[serde(default, skip_serializing_if = "is_token_rejected")]
    meaning: RuleMeaning,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_token_rejected(meaning: &RuleMeaning) -> bool {
    *meaning == RuleMeaning::TokenRejected
}

impl TryFrom<Unchecked> for RejectionRule {
    type Error = InvalidRule;

    fn try_from(rule: Unchecked) -> Result<Self, InvalidRule> {
        if !matches!(rule.status, 200..=299 | 400..=599) {
            return Err(InvalidRule::Status);
        }
        if !rule.path.starts_with('/') {
            return Err(InvalidRule::Path);
        }
        if !(4..=512).contains(&rule.body_contains.len()) {
            return Err(InvalidRule::Text);
        }
        Ok(Self(rule))
    }
}

impl From<RejectionRule> for Unchecked {
    fn from(rule: RejectionRule) -> Self {
        rule.0
    }
}

impl RejectionRule {
    /// A rule named `name` for answers of `status` on `path` (`*` stands for any run of characters) whose body contains
    /// `body_contains`.
    ///
    /// # Errors
    /// [`InvalidRule`]: the profile is wrong.
    pub fn new(
        name: impl Into<String>,
        status: u16,
        path: impl Into<String>,
        body_contains: impl Into<String>,
    ) -> Result<Self, InvalidRule> {
        let (name, path, body_contains) = (name.into(), path.into(), body_contains.into());
        Unchecked { name, status, path, content_type: None, body_contains, meaning: RuleMeaning::default() }.try_into()
    }

    /// The same rule, for one media type only, such as `application/json`.
    #[must_use]
    pub fn for_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.0.content_type = Some(content_type.into());
        self
    }

    /// The same rule, for words that mean this.
    #[must_use]
    pub fn meaning(mut self, meaning: RuleMeaning) -> Self {
        self.0.meaning = meaning;
        self
    }

    /// Whether the words mean that somebody ended the session.
    #[must_use]
    pub fn is_of_revocation(&self) -> bool {
        self.0.meaning == RuleMeaning::SessionRevoked
    }

    /// What the rule is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether an answer to a request for `path` is this rejection.
    #[must_use]
    pub fn matches(&self, answer: &Answer<'_>, path: &str) -> bool {
        self.0.status == answer.status()
            && glob(self.0.path.as_bytes(), path.as_bytes())
            && self.matches_content_type(answer)
            && contains(answer.body().get(..REJECTION_BODY).unwrap_or(answer.body()), self.0.body_contains.as_bytes())
    }

    fn matches_content_type(&self, answer: &Answer<'_>) -> bool {
        let Some(wanted) = &self.0.content_type else { return true };
        let sent = answer.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = sent.and_then(|sent| sent.split(';').next()).map(str::trim);
        media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(wanted))
    }
}

/// `*` matches any run; everything else matches itself. Remembers one star only, so the time is bounded by the product
/// of the lengths.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if text.get(t) == Some(byte) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    body.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests;
