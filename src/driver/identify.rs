//! Whose tokens a token response brought (P5).

use super::{keys, server::Server};
use crate::{
    Identity,
    oauth::{IdToken, IdTokenError, IdTokenExpectation, IdentityError, TokenAnswer},
};

/// Whom a token response names.
pub(super) enum Named {
    /// The pinned identity; or, where nothing is pinned yet, whoever is named. The server's signature proves it, or there is
    /// nobody else to ask and TLS vouches for the token endpoint (OpenID Connect Core 1.0 section 3.1.3.7, item 6).
    Pinned(Identity),
    /// The same, not proven: the server's keys cannot be had, or do not include the one that signed. The probe has to say.
    Claimed(Identity),
    /// Nobody: there is no ID token, or none that can be believed. The probe has to say.
    Nobody,
    /// Somebody else, another issuer, another client.
    Foreign,
    /// The ID token is not what the server would send: nothing that came with it is kept.
    Refused(IdTokenError),
}

/// What the tokens were asked for with.
#[derive(Clone, Copy)]
pub(super) enum Occasion<'a> {
    /// A person signed in. Trying again costs nothing that is kept, so everything has to be right.
    SignIn { nonce: Option<&'a str> },
    /// A credential that may be spent by now. What is only wrong, and not forged, is left to the probe.
    Renewal,
}

/// Checks the ID token of `answer`, if there is one, and compares it with the pinned identity. Absent never equals absent: an
/// ID token without a subject names nobody.
pub(super) async fn identify(
    server: &Server,
    answer: &TokenAnswer,
    pinned: &Identity,
    occasion: Occasion<'_>,
) -> Named {
    let Some(token) = &answer.id_token else { return Named::Nobody };
    let nonce = match occasion {
        Occasion::SignIn { nonce } => nonce,
        Occasion::Renewal => None,
    };
    let expected = IdTokenExpectation {
        issuer: server.issuer.as_str(),
        client_id: &server.client.id,
        nonce,
        // Whoever asked for an age looks at it: see `AuthenticationWanted`.
        max_age: None,
        access_token: Some(&answer.access_token),
        now: answer.server_time_ms.map(|ms| ms / 1000),
    };
    let token = match IdToken::read(token) {
        Ok(token) => token,
        Err(error) => return not_believed(error, occasion),
    };
    let checked = token.check(&expected, &server.profile.identity.tenant);
    // What has expired vouches for nobody, and accuses all the same.
    if let Err(error) = &checked
        && !matches!(error, IdTokenError::Issuer | IdTokenError::Audience)
        && !accuses(&token, pinned)
    {
        return not_believed(error.clone(), occasion);
    }
    let proven = match keys::verify(server, &token).await {
        Ok(proven) => proven,
        Err(error) => return not_believed(error.into(), occasion),
    };
    match checked {
        Ok(identity) if pinned.subject.is_some() && identity != *pinned => Named::Foreign,
        Ok(identity) if proven || !can_ask(server).await => Named::Pinned(identity),
        Ok(identity) => Named::Claimed(identity),
        Err(_another) => Named::Foreign,
    }
}

/// Whether anything but the ID token can say whose the tokens are.
async fn can_ask(server: &Server) -> bool {
    matches!(server.probe_endpoint().await, Some((_, true)))
}

fn not_believed(error: IdTokenError, occasion: Occasion<'_>) -> Named {
    tracing::warn!(name: "id_token.refused", %error);
    let is_forged = matches!(error, IdTokenError::Algorithm | IdTokenError::AtHash | IdTokenError::Signature(_));
    match (occasion, &error) {
        // Where else the tenant stands, the probe may know.
        (_, IdTokenError::Identity(IdentityError::NoTenant(_))) => Named::Nobody,
        (Occasion::Renewal, _) if !is_forged => Named::Nobody,
        _ => Named::Refused(error),
    }
}

/// Whether an ID token that proves nothing names another subject than the pinned one.
fn accuses(token: &IdToken, pinned: &Identity) -> bool {
    let named = token.claims().at("sub").and_then(serde_json::Value::as_str);
    named.is_some_and(|named| pinned.subject.as_deref().is_some_and(|pinned| pinned != named))
}
