//! Answers on their way to HTTP, and what each of them says to whoever reads it without the SDK.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Response, StatusCode};

use crate::{
    ears::SECRET,
    evidence::Row,
    history::{Access, Body, Date, Head, IdToken, Name, Refresh, Shape, Tokens},
};

pub const ISSUER: &str = "https://as.example";
pub const API: &str = "https://api.example";
pub const CLIENT: &str = "till";
/// Somebody who is nobody on this device.
pub const STRANGER: &str = "eve";
/// The header in which the resource server repeats whom it answers for.
pub const ECHO: &str = "x-subject";
/// Tells the app that a cache inside the transport gave an answer.
pub const CACHED: &str = "x-from-cache";

/// Whom an answer names, as anybody can read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// This subject, of this issuer and for this client.
    Subject(String),
    /// Another issuer's subject, or another client's.
    Elsewhere,
    /// Something stands where the subject should, and it is no name.
    Unusable,
    /// Nobody, or nobody in particular.
    Nobody,
}

/// What is written on an answer besides its headers.
#[derive(Debug)]
pub struct Written {
    pub status: u16,
    pub challenge: Option<&'static str>,
    pub body: Vec<u8>,
    /// The row of the evidence table, if it is in there.
    pub row: Option<Row>,
    pub naming: Naming,
    /// The access token in it, if somebody could use it.
    pub access: Option<String>,
    pub refresh: Option<String>,
}

impl Written {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            challenge: None,
            body: body.into(),
            row: None,
            naming: Naming::Nobody,
            access: None,
            refresh: None,
        }
    }

    pub fn row(mut self, row: Row) -> Self {
        self.row = Some(row);
        self
    }

    /// With its headers. `echo` is whom the resource server says that it answers for.
    pub fn with(&self, head: &Head, echo: Option<&str>, now_seconds: u64) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.body.clone()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap();
        let date = match head.date {
            Date::Absent => None,
            Date::Right => Some(http_date(now_seconds)),
            Date::Off(by) => Some(http_date(now_seconds.saturating_add_signed(by))),
            Date::Garbage => Some("yesterday".to_owned()),
        };
        let headers = [
            ("date", date.as_deref()),
            ("retry-after", head.retry_after),
            ("age", head.age),
            ("content-type", head.content_type),
            ("mainstay-spread-seconds", head.spread),
            ("www-authenticate", self.challenge.filter(|challenge| !challenge.is_empty())),
            (ECHO, echo),
            (CACHED, head.from_cache.then_some("1")),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
        }
        response
    }
}

/// Whether a reader can see that a cache gave the answer.
pub fn is_cached(head: &Head) -> bool {
    head.from_cache || head.age.is_some_and(|age| age != "0")
}

/// How long an answer asks to wait, in seconds, if a reader can tell.
pub fn retry_after(head: &Head) -> Option<u64> {
    let text = head.retry_after?;
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX).min(3600))
}

fn http_date(seconds: u64) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
}

pub fn body(body: Body) -> Vec<u8> {
    match body {
        Body::Empty => Vec::new(),
        Body::Object => b"{}".to_vec(),
        Body::Html => b"<!DOCTYPE html><title>Sign in to the hotel's network</title>".to_vec(),
        Body::TokenInvalid => b"{\"message\":\"Token invalid\"}".to_vec(),
        Body::SessionRevoked => b"{\"error\":\"invalid_grant\",\"message\":\"session revoked\"}".to_vec(),
        Body::CutOff => b"{\"access_token\":\"at".to_vec(),
        Body::Huge => vec![b' '; 300 * 1024],
        Body::Deep => [vec![b'['; 5000], vec![b']'; 5000]].concat(),
        Body::NotUtf8 => b"{\"sub\":\"\xff\xfe\"}".to_vec(),
        Body::ControlCharacters => b"{\"sub\":\"a\x00\x1b[2Jda\"}".to_vec(),
        Body::Doubled => b"{\"error\":\"invalid_grant\",\"error\":\"server_error\"}".to_vec(),
        Body::List => b"[1,2,3]".to_vec(),
        Body::Null => b"null".to_vec(),
        Body::Number => b"42".to_vec(),
    }
}

