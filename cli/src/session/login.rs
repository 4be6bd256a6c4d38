//! `mainstay login`.

use std::{fs, io::IsTerminal};

use mainstay::{
    driver::{DeviceCode, DevicePrompt},
    native::{SystemBrowser, TokioSpawn},
};
use url::Url;

use super::{
    kept::{self, Settings},
    qr,
};
use crate::{
    args::Login,
    screen::{GOOD, NORMAL, STRONG, Screen, printable},
    trouble::Trouble,
};

pub(crate) async fn login(screen: &mut Screen, login: &Login) -> Result<(), Trouble> {
    let profile = match &login.profile {
        Some(path) => Some(fs::read_to_string(path).map_err(|error| Trouble::Refused(path.clone(), error))?),
        None => None,
    };
    let settings = Settings {
        issuer: login.issuer.clone(),
        client_id: login.client_id.clone(),
        redirect_uri: login.redirect_uri.clone(),
        scopes: login.scopes.clone(),
        profile,
    };
    match kept::settings(&login.kept) {
        Ok(other) if other.issuer != settings.issuer => return Err(Trouble::OtherServer(other.issuer)),
        Ok(_) | Err(Trouble::NobodyYet | Trouble::BadFile(..)) => {}
        Err(trouble) => return Err(trouble),
    }
    let client = kept::client_with(&login.kept, &settings).await?;
    let session = if login.device {
        client.sign_in_with_device(&Terminal).await?
    } else {
        let spawn = TokioSpawn::shared()?;
        let browser = if login.no_browser {
            SystemBrowser::opened_by(&spawn, shown)
        } else {
            Screen::on_standard_error().paragraph(0, NORMAL, "Go on in your browser.")?;
            SystemBrowser::new(&spawn)
        };
        client.sign_in(&browser.for_app("your terminal")).await?
    };
    kept::remember(&login.kept, &settings)?;
    // The session stands when its token does.
    session.access_token().await?;
    let info = client.accounts().await?.into_iter().find(|info| info.id == session.account_id());
    let who = info.as_ref().and_then(|info| info.hint()).map_or_else(|| "somebody".to_owned(), printable);
    Ok(screen.paragraph(0, GOOD, &format!("Signed in as {who}."))?)
}

/// Says which address to open. Not wrapped: people copy it.
fn shown(url: &Url) -> std::io::Result<()> {
    let mut screen = Screen::on_standard_error();
    screen.paragraph(0, NORMAL, "Open this address in a browser on this machine:")?;
    screen.line(STRONG, url.as_str())
}

/// The terminal as a screen with a code on it.
struct Terminal;

impl DevicePrompt for Terminal {
    fn show(&self, code: &DeviceCode) {
        // A terminal that is gone shows nothing; the code may have been read all the same.
        let _gone = show(&mut Screen::on_standard_error(), code);
    }
}

fn show(screen: &mut Screen, code: &DeviceCode) -> std::io::Result<()> {
    screen.paragraph(0, NORMAL, "Open this address on your phone or computer, and type the code in:")?;
    screen.line(STRONG, code.verification_uri.as_str())?;
    screen.line(STRONG, &printable(&code.user_code))?;
    if let Some(qr) = code.qr.as_ref().filter(|_| std::io::stderr().is_terminal()) {
        screen.paragraph(0, NORMAL, "Or scan this, and compare the code:")?;
        for line in qr::lines(qr) {
            screen.line(qr::STYLE, &line)?;
        }
    }
    let minutes = code.lifetime.as_secs().div_ceil(60);
    screen.paragraph(0, NORMAL, &format!("Waiting, for up to {minutes} min …"))
}
