//! New tokens for old ones.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use mainstay::{Session, State, driver::TokenRequest};

use crate::{
    cell::{Cell, Found, Wrong, ensure},
    operator,
    server::Server,
    till::Till,
};

const REFRESH: &str = "refresh_token";
/// A token that has to live so long is a new one: all servers here give an hour.
static NEW: TokenRequest =
    TokenRequest { audience: None, scopes: Vec::new(), min_remaining: Duration::from_secs(3590) };

/// Every refresh token is presented once, and each answer brings the next.
pub(super) async fn rotation(server: &Server) -> Found {
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    for _ in 0..3 {
        renewed(&till, &session).await?;
    }
    let refreshes = till.wire.grants(REFRESH);
    let presented: BTreeSet<_> = refreshes.iter().filter_map(|exchange| exchange.parameter(REFRESH)).collect();
    ensure(presented.len() == 3 && refreshes.len() == 3, || {
        format!("{} refreshes presented {} refresh tokens", refreshes.len(), presented.len())
    })?;
    let refused: Vec<_> = refreshes.iter().map(|exchange| exchange.status).filter(|status| *status != 200).collect();
    ensure(refused.is_empty(), || format!("refreshes were answered {refused:?}"))?;
    Ok(Cell::Pass(""))
}

async fn renewed(till: &Till, session: &Session) -> Result<(), Wrong> {
    till.pass(Duration::from_secs(180)).await;
    till.wait_for(session.access_token_for(&NEW)).await?;
    Ok(())
}

/// Twenty callers want a token that has expired.
pub(super) async fn single_flight(server: &Server) -> Found {
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    let calls = join_all((0..20).map(|_| session.access_token_for(&NEW)));
    let tokens = till.wait_for(calls).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let refreshes = till.wire.grants(REFRESH).len();
    ensure(tokens.len() == 20 && refreshes == 1, || format!("{refreshes} refreshes"))?;
    Ok(Cell::Pass(""))
}

/// Somebody presents a refresh token that the till has used before. What that does to the till is the server's business;
/// the till must not lose its session over it.
pub(super) async fn reuse(server: &Server) -> Found {
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    let stolen = till.wire.last(REFRESH).ok_or_else(|| Wrong("no refresh token came".to_owned()))?;
    renewed(&till, &session).await?;
    let status = operator::replay(server, &stolen).await?;
    ensure((400..500).contains(&status), || format!("the thief was answered {status}"))?;
    till.pass(Duration::from_secs(180)).await;
    // Whatever the session is now, a call tells.
    let _answered = till.asks_who(&session).await;
    let settled = |state: State| matches!(state, State::SignedIn { .. } | State::SignInRequired { .. });
    let in_time = till.until(&session, Duration::from_secs(900), settled).await;
    ensure(in_time, || format!("after 15 minutes the session is {:?}", session.state().state))?;
    match session.state().state {
        State::SignedIn { .. } => Ok(Cell::Pass("the thief is refused, the till goes on")),
        _ => {
            till.wait_for(session.sign_in_again(&till.ada)).await?;
            let back = matches!(session.state().state, State::SignedIn { .. });
            ensure(back && till.ada.visits() == 2, || format!("then {:?}", session.state().state))?;
            Ok(Cell::Pass("the server ends the family; one prompt"))
        }
    }
}
