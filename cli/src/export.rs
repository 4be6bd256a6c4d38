//! `mainstay vault export --redacted`.

use mainstay::native::OsEntropy;
use serde_json::{Value, json};

use crate::{
    args::Look,
    document::{self, Names},
    place,
    screen::Screen,
    trouble::Trouble,
    verdict::Health,
};

pub(crate) async fn show(screen: &mut Screen, look: &Look, redacted: bool) -> Result<Health, Trouble> {
    if !redacted {
        return Err(Trouble::NotRedacted);
    }
    let seen = place::examine(look).await?;
    let pseudonyms = seen.pseudonyms(&OsEntropy);
    let names = Names::Redacted(&pseudonyms);
    let mut document = document::status(&seen, &names);
    let kind = if pseudonyms.are_lasting() { "of this vault's key" } else { "of this document" };
    document.insert("pseudonyms".to_owned(), json!(kind));
    document.insert("system".to_owned(), json!({ "os": std::env::consts::OS, "arch": std::env::consts::ARCH }));
    document.insert("each_file".to_owned(), document::files(&seen, &names));
    document.insert("timelines".to_owned(), document::timelines(&seen, &names));
    screen.json(&Value::Object(document))?;
    Ok(Health::of(&seen))
}