/// What any status with any body is, where a refresh token was presented.
pub fn row_at_token_endpoint(status: u16, of: Body) -> Option<Row> {
    Some(match (status, of) {
        (408 | 425, _) => Row::TryAgain,
        (429, _) => Row::TooMany,
        (300..=399, _) => Row::Redirect,
        (500..=599, _) => Row::Broken,
        (400 | 401 | 403, Body::SessionRevoked) => Row::InvalidGrant,
        (400 | 401 | 403, Body::Empty | Body::Object | Body::TokenInvalid) => Row::Unreasoned,
        (404, Body::Empty | Body::Object | Body::TokenInvalid | Body::SessionRevoked) => Row::Unreasoned,
        (200..=299, Body::Object | Body::TokenInvalid) => Row::NoAccessToken,
        (200..=299, Body::SessionRevoked) => Row::Unreasoned,
        (200..=299 | 400 | 401 | 403 | 404, _) => Row::NotJson,
        _ => return None,
    })
}

/// What any status with any body is, where an access token was.
pub fn row_at_resource(status: u16, of: Body) -> Option<Row> {
    Some(match (status, of) {
        (401, Body::SessionRevoked) => Row::SessionRevoked,
        (401, _) => Row::BareUnauthorized,
        (400, Body::TokenInvalid) => Row::Legacy,
        (403, _) => Row::Forbidden,
        _ => return None,
    })
}

/// A *who am I*.
pub fn names(name: Name, owner: &str) -> Written {
    let clear = |subject: &str| (format!("{{\"sub\":\"{subject}\",\"till\":7}}"), Naming::Subject(subject.to_owned()));
    let (text, naming) = match name {
        Name::Owner => clear(owner),
        Name::Stranger => clear(STRANGER),
        Name::Nobody => ("{\"till\":7}".to_owned(), Naming::Nobody),
        Name::Empty => ("{\"sub\":\"\"}".to_owned(), Naming::Unusable),
        Name::Null => ("{\"sub\":null}".to_owned(), Naming::Unusable),
        Name::Number => ("{\"sub\":17}".to_owned(), Naming::Unusable),
        Name::Doubled => (format!("{{\"sub\":\"{owner}\",\"sub\":\"{STRANGER}\"}}"), Naming::Nobody),
        Name::List => (format!("[\"{owner}\"]"), Naming::Nobody),
    };
    Written { naming, ..Written::new(200, text) }
}

/// Everything that an answer of the token endpoint is made of.
pub struct Made<'a> {
    pub access: &'a str,
    pub refresh: &'a str,
    pub owner: &'a str,
    pub asker: &'a str,
    pub nonce: Option<&'a str>,
    pub now_seconds: u64,
}

