//! `WWW-Authenticate`, [RFC 9110 section 11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1), and what it
//! says about a token, [RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3).
//!
//! Written to read what servers and proxies really send: several challenges in one header or in several, missing commas,
//! unquoted values. What cannot be read ends the reading of that header; what came before it counts.

use http::{HeaderMap, header};

use super::{ErrorCode, ErrorObject, Untrusted};

/// More bytes of `WWW-Authenticate` than this, over all headers, are not read.
const MAX_BYTES: usize = 16 * 1024;

/// More challenges than this are not read.
const MAX_CHALLENGES: usize = 16;

/// More parameters of one challenge than this are dropped.
const MAX_PARAMETERS: usize = 32;

/// One challenge: a scheme with either a single value or parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    /// The scheme as the server spells it. Compare it without regard to case.
    pub scheme: String,
    /// The single value of schemes such as `Negotiate` (`token68`).
    pub token68: Option<String>,
    /// The parameters: names in lower case, values unquoted. The first of two with one name counts.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter, by its name in lower case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it asks for an OAuth access token: `Bearer` (RFC 6750) or `DPoP` (RFC 9449 section 7.1).
    #[must_use]
    pub fn is_oauth(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("bearer") || self.scheme.eq_ignore_ascii_case("dpop")
    }
}

impl std::fmt::Debug for Challenge {
    /// Shows names, not values: servers repeat tokens in them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Challenge").field("scheme", &self.scheme).field("parameters", &names).finish_non_exhaustive()
    }
}

/// Every challenge of an answer, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenges(Vec<Challenge>);

/// Why a resource server refuses a token ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3),
/// [RFC 9470 section 3](https://www.rfc-editor.org/rfc/rfc9470#section-3)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerError {
    /// The error code and the server's words.
    pub error: ErrorObject,
    /// The scopes that are needed, if the server says.
    pub scope: Option<String>,
    /// The authentication context classes that are needed (RFC 9470), if the server says.
    pub acr_values: Option<String>,
    /// How old the sign-in may be, in seconds (RFC 9470), if the server says.
    pub max_age: Option<u64>,
}

impl Challenges {
    /// Reads every `WWW-Authenticate` header. Never fails: what cannot be read is left out.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let mut challenges = Vec::new();
        let mut budget = MAX_BYTES;
        for value in headers.get_all(header::WWW_AUTHENTICATE) {
            let Some(left) = budget.checked_sub(value.len()) else { break };
            budget = left;
            Reader { rest: &String::from_utf8_lossy(value.as_bytes()) }.read_into(&mut challenges);
        }
        Self(challenges)
    }

    /// The challenges.
    #[must_use]
    pub fn as_slice(&self) -> &[Challenge] {
        &self.0
    }

    /// The first error that a `Bearer` or `DPoP` challenge names; `None` if none names one.
    #[must_use]
    pub fn bearer_error(&self) -> Option<BearerError> {
        self.0.iter().filter(|challenge| challenge.is_oauth()).find_map(|challenge| {
            let code = challenge.parameter("error").filter(|code| !code.is_empty())?;
            let owned = |name| challenge.parameter(name).map(str::to_owned);
            Some(BearerError {
                error: ErrorObject {
                    code: ErrorCode::parse(code),
                    description: challenge.parameter("error_description").map(Untrusted::new),
                },
                scope: owned("scope"),
                acr_values: owned("acr_values"),
                max_age: challenge.parameter("max_age").and_then(|seconds| seconds.parse().ok()),
            })
        })
    }
}

/// What is left of one header.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn read_into(mut self, challenges: &mut Vec<Challenge>) {
        let first = challenges.len();
        loop {
            self.skip(|c| is_blank(c) || c == ',');
            let name = self.take(is_token);
            if name.is_empty() {
                return;
            }
            if self.skip_equals() {
                // A parameter: of the challenge before it, in this same header.
                let Some(value) = self.value() else { return };
                if challenges.len() == first {
                    return;
                }
                if let Some(challenge) = challenges.last_mut() {
                    add(challenge, name, value);
                }
            } else if challenges.len() < MAX_CHALLENGES {
                let token68 = self.token68();
                challenges.push(Challenge { scheme: name.to_owned(), token68, parameters: Vec::new() });
            } else {
                return;
            }
        }
    }

    /// `token68`, if that is all there is before the next comma. Otherwise nothing is taken.
    fn token68(&mut self) -> Option<String> {
        let before = self.rest;
        self.skip(is_blank);
        let start = self.rest;
        let body = self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/'));
        let padding = self.take(|c| c == '=');
        self.skip(is_blank);
        let is_all = self.rest.is_empty() || self.rest.starts_with(',');
        if !body.is_empty() && is_all && before.len() != start.len() {
            return Some(format!("{body}{padding}"));
        }
        self.rest = before;
        None
    }

    /// The `=` of a parameter, with the blanks that RFC 9110 section 11.2 tolerates around it.
    fn skip_equals(&mut self) -> bool {
        let before = self.rest;
        self.skip(is_blank);
        if let Some(rest) = self.rest.strip_prefix('=') {
            self.rest = rest;
            self.skip(is_blank);
            return true;
        }
        self.rest = before;
        false
    }

    /// A quoted or bare value; `None` if a quote is never closed.
    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.rest.strip_prefix('"') else {
            return Some(self.take(|c| !is_blank(c) && c != ',').to_owned());
        };
        let (mut value, mut escaped) = (String::new(), false);
        for (at, c) in quoted.char_indices() {
            match c {
                _ if escaped => {
                    value.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    self.rest = quoted.get(at + 1..).unwrap_or_default();
                    return Some(value);
                }
                _ => value.push(c),
            }
        }
        None
    }

    fn skip(&mut self, matches: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(matches);
    }

    fn take(&mut self, matches: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !matches(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

fn add(challenge: &mut Challenge, name: &str, value: String) {
    let name = name.to_ascii_lowercase();
    if challenge.parameters.len() < MAX_PARAMETERS && challenge.parameter(&name).is_none() {
        challenge.parameters.push((name, value));
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// `tchar`, [RFC 9110 section 5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2).
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests;
