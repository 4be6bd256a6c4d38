//! Signing in on the command line, and what can be done with it.

mod kept;
mod login;
mod qr;

use std::{
    io::{self, Write},
    time::Duration,
};

use mainstay::{State, driver::AccessToken};
use serde_json::json;

use crate::{
    args::Kept,
    document,
    screen::{BAD, FAINT, GOOD, NORMAL, ODD, STRONG, Screen, printable, sentence},
    trouble::Trouble,
};

pub(crate) use login::login;

/// How long a sign-out waits for the server to hear of it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A good token.
async fn good_token(kept: &Kept) -> Result<AccessToken, Trouble> {
    let client = kept::client(kept).await?;
    let session = client.session().ok_or(Trouble::NobodyYet)?;
    Ok(session.access_token().await?)
}

/// `mainstay token`.
pub(crate) async fn token(kept: &Kept) -> Result<(), Trouble> {
    let token = good_token(kept).await?;
    Ok(writeln!(io::stdout(), "{}", token.expose())?)
}

/// `mainstay curl-config`.
pub(crate) async fn curl_config(kept: &Kept) -> Result<(), Trouble> {
    let token = good_token(kept).await?;
    if !token.token_type().eq_ignore_ascii_case("bearer") {
        return Err(Trouble::NotForCurl(printable(token.token_type())));
    }
    // In quotes curl reads \" and \\; a token is visible ASCII.
    let escaped = token.expose().replace('\\', "\\\\").replace('"', "\\\"");
    Ok(writeln!(io::stdout(), "header = \"Authorization: Bearer {escaped}\"")?)
}

/// `mainstay status`.
pub(crate) async fn status(screen: &mut Screen, kept: &Kept, json: bool) -> Result<(), Trouble> {
    let client = kept::client(kept).await?;
    let settings = kept::settings(kept)?;
    let session = client.session().ok_or(Trouble::NobodyYet)?;
    let mut states = session.states();
    while matches!(states.next().await, Some(state) if state.state == State::Starting) {}
    let (state, said) = (session.state().state, session.explain());
    let subject = session.identity().and_then(|identity| identity.subject);
    let account = client.accounts().await?.into_iter().find(|info| info.id == session.account_id());
    let name = account.and_then(|info| info.name);
    if json {
        screen.json(&json!({
            "format": document::FORMAT,
            "issuer": settings.issuer,
            "client_id": settings.client_id,
            "state": said.state,
            "code": said.code.map(|code| code.as_str()),
            "subject": subject,
            "name": name,
            "needs_person": said.needs_person,
            "next": { "code": said.next.code, "seconds": said.next.seconds },
            "key_store": client.key_store(),
        }))?;
        return Ok(());
    }
    let who = match (name, subject) {
        (Some(name), Some(subject)) => format!("{} ({})", printable(&name), printable(&subject)),
        (None, Some(subject)) => printable(&subject),
        _ => "nobody".to_owned(),
    };
    let style = match state {
        State::SignedIn { .. } => GOOD,
        State::SignInRequired { .. } | State::Quarantined { .. } => BAD,
        _ => ODD,
    };
    screen.paragraph(0, STRONG, &printable(&settings.issuer))?;
    screen.entry("state", style, &said.state.replace('_', " "))?;
    screen.entry("", NORMAL, said.manager)?;
    screen.entry("who", NORMAL, &who)?;
    screen.entry("client", NORMAL, &printable(&settings.client_id))?;
    screen.entry("key store", NORMAL, client.key_store())?;
    screen.entry("next", FAINT, &said.next.sentence)?;
    Ok(())
}

/// `mainstay logout`.
pub(crate) async fn logout(screen: &mut Screen, kept: &Kept) -> Result<(), Trouble> {
    let client = kept::client(kept).await?;
    let session = client.session().ok_or(Trouble::NobodyYet)?;
    session.sign_out().await?;
    let told = client.revocations_settled(PATIENCE).await;
    screen.paragraph(0, GOOD, "Signed out on this machine.")?;
    let server = match told {
        true => "the server has forgotten the session",
        false => "the server could not be told yet; the next `mainstay` with this vault tries again, for a week",
    };
    Ok(screen.paragraph(0, NORMAL, &format!("{}.", sentence(server)))?)
}