pub fn tokens(how: &Tokens, made: &Made<'_>) -> Written {
    let access = match how.access {
        Access::New | Access::Old => Some(format!("\"{}\"", made.access)),
        Access::Empty => Some("\"\"".to_owned()),
        Access::Absent => None,
        Access::NotAscii => Some("\"caf\u{e9} au lait\"".to_owned()),
        Access::NotText => Some("{\"token\":1}".to_owned()),
    };
    let refresh = match how.refresh {
        Refresh::New | Refresh::Old => Some(format!("\"{}\"", made.refresh)),
        Refresh::Absent => None,
        Refresh::Empty => Some("\"\"".to_owned()),
    };
    let (id_token, naming) = id_token(how.id_token, made);
    let token_type = how.token_type.map(|text| format!("\"{text}\""));
    let mut members: Vec<(&str, String)> = Vec::new();
    let mut add = |name, value: Option<String>| members.extend(value.map(|value| (name, value)));
    add("access_token", access.clone());
    add("token_type", token_type);
    add("expires_in", how.expires_in.map(str::to_owned));
    add("refresh_token", refresh.clone());
    add("id_token", id_token.map(|token| format!("\"{token}\"")));
    match how.shape {
        Shape::DoubledToken => add("access_token", Some(format!("\"other-{SECRET}\""))),
        Shape::DeepExtra => add("extra", Some(format!("{}1{}", "[".repeat(100), "]".repeat(100)))),
        Shape::HugeExtra => add("extra", Some(format!("\"{}\"", "x".repeat(300 * 1024)))),
        Shape::ControlCharacters => add("extra", Some("\"\u{1}\"".to_owned())),
        _ => {}
    }
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    let mut text = format!("{{{}}}", members.join(","));
    match how.shape {
        Shape::CutOff => text.truncate(text.len() / 2),
        Shape::ByteOrderMark => text.insert(0, '\u{feff}'),
        _ => {}
    }
    let readable = matches!(how.shape, Shape::Plain | Shape::ByteOrderMark) && how.expires_in != Some("1e400");
    let sendable = matches!(how.access, Access::New | Access::Old) && !matches!(how.token_type, Some("mac" | ""));
    let usable = readable && sendable;
    let foreign = match &naming {
        Naming::Subject(subject) => subject != made.asker,
        Naming::Elsewhere => true,
        Naming::Nobody | Naming::Unusable => false,
    };
    let row = match (readable, sendable) {
        (false, _) => Some(Row::NotJson),
        (true, false) => Some(Row::NoAccessToken),
        (true, true) if foreign => Some(Row::OtherIdentity),
        (true, true) => None,
    };
    Written {
        row,
        naming: if usable { naming } else { Naming::Nobody },
        access: usable.then(|| made.access.to_owned()),
        refresh: refresh.filter(|text| usable && text.len() > 2).map(|_| made.refresh.to_owned()),
        ..Written::new(200, text)
    }
}

fn id_token(kind: IdToken, made: &Made<'_>) -> (Option<String>, Naming) {
    let now = made.now_seconds;
    let text = |text: &str| format!("\"{text}\"");
    let subject = |subject: &str| (Some(text(subject)), Naming::Subject(subject.to_owned()));
    let (sub, naming) = match kind {
        IdToken::Absent => return (None, Naming::Nobody),
        IdToken::Garbage => return (Some(format!("ey.{SECRET}")), Naming::Nobody),
        IdToken::Owner => subject(made.owner),
        IdToken::Asker => subject(made.asker),
        IdToken::OtherSubject => subject(STRANGER),
        IdToken::OtherIssuer | IdToken::OtherAudience => (Some(text(made.owner)), Naming::Elsewhere),
        IdToken::NoSubject => (None, Naming::Nobody),
        IdToken::NumericSubject => (Some("17".to_owned()), Naming::Nobody),
        IdToken::Unsigned => (Some(text(made.owner)), Naming::Nobody),
        // Too old to vouch for anybody, and an accusation all the same.
        IdToken::Expired if made.owner == made.asker => (Some(text(made.owner)), Naming::Nobody),
        IdToken::Expired => subject(made.owner),
    };
    let issuer = if kind == IdToken::OtherIssuer { "https://other.example" } else { ISSUER };
    let audience = if kind == IdToken::OtherAudience { "another-app" } else { CLIENT };
    let expires = if kind == IdToken::Expired { now - 100_000 } else { now + 3600 };
    let algorithm = if kind == IdToken::Unsigned { "none" } else { "ES256" };
    let sub = sub.map_or(String::new(), |sub| format!(",\"sub\":{sub}"));
    let nonce = made.nonce.map_or(String::new(), |nonce| format!(",\"nonce\":\"{nonce}\""));
    let header = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"{algorithm}\"}}"));
    let claims = format!("{{\"iss\":\"{issuer}\",\"aud\":\"{audience}\",\"exp\":{expires},\"iat\":{now}{sub}{nonce}}}");
    // A signature in form; nobody can check it, for this server publishes no keys.
    (Some(format!("{header}.{}.{SECRET}AA", URL_SAFE_NO_PAD.encode(claims))), naming)
}
