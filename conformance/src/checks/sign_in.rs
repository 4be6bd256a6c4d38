//! A person signs in.

use mainstay::{Error, State};

use crate::{
    cell::{Cell, Found, ensure},
    operator,
    server::Server,
    till::Till,
};

pub(super) async fn discovery(server: &Server) -> Found {
    let metadata = operator::metadata(server).await?;
    ensure(metadata["issuer"] == server.issuer(), || format!("the metadata name {}", metadata["issuer"]))?;
    let till = Till::new(server).await?;
    till.signed_in().await?;
    Ok(Cell::Pass(""))
}

/// `localhost` is the same server, and not the issuer that its metadata name.
pub(super) async fn other_issuer(server: &Server) -> Found {
    let till = Till::with(server, &server.issuer().replace("127.0.0.1", "localhost"), |builder| builder).await?;
    let refused = till.signed_in().await;
    ensure(matches!(refused, Err(Error::Misconfigured(_))), || format!("the sign-in ended with {:?}", refused.err()))?;
    ensure(till.ada.visits() == 0, || "a person was sent there".to_owned())?;
    Ok(Cell::Pass(""))
}

pub(super) async fn code(server: &Server) -> Found {
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    ensure(till.ada.forms() > 0, || "no form was shown".to_owned())?;
    let answer = till.asks_who(&session).await?;
    ensure(answer.status() == 200, || format!("the token was answered {}", answer.status()))?;
    let codes = till.wire.grants("authorization_code");
    let verified = codes.first().and_then(|exchange| exchange.parameter("code_verifier"));
    ensure(verified.is_some(), || "the code was exchanged without a verifier".to_owned())?;
    Ok(Cell::Pass(""))
}

pub(super) async fn mix_up(server: &Server) -> Found {
    let metadata = operator::metadata(server).await?;
    if metadata["authorization_response_iss_parameter_supported"] != true {
        return Ok(Cell::NotAdvertised);
    }
    refused_with(server, "iss", "https://evil.example").await
}

pub(super) async fn forged_state(server: &Server) -> Found {
    refused_with(server, "state", "somebody-elses").await
}

async fn refused_with(server: &Server, parameter: &'static str, value: &'static str) -> Found {
    let till = Till::new(server).await?;
    till.ada.tampered_with(parameter, value);
    let refused = till.signed_in().await;
    ensure(till.ada.returns() == 1, || "nobody came back".to_owned())?;
    ensure(refused.is_err(), || "it was believed".to_owned())?;
    ensure(till.wire.grants("authorization_code").is_empty(), || "the code was spent".to_owned())?;
    Ok(Cell::Pass(""))
}

pub(super) async fn identity(server: &Server) -> Found {
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    let identity = session.identity();
    let subject = identity.as_ref().and_then(|identity| identity.subject.as_deref());
    ensure(subject == Some(till.ada.name()), || format!("the session is pinned to {subject:?}"))?;
    let signed_in = matches!(session.state().state, State::SignedIn { .. });
    ensure(signed_in, || format!("the session is {:?}", session.state().state))?;
    Ok(Cell::Pass(""))
}
