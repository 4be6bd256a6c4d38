//! The endpoints that are counted and can be broken, and the places a fault can stand.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One counted endpoint. A request belongs to exactly one: the token endpoint has four names, by grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Both discovery documents (RFC 8414, OpenID Connect Discovery 1.0).
    Discovery,
    /// The public keys (RFC 7517).
    Jwks,
    /// The sign-in page and its answer (RFC 6749 section 3.1), and the page where a device's code is typed in (RFC 8628).
    Authorize,
    /// Pushed authorization requests (RFC 9126).
    PushedAuthorization,
    /// Requests for a device's code (RFC 8628 section 3.1).
    DeviceAuthorization,
    /// The token endpoint with the grant `authorization_code`, or with none that is known.
    Token,
    /// The token endpoint with the grant `refresh_token` (RFC 6749 section 6).
    Refresh,
    /// The token endpoint with a JWT bearer assertion (RFC 7523).
    JwtBearer,
    /// The token endpoint with a device's code (RFC 8628 section 3.4).
    DeviceCode,
    /// Enrolment of device keys, and its end.
    Enroll,
    /// Revocation (RFC 7009).
    Revoke,
    /// Introspection (RFC 7662).
    Introspect,
    /// Userinfo (OpenID Connect Core 1.0, section 5.3).
    Userinfo,
    /// The status document.
    Status,
    /// `GET /api/catalogue`.
    Catalogue,
    /// `GET` and `POST /api/sales`.
    Sales,
    /// `GET` and `POST /api/shift`.
    Shift,
    /// `GET /api/me`.
    Me,
}

impl Endpoint {
    /// Every endpoint, with the name it has in JSON.
    pub const ALL: [(Self, &'static str); 18] = [
        (Self::Discovery, "discovery"),
        (Self::Jwks, "jwks"),
        (Self::Authorize, "authorize"),
        (Self::PushedAuthorization, "pushed_authorization"),
        (Self::DeviceAuthorization, "device_authorization"),
        (Self::Token, "token"),
        (Self::Refresh, "refresh"),
        (Self::JwtBearer, "jwt_bearer"),
        (Self::DeviceCode, "device_code"),
        (Self::Enroll, "enroll"),
        (Self::Revoke, "revoke"),
        (Self::Introspect, "introspect"),
        (Self::Userinfo, "userinfo"),
        (Self::Status, "status"),
        (Self::Catalogue, "catalogue"),
        (Self::Sales, "sales"),
        (Self::Shift, "shift"),
        (Self::Me, "me"),
    ];

    /// The name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(endpoint, _)| *endpoint == self).map_or("", |(_, name)| name)
    }

    /// Whether this is part of the POS API; everything else is the authorization server.
    #[must_use]
    pub fn is_api(self) -> bool {
        matches!(self, Self::Catalogue | Self::Sales | Self::Shift | Self::Me)
    }
}

/// Where a fault stands: everywhere, on one side, or on one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Every counted endpoint.
    All,
    /// The authorization server.
    AuthorizationServer,
    /// The POS API.
    Api,
    /// One endpoint.
    One(Endpoint),
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::AuthorizationServer => "as",
            Self::Api => "api",
            Self::One(endpoint) => endpoint.name(),
        }
    }

    fn covers(self, endpoint: Endpoint) -> bool {
        match self {
            Self::All => true,
            Self::AuthorizationServer => !endpoint.is_api(),
            Self::Api => endpoint.is_api(),
            Self::One(one) => one == endpoint,
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "all" => Ok(Self::All),
            "as" => Ok(Self::AuthorizationServer),
            "api" => Ok(Self::Api),
            _ => Endpoint::ALL
                .iter()
                .find(|(_, known)| *known == name)
                .map(|(endpoint, _)| Self::One(*endpoint))
                .ok_or_else(|| format!("`{name}` is no scope: say all, as, api or an endpoint")),
        }
    }
}

/// The places a fault stands in. In JSON one name (`"api"`, `"refresh"`) or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "ScopeJson", try_from = "ScopeJson")]
pub struct Scope(Vec<Place>);

impl Scope {
    /// Every counted endpoint.
    #[must_use]
    pub fn all() -> Self {
        Place::All.into()
    }

    /// The POS API.
    #[must_use]
    pub fn api() -> Self {
        Place::Api.into()
    }

    /// The authorization server.
    #[must_use]
    pub fn authorization_server() -> Self {
        Place::AuthorizationServer.into()
    }

    /// Whether a request to `endpoint` is meant.
    #[must_use]
    pub fn covers(&self, endpoint: Endpoint) -> bool {
        self.0.iter().any(|place| place.covers(endpoint))
    }
}

impl From<Place> for Scope {
    fn from(place: Place) -> Self {
        Self(vec![place])
    }
}

impl From<Endpoint> for Scope {
    fn from(endpoint: Endpoint) -> Self {
        Place::One(endpoint).into()
    }
}

impl<const N: usize> From<[Endpoint; N]> for Scope {
    fn from(endpoints: [Endpoint; N]) -> Self {
        Self(endpoints.map(Place::One).to_vec())
    }
}

impl<const N: usize> From<[Place; N]> for Scope {
    fn from(places: [Place; N]) -> Self {
        Self(places.to_vec())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ScopeJson {
    One(String),
    Many(Vec<String>),
}

impl From<Scope> for ScopeJson {
    fn from(scope: Scope) -> Self {
        match scope.0.as_slice() {
            [one] => Self::One(one.name().to_owned()),
            many => Self::Many(many.iter().map(|place| place.name().to_owned()).collect()),
        }
    }
}

impl TryFrom<ScopeJson> for Scope {
    type Error = String;

    fn try_from(json: ScopeJson) -> Result<Self, String> {
        let names = match json {
            ScopeJson::One(name) => vec![name],
            ScopeJson::Many(names) => names,
        };
        if names.is_empty() {
            return Err("a scope names at least one place".to_owned());
        }
        names.iter().map(|name| name.parse()).collect::<Result<_, _>>().map(Self)
    }
}
