//! Whose tokens a token response brought (P5).

use super::server::Server;
use crate::{
    Identity,
    oauth::{IdToken, IdTokenError, IdTokenExpectation, TokenAnswer},
};

/// Whom a token response names.
pub(super) enum Named {
    /// The pinned identity; or, where nothing is pinned yet, whoever is named.
    Pinned(Identity),
    /// Nobody: there is no ID token, or none that can be believed. The probe has to say.
    Nobody,
    /// Somebody else, another issuer, another client.
    Foreign,
}

/// Compares the ID token of `answer`, if there is one, with the pinned identity. Absent never equals absent: an ID token
/// without a subject names nobody.
pub(super) fn identify(server: &Server, answer: &TokenAnswer, pinned: &Identity, nonce: Option<&str>) -> Named {
    let Some(token) = &answer.id_token else { return Named::Nobody };
    let expected = IdTokenExpectation {
        issuer: server.issuer.as_str(),
        client_id: &server.client.id,
        nonce,
        now: answer.server_time_ms.map(|ms| ms / 1000),
    };
    let refused = |error: IdTokenError| {
        tracing::warn!(name: "id_token.refused", %error);
        Named::Nobody
    };
    let token = match IdToken::read(token) {
        Ok(token) => token,
        Err(error) => return refused(error),
    };
    match token.check(&expected, &server.profile.identity.tenant) {
        Ok(identity) if pinned.subject.is_none() || identity == *pinned => Named::Pinned(identity),
        Ok(_) | Err(IdTokenError::Issuer | IdTokenError::Audience) => Named::Foreign,
        // What has expired vouches for nobody, and accuses all the same.
        Err(_) if accuses(&token, pinned) => Named::Foreign,
        Err(error) => refused(error),
    }
}

/// Whether an ID token that proves nothing names another subject than the pinned one.
fn accuses(token: &IdToken, pinned: &Identity) -> bool {
    let named = token.claims().at("sub").and_then(serde_json::Value::as_str);
    named.is_some_and(|named| pinned.subject.as_deref().is_some_and(|pinned| pinned != named))
}
