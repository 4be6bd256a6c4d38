//! The cashier goes home.

use std::time::Duration;

use crate::{
    cell::{Cell, Found, Wrong, ensure},
    operator,
    server::Server,
    till::Till,
};

pub(super) async fn revocation(server: &Server) -> Found {
    let metadata = operator::metadata(server).await?;
    if metadata["revocation_endpoint"].is_null() {
        return Ok(Cell::NotAdvertised);
    }
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    let token = till.wire.last("refresh_token").ok_or_else(|| Wrong("no refresh token came".to_owned()))?;
    ensure(operator::is_active(server, &token).await?, || "the refresh token was never good".to_owned())?;
    till.wait_for(session.sign_out()).await?;
    till.pass(Duration::from_secs(60)).await;
    ensure(!operator::is_active(server, &token).await?, || "the refresh token is still good".to_owned())?;
    Ok(Cell::Pass(""))
}

/// What the till takes for good is good, and a made-up token is not.
pub(super) async fn introspection(server: &Server) -> Found {
    let metadata = operator::metadata(server).await?;
    if metadata["introspection_endpoint"].is_null() {
        return Ok(Cell::NotAdvertised);
    }
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    let token = till.wait_for(session.access_token()).await?;
    ensure(operator::is_active(server, token.expose()).await?, || "the till's token is not active".to_owned())?;
    ensure(!operator::is_active(server, "made-up").await?, || "a made-up token is active".to_owned())?;
    Ok(Cell::Pass(""))
}
