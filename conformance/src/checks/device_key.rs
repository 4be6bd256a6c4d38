//! The device signs in by itself, at a server that follows docs/server-guide.md.

use std::time::Duration;

use mainstay::State;

use crate::{
    cell::{Cell, Found, ensure},
    operator,
    server::{Loss, Server},
    till::Till,
};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

async fn offered(server: &Server) -> Result<bool, crate::cell::Wrong> {
    Ok(!operator::metadata(server).await?["mainstay_enrollment_endpoint"].is_null())
}

/// Every token is lost; the key brings a new one, and nobody is asked.
pub(super) async fn silent_sign_in(server: &mut Server) -> Found {
    if !offered(server).await? {
        return Ok(Cell::NotAdvertised);
    }
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    till.wait_for(session.enroll_device_key()).await?;
    server.restart(Loss::Tokens).await?;
    let _rejected = till.asks_who(&session).await;
    let back = till.until(&session, Duration::from_secs(600), |state| matches!(state, State::SignedIn { .. })).await;
    ensure(back, || format!("after ten minutes the session is {:?}", session.state().state))?;
    let answer = till.asks_who(&session).await?;
    ensure(answer.status() == 200, || format!("then the server answers {}", answer.status()))?;
    ensure(till.ada.visits() == 1, || "somebody was asked to sign in".to_owned())?;
    let assertions = till.wire.grants(JWT_BEARER);
    ensure(assertions.len() == 1, || format!("{} assertions", assertions.len()))?;
    Ok(Cell::Pass("no prompt"))
}

/// After a sign-out the server knows the key no more: the till's own assertion is of no use to whoever finds it.
pub(super) async fn withdrawn(server: &mut Server) -> Found {
    if !offered(server).await? {
        return Ok(Cell::NotAdvertised);
    }
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    till.wait_for(session.enroll_device_key()).await?;
    let kid = till.wire.last("kid").unwrap_or_default();
    ensure(server.knows_device_key(&kid)?, || "the key was never enrolled".to_owned())?;
    till.wait_for(session.sign_out()).await?;
    till.pass(Duration::from_secs(60)).await;
    ensure(!server.knows_device_key(&kid)?, || "the server still knows the key".to_owned())?;
    Ok(Cell::Pass(""))
}
