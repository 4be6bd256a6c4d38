//! Where a session is kept between two commands: a vault, and beside it what it takes to open it again.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use etcetera::{BaseStrategy, choose_base_strategy};
use mainstay::{Client, Profile, host::Host, native};
use serde::{Deserialize, Serialize};

use crate::{args::Kept, trouble::Trouble};

/// How the session was begun. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    /// As it was given, in TOML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<String>,
}

/// The folder of the vault.
pub(crate) fn folder(kept: &Kept) -> Result<PathBuf, Trouble> {
    match &kept.folder {
        Some(folder) => Ok(folder.clone()),
        None => {
            let person = choose_base_strategy().map_err(|_| Trouble::NoHome)?;
            Ok(person.data_dir().join("mainstay").join(&kept.name))
        }
    }
}

fn settings_file(folder: &Path) -> PathBuf {
    folder.join("mainstay-cli.json")
}

pub(crate) fn settings(kept: &Kept) -> Result<Settings, Trouble> {
    let path = settings_file(&folder(kept)?);
    let text = match fs::read(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(Trouble::NobodyYet);
        }
        text => text.map_err(|error| Trouble::Refused(path.clone(), error))?,
    };
    serde_json::from_slice(&text).map_err(|error| Trouble::BadFile(path, error.to_string()))
}

/// Remembers how the session was begun, in one step: another command may be reading.
pub(crate) fn remember(kept: &Kept, settings: &Settings) -> Result<(), Trouble> {
    let folder = folder(kept)?;
    let path = settings_file(&folder);
    let text =
        serde_json::to_vec_pretty(settings).map_err(|error| Trouble::BadFile(path.clone(), error.to_string()))?;
    let write = || {
        fs::create_dir_all(&folder)?;
        let temporary = folder.join(format!("mainstay-cli.{}", std::process::id()));
        let mut file = fs::File::create(&temporary)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    };
    write().map_err(|error| Trouble::Refused(path.clone(), error))
}

/// The client that goes on with the session.
pub(crate) async fn client(kept: &Kept) -> Result<Client, Trouble> {
    client_with(kept, &settings(kept)?).await
}

pub(crate) async fn client_with(kept: &Kept, settings: &Settings) -> Result<Client, Trouble> {
    let profile = match &settings.profile {
        Some(text) => Profile::from_toml(text)
            .map_err(|error| Trouble::Session(mainstay::Error::Misconfigured(format!("the profile: {error}"))))?,
        None => Profile::default(),
    };
    let builder = Client::builder(&settings.issuer, &settings.client_id).redirect_uri(&settings.redirect_uri);
    let builder = if settings.scopes.is_empty() { builder } else { builder.scopes(&settings.scopes) };
    Ok(builder.profile(profile).host(host(kept)?).build().await?)
}

fn host(kept: &Kept) -> Result<Host, Trouble> {
    let folder = folder(kept)?;
    match &kept.key_folder {
        Some(keys) => Ok(native::unprotected(folder, keys)?),
        None => desktop(folder),
    }
}

#[cfg(feature = "keyring")]
fn desktop(folder: PathBuf) -> Result<Host, Trouble> {
    Ok(native::desktop(folder)?)
}

/// Never anything weaker than what was asked for, unless it is named.
#[cfg(not(feature = "keyring"))]
fn desktop(_folder: PathBuf) -> Result<Host, Trouble> {
    Err(Trouble::NoKeyStore)
}
