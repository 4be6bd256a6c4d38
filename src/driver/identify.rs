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
    let checked = IdToken::read(token).and_then(|token| token.check(&expected, &server.profile.identity.tenant));
    match checked {
        Ok(identity) if pinned.subject.is_none() || identity == *pinned => Named::Pinned(identity),
        Ok(_) | Err(IdTokenError::Issuer | IdTokenError::Audience) => Named::Foreign,
        Err(error) => {
            tracing::warn!(name: "id_token.refused", %error);
            Named::Nobody
        }
    }
}
