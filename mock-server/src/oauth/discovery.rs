//! What clients learn first: the discovery documents and the public keys.

use axum::response::IntoResponse;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{device, jwt_bearer};
use crate::{
    call::{Call, Reply, ok},
    config::PushedRequests,
    state::App,
};

/// Both discovery documents (RFC 8414 section 3.2, OpenID Connect Discovery 1.0 section 4.2) with one content.
pub(crate) fn document(app: &App, _call: &Call) -> Reply {
    let at = |path: &str| format!("{}{path}", app.issuer);
    let mut document = json!({
        "issuer": app.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"),
        "userinfo_endpoint": at("/userinfo"),
        "device_authorization_endpoint": at("/device_authorization"),
        "revocation_endpoint": at("/revoke"),
        "introspection_endpoint": at("/introspect"),
        "mainstay_enrollment_endpoint": at("/enroll"),
        "mainstay_status_endpoint": at("/.well-known/mainstay-status"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", jwt_bearer::GRANT, device::GRANT],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "scopes_supported": ["openid", "profile", "offline_access", "pos"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "acr", "nonce", "at_hash", "sid", "name", "preferred_username"],
        "authorization_response_iss_parameter_supported": true,
    });
    let pushed = app.read(|world| world.config.pushed_authorization_requests);
    if pushed != PushedRequests::Off {
        document["pushed_authorization_request_endpoint"] = at("/par").into();
        document["require_pushed_authorization_requests"] = (pushed == PushedRequests::Required).into();
    }
    Ok(ok(&document))
}

/// `GET /jwks` (RFC 7517 section 5), with a tag by which a client asks whether they are still the same (RFC 9110 section 8.8.3).
pub(crate) fn jwks(app: &App, call: &Call) -> Reply {
    let keys = app.read(|world| world.keys.here().jwks(world.now_ms()));
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(keys.to_string())));
    let mut answer = match call.header("if-none-match") {
        Some(known) if known == tag => StatusCode::NOT_MODIFIED.into_response(),
        _ => ok(&keys),
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(header::ETAG, tag);
    }
    Ok(answer)
}
