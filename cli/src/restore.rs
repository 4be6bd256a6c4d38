//! `mainstay vault restore`.

use std::{path::Path, sync::Arc};

use mainstay::vault::{SetAside, Vault};
use serde_json::json;

use crate::{
    document,
    place::{self, NoKey},
    screen::{GOOD, NORMAL, Screen},
    trouble::Trouble,
    verdict::Health,
};

pub(crate) async fn show(screen: &mut Screen, folder: &Path, name: &str, json: bool) -> Result<Health, Trouble> {
    let vault = Vault::new(place::host(folder, Arc::new(NoKey))?);
    let aside = vault.set_aside_list().await.map_err(Trouble::NotRestored)?;
    let wanted = aside.iter().find(|it| it.name().as_str() == name);
    let at = wanted.ok_or_else(|| Trouble::NotAside(name.to_owned()))?.at;
    vault.restore(at).await.map_err(Trouble::NotRestored)?;
    let back: Vec<&str> = aside.iter().filter(|it| it.at == at).map(original).collect();
    if json {
        screen.json(&json!({ "format": document::FORMAT, "restored": back }))?;
        return Ok(Health::Fine);
    }
    for name in back {
        screen.item((GOOD, "✓"), name, "")?;
    }
    screen.blank()?;
    screen.paragraph(0, NORMAL, "Put back. The app reads it at its next start.")?;
    Ok(Health::Fine)
}

fn original(aside: &SetAside) -> &str {
    aside.original.as_str()
}
