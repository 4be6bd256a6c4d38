//! A request as handlers see it, and the answers they give.

use std::fmt::Display;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::server::Peer;

/// The largest request body that is read, in bytes: 1 MiB.
pub(crate) const BODY_LIMIT: usize = 1 << 20;

/// A request whose body has arrived.
#[derive(Clone)]
pub(crate) struct Call {
    /// Method and address.
    pub(crate) resource: String,
    pub(crate) headers: HeaderMap,
    pub(crate) query: String,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) peer: Peer,
    /// About whom to answer instead, by order of a fault.
    pub(crate) foreign: Option<String>,
    /// The operator who calls `/admin`.
    pub(crate) operator: String,
}

pub(crate) type Reply = Result<Response, Problem>;

/// An answer that says what was wrong: `{"error":…,"error_description":…}` (RFC 6749 section 5.2), for every route.
pub(crate) struct Problem(Box<Response>);

impl Problem {
    pub(crate) fn new(status: StatusCode, error: &str, description: impl Display) -> Self {
        let body = json!({ "error": error, "error_description": description.to_string() });
        Self(Box::new(no_store(status, &body)))
    }

    pub(crate) fn bad_request(description: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    pub(crate) fn not_found(description: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", description)
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// The same problem with one more header.
    pub(crate) fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().insert(name, value);
        self
    }
}

impl From<Response> for Problem {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl From<crate::Refused> for Problem {
    fn from(refused: crate::Refused) -> Self {
        Self::bad_request(refused)
    }
}

impl From<crate::oauth::Unreachable> for Problem {
    fn from(unreachable: crate::oauth::Unreachable) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", unreachable)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// JSON with status 200.
pub(crate) fn ok(body: &impl Serialize) -> Response {
    json_answer(StatusCode::OK, body)
}

/// JSON with a status.
pub(crate) fn json_answer(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// JSON that nobody may cache (RFC 6749 section 5.1).
pub(crate) fn no_store(status: StatusCode, body: &Value) -> Response {
    let mut response = json_answer(status, body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// 204.
pub(crate) fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// A redirect, 302.
pub(crate) fn redirect(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)], Body::empty()).into_response(),
        Err(_) => Problem::bad_request("the address is no header value").into_response(),
    }
}

impl Call {
    /// A header, if it is there once and is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// A cookie of the request (RFC 6265 section 5.4).
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let pairs = self.header("cookie")?.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.into_iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// A part of the path.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The parameters of the query.
    pub(crate) fn query(&self) -> Result<Parameters, Problem> {
        Parameters::parse(self.query.as_bytes())
    }

    /// The parameters of a form body.
    pub(crate) fn form(&self) -> Result<Parameters, Problem> {
        self.expect_type("application/x-www-form-urlencoded")?;
        Parameters::parse(&self.body)
    }

    /// A JSON body.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        self.expect_type("application/json")?;
        serde_json::from_slice(&self.body).map_err(Problem::bad_request)
    }

    /// A JSON body that may be left out.
    pub(crate) fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.body.is_empty() { Ok(T::default()) } else { self.json() }
    }

    fn expect_type(&self, expected: &str) -> Result<(), Problem> {
        let given = self.header("content-type").unwrap_or_default();
        let mut parts = given.split(';').map(str::trim);
        let matches = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(expected));
        let utf8 = parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
                value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        });
        if matches && utf8 {
            return Ok(());
        }
        let wanted = format!("the body must be {expected} in UTF-8");
        Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request", wanted))
    }
}

/// Form or query parameters: none twice, empty ones left out (RFC 6749 section 3.1).
#[derive(Clone)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn parse(encoded: &[u8]) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(encoded) {
            // The parser puts U+FFFD where the bytes are no UTF-8.
            if name.contains('\u{fffd}') || value.contains('\u{fffd}') {
                return Err(Problem::bad_request("a parameter is not UTF-8"));
            }
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(Problem::bad_request(format!("{name} is given twice")));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        pairs.retain(|(_, value)| !value.is_empty());
        Ok(Self(pairs))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn require(&self, name: &str) -> Result<&str, Problem> {
        self.get(name).ok_or_else(|| Problem::bad_request(format!("{name} is missing")))
    }
}

/// The body of a request that says everything by its path: none, or `{}`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoMembers {}
