//! Just enough OAuth for fair weather: discovery, code with PKCE, refresh.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, header};
use mainstay::driver::Browser;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

use super::{super::Machine, Tokens};
use crate::protocol::Start;

#[derive(Debug, thiserror::Error)]
pub(super) enum OAuthError {
    #[error("{0}")]
    NoAnswer(String),
    #[error("the server answered {0}")]
    Status(u16),
    #[error("the answer is not understood: {0}")]
    Answer(String),
}

#[derive(Deserialize)]
struct Discovery {
    authorization_endpoint: Url,
    token_endpoint: Url,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
}

pub(super) struct OAuth {
    issuer: String,
    client_id: String,
    redirect_uri: String,
    machine: Machine,
    seed: u64,
    drawn: AtomicU64,
}

impl OAuth {
    pub(super) fn new(start: &Start, machine: Machine) -> Self {
        let issuer = start.issuer.trim_end_matches('/').to_owned();
        let (client_id, redirect_uri) = (start.client_id.clone(), start.redirect_uri.clone());
        Self { issuer, client_id, redirect_uri, machine, seed: start.seed, drawn: AtomicU64::new(0) }
    }

    pub(super) async fn sign_in(&self) -> Result<Tokens, OAuthError> {
        let discovery = self.discover().await?;
        let (verifier, state) = (self.draw(), self.draw());
        let mut url = discovery.authorization_endpoint;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_uri)
            .append_pair("scope", "openid profile pos offline_access")
            .append_pair("state", &state)
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier)))
            .append_pair("code_challenge_method", "S256");
        let code = self.visit(&url, &state).await?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &self.redirect_uri),
            ("client_id", &self.client_id),
            ("code_verifier", &verifier),
        ];
        self.token(&discovery.token_endpoint, &form, None).await
    }

    pub(super) async fn refresh(&self, old: &Tokens) -> Result<Tokens, OAuthError> {
        let discovery = self.discover().await?;
        let refresh_token = old.refresh_token.as_deref().unwrap_or_default();
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", &self.client_id)];
        self.token(&discovery.token_endpoint, &form, old.refresh_token.clone()).await
    }

    async fn discover(&self) -> Result<Discovery, OAuthError> {
        let request = get(&format!("{}/.well-known/openid-configuration", self.issuer))?;
        let answer = self.send(request).await?;
        serde_json::from_slice(&answer).map_err(|error| OAuthError::Answer(error.to_string()))
    }

    async fn visit(&self, url: &Url, state: &str) -> Result<String, OAuthError> {
        let visit = self.machine.visit(url.clone()).await;
        let back = visit.map_err(|error| OAuthError::NoAnswer(error.to_string()))?;
        let parameter =
            |name: &str| back.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        if parameter("state").as_deref() != Some(state) {
            return Err(OAuthError::Answer("another state came back".to_owned()));
        }
        parameter("code").ok_or_else(|| OAuthError::Answer("no code came back".to_owned()))
    }

    async fn token(
        &self,
        endpoint: &Url,
        form: &[(&str, &str)],
        old_refresh_token: Option<String>,
    ) -> Result<Tokens, OAuthError> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(endpoint.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(body))
            .map_err(|error| OAuthError::Answer(error.to_string()))?;
        let answer = self.send(request).await?;
        let answer: TokenAnswer =
            serde_json::from_slice(&answer).map_err(|_| OAuthError::Answer("no token answer".to_owned()))?;
        Ok(Tokens {
            access_token: answer.access_token,
            refresh_token: answer.refresh_token.or(old_refresh_token),
            expires_at_ms: self.machine.now_ms().saturating_add(answer.expires_in.unwrap_or(3600).saturating_mul(1000)),
        })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Bytes, OAuthError> {
        let answer = self.machine.send(request).await.map_err(|error| OAuthError::NoAnswer(error.to_string()))?;
        if !answer.status().is_success() {
            return Err(OAuthError::Status(answer.status().as_u16()));
        }
        Ok(answer.into_body())
    }

    fn draw(&self) -> String {
        let number = self.drawn.fetch_add(1, SeqCst);
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(number.to_be_bytes());
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }
}

fn get(url: &str) -> Result<Request<Bytes>, OAuthError> {
    Request::get(url).body(Bytes::new()).map_err(|error| OAuthError::Answer(error.to_string()))
}
