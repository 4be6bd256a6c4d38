//! A client for the tests: sends one request, keeps nothing.

pub mod schema;

use std::sync::atomic::{AtomicU64, Ordering};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use mainstay_mock_server::{MockServer, OPERATORS};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const CLIENT: &str = "till";
pub const REDIRECT: &str = "http://127.0.0.1:1/callback";
pub const VERIFIER: &str = "a-verifier-that-is-long-enough-for-rfc-7636-really";

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }

    pub fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The tokens of one answer.
#[derive(Clone)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
    pub answer: Value,
}

impl Tokens {
    pub fn from(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        Self { access: answer.text("access_token"), refresh: answer.text("refresh_token"), answer: answer.json() }
    }
}

#[derive(Clone)]
pub struct Till {
    base: String,
    control_token: String,
    admin_tokens: Vec<String>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Till {
    pub fn new(server: &MockServer) -> Self {
        Self {
            base: server.issuer().to_owned(),
            control_token: server.control_token().to_owned(),
            admin_tokens: OPERATORS.iter().map(|name| server.admin_token(name).unwrap().to_owned()).collect(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// A till that knows the server by its address, whatever that calls itself.
    pub fn at(server: &MockServer) -> Self {
        Self { base: format!("http://{}", server.address()), ..Self::new(server) }
    }

    /// `None` where the connection was cut.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Option<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.client.request(request.body(Full::new(body.into())).unwrap()).await.ok()?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Answer { status: parts.status, headers: parts.headers, body })
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.try_send(method, path, headers, body).await.expect("an answer")
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.send(Method::GET, path, &[("authorization", &bearer)], "").await
    }

    pub async fn post_json(&self, path: &str, token: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let own = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.send(Method::POST, path, &[&own, headers].concat(), body.to_string()).await
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.try_form(path, fields).await.expect("an answer")
    }

    pub async fn try_form(&self, path: &str, fields: &[(&str, &str)]) -> Option<Answer> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let headers = [("content-type", "application/x-www-form-urlencoded; charset=UTF-8")];
        self.try_send(Method::POST, path, &headers, body).await
    }

    /// Status, what arrived of the body, and whether it broke off.
    pub async fn until_it_breaks(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, Vec<u8>, bool) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(body.into()));
        let (parts, mut body) = self.client.request(request.unwrap()).await.unwrap().into_parts();
        let mut arrived = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => arrived.extend(frame.into_data().unwrap_or_default()),
                Err(_) => return (parts.status, arrived, true),
            }
        }
        (parts.status, arrived, false)
    }

    pub async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let headers = [("x-mainstay-control", self.control_token.as_str()), ("content-type", "application/json")];
        let body = body.map_or_else(String::new, |body| body.to_string());
        self.send(method, &format!("/control{path}"), &headers, body).await
    }

    /// As one of the two operators, 0 or 1.
    pub async fn admin(&self, operator: usize, method: Method, path: &str, body: Option<Value>) -> Answer {
        let token = self.admin_tokens[operator].as_str();
        let headers = [("x-mainstay-admin", token), ("content-type", "application/json")];
        let body = body.map_or_else(String::new, |body| body.to_string());
        self.send(method, &format!("/admin{path}"), &headers, body).await
    }

    pub async fn authorize(&self, extra: &[(&str, &str)]) -> Answer {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let fields = [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("scope", "openid profile offline_access pos"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let kept = fields.iter().filter(|(name, _)| !extra.iter().any(|(other, _)| other == name));
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).extend_pairs(extra).finish();
        self.send(Method::GET, &format!("/authorize?{query}"), &[], "").await
    }

    pub async fn exchange(&self, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", CLIENT),
            ("redirect_uri", REDIRECT),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.form("/token", &fields).await
    }

    /// Signs in as the scripted person.
    pub async fn sign_in(&self) -> Tokens {
        let answer = self.authorize(&[]).await;
        Tokens::from(&self.exchange(&parameter(answer.header("location"), "code")).await)
    }

    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", refresh_token)];
        self.form("/token", &fields).await
    }

    pub async fn refreshed(&self, refresh_token: &str) -> Tokens {
        Tokens::from(&self.refresh(refresh_token).await)
    }

    /// Enrols the device key; returns its id.
    pub async fn enroll(&self, token: &str, key: &DeviceKey) -> String {
        let answer = self.post_json("/enroll", token, &[], &json!({ "jwk": key.jwk() })).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        answer.text("kid")
    }

    pub async fn assert(&self, assertion: &str) -> Answer {
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        self.form("/token", &[("grant_type", grant), ("assertion", assertion), ("client_id", CLIENT)]).await
    }
}

/// A query parameter of an address.
pub fn parameter(address: &str, name: &str) -> String {
    let url = url::Url::parse(address).unwrap();
    url.query_pairs().find(|(known, _)| known == name).map_or_else(String::new, |(_, value)| value.into_owned())
}

/// The claims of a token, unchecked.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// A P-256 key as a device has one.
pub struct DeviceKey(SigningKey);

static ASSERTIONS: AtomicU64 = AtomicU64::new(0);

impl DeviceKey {
    pub fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub fn jwk(&self) -> Value {
        let point = self.0.verifying_key().to_sec1_bytes();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
    }

    /// An assertion with these claims over the usual ones.
    pub fn assertion(&self, server: &MockServer, kid: &str, other: &Value) -> String {
        let now = server.control().clock().now_ms / 1000;
        let mut claims = json!({
            "iss": CLIENT, "sub": "ada", "aud": server.issuer(), "iat": now, "exp": now + 60,
            "jti": format!("assertion-{}", ASSERTIONS.fetch_add(1, Ordering::Relaxed)),
        });
        claims.as_object_mut().unwrap().extend(other.as_object().cloned().unwrap_or_default());
        self.signed(&json!({ "alg": "ES256", "kid": kid }), &claims)
    }

    /// A JWS in compact form (RFC 7515 section 3.1).
    pub fn signed(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", encode(header), encode(claims));
        let signature: Signature = self.0.sign(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}
