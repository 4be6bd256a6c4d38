//! Bad days of a real server.

use std::time::Duration;

use mainstay::{Session, State};

use crate::{
    cell::{Cell, Found, Wrong, ensure},
    server::{Loss, Server},
    till::Till,
};

/// How long the till may take to sell again once the server is well: the goal of DESIGN.md section 6.
const BACK: Duration = Duration::from_secs(300);

fn signed_in(state: State) -> bool {
    matches!(state, State::SignedIn { .. })
}

/// The call of a cashier who goes on selling, until it is answered.
async fn sells_again(till: &Till, session: &Session) -> Result<(), Wrong> {
    for _ in 0..BACK.as_secs() / 10 {
        if till.asks_who(session).await.is_ok_and(|answer| answer.status() == 200) {
            return ensure(till.ada.visits() == 1, || "somebody was asked to sign in".to_owned());
        }
        till.pass(Duration::from_secs(10)).await;
    }
    Err(Wrong(format!("after five minutes the session is {:?}", session.state().state)))
}

pub(super) async fn restart(server: &mut Server) -> Found {
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    server.restart(Loss::Nothing).await?;
    sells_again(&till, &session).await?;
    Ok(Cell::Pass("no prompt"))
}

pub(super) async fn outage(server: &mut Server) -> Found {
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    server.stop().await?;
    for _ in 0..10 {
        let _nobody_answers = till.asks_who(&session).await;
        till.pass(Duration::from_secs(60)).await;
        let state = session.state().state;
        ensure(!matches!(state, State::SignInRequired { .. } | State::SignedOut { .. }), || format!("{state:?}"))?;
    }
    server.up().await?;
    sells_again(&till, &session).await?;
    Ok(Cell::Pass("no prompt"))
}

pub(super) async fn rotated_keys(server: &mut Server) -> Found {
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    server.restart(Loss::KeysRotated).await?;
    sells_again(&till, &session).await?;
    let tokens = till.wire.grants("refresh_token").len();
    ensure(tokens == 0, || format!("{tokens} refreshes for a key that was still published"))?;
    Ok(Cell::Pass("nothing noticed"))
}

pub(super) async fn lost_keys(server: &mut Server) -> Found {
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    server.restart(Loss::Keys).await?;
    sells_again(&till, &session).await?;
    Ok(match till.wire.grants("refresh_token").len() {
        0 => Cell::Pass("its tokens carry no signature; nothing noticed"),
        _ => Cell::Pass("every token is rejected; one refresh, no prompt"),
    })
}

pub(super) async fn lost_store(server: &mut Server) -> Found {
    let till = Till::new(server).await?;
    let session = till.signed_in().await?;
    server.restart(Loss::Store).await?;
    let _rejected = till.asks_who(&session).await;
    let asked = |state: State| matches!(state, State::SignInRequired { .. });
    // A token that carries its own proof is good until it expires; the store is missed at the refresh.
    let in_time = till.until(&session, Duration::from_secs(2 * 3600), asked).await;
    ensure(in_time, || format!("after two hours the session is {:?}", session.state().state))?;
    let account = session.account_id();
    till.wait_for(session.sign_in_again(&till.ada)).await?;
    ensure(till.ada.visits() == 2, || format!("{} prompts", till.ada.visits() - 1))?;
    ensure(signed_in(session.state().state), || format!("then {:?}", session.state().state))?;
    ensure(session.account_id() == account, || "it is another account now".to_owned())?;
    let answer = till.asks_who(&session).await?;
    ensure(answer.status() == 200, || format!("then the server answers {}", answer.status()))?;
    Ok(Cell::Pass("one prompt, in place"))
}
