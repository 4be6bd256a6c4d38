//! What the server's own people, or a thief, ask it behind the till's back.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use mainstay::{
    host::{ConnectionWish, Lane, Outbound, Transport},
    native,
};
use serde_json::Value;

use crate::{cell::Wrong, server::Server};

/// The most that an answer may have, in bytes.
const ANSWER: usize = 100_000;

/// The metadata that the server publishes (OpenID Connect Discovery 1.0 section 4).
///
/// # Errors
/// [`Wrong`]: it does not answer as it should.
pub async fn metadata(server: &Server) -> Result<Value, Wrong> {
    let request = http::Request::get(server.at("/.well-known/openid-configuration")).body(Bytes::new())?;
    Ok(send(request).await?.1)
}

/// Whether the server still takes this token for good (RFC 7662).
///
/// # Errors
/// [`Wrong`]: it does not answer as it should.
pub async fn is_active(server: &Server, token: &str) -> Result<bool, Wrong> {
    let form = [("token", token)];
    let (_, answer) =
        post(server, server.kind().introspection(), &form, Some(("inspector", "inspector-secret"))).await?;
    answer.get("active").and_then(Value::as_bool).ok_or_else(|| Wrong(format!("introspection answered {answer}")))
}

/// Presents a refresh token as somebody who has stolen it would. The status of the answer.
///
/// # Errors
/// [`Wrong`]: it does not answer at all.
pub async fn replay(server: &Server, refresh_token: &str) -> Result<u16, Wrong> {
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", "pos")];
    let client = server.kind().client_secret().map(|secret| ("pos", secret));
    Ok(post(server, server.kind().token(), &form, client).await?.0)
}

async fn post(
    server: &Server,
    path: &str,
    form: &[(&str, &str)],
    client: Option<(&str, &str)>,
) -> Result<(u16, Value), Wrong> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request = http::Request::post(server.at(path)).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some((id, secret)) = client {
        request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))));
    }
    send(request.body(Bytes::from(body))?).await
}

async fn send(request: http::Request<Bytes>) -> Result<(u16, Value), Wrong> {
    let network: Arc<dyn Transport> = Arc::new(native::Reqwest::new(tokio::runtime::Handle::current())?);
    let outbound = Outbound { request, connection: ConnectionWish::Any, lane: Lane::App, body_limit: ANSWER };
    let inbound = network.send(outbound).await?;
    let answer = serde_json::from_slice(inbound.response.body()).unwrap_or(Value::Null);
    Ok((inbound.response.status().as_u16(), answer))
}
