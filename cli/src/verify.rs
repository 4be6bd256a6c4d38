//! `mainstay vault verify`.

use mainstay::{
    support::Examination,
    vault::{FileKind, InspectedFile, Outcome, Verdict},
};
use serde_json::Value;

use crate::{
    args::Look,
    document::{self, Names},
    place,
    screen::{BAD, FAINT, GOOD, ODD, STRONG, Screen, printable, sentence},
    trouble::Trouble,
    verdict::Health,
    words::{self, count, span},
};

pub(crate) async fn show(screen: &mut Screen, look: &Look, json: bool) -> Result<Health, Trouble> {
    let seen = place::examine(look).await?;
    let health = Health::of(&seen);
    if json {
        let status = document::status(&seen, &Names::Plain);
        let mut document: serde_json::Map<_, _> =
            status.into_iter().filter(|(name, _)| HEAD.contains(&name.as_str())).collect();
        document.insert("files".to_owned(), document::files(&seen, &Names::Plain));
        screen.json(&Value::Object(document))?;
        return Ok(health);
    }
    screen.paragraph(0, STRONG, &printable(&look.folder.display().to_string()))?;
    for file in &seen.vault.files {
        item(screen, file)?;
    }
    screen.blank()?;
    summary(screen, &seen, health)?;
    Ok(health)
}

/// What of a status stands before the files.
const HEAD: &[&str] = &["format", "mainstay", "looked_at", "health", "opened", "key_store", "machine"];

fn item(screen: &mut Screen, file: &InspectedFile) -> std::io::Result<()> {
    let aside = matches!(file.kind, FileKind::SetAside(_));
    let mark = match (Health::of_file(file), file.verdict) {
        _ if aside => (ODD, "–"),
        (_, Verdict::Void) => (FAINT, "·"),
        (Health::Fine, _) => (GOOD, "✓"),
        (Health::Closed, _) => (ODD, "?"),
        (Health::Wrong, _) => (BAD, "✗"),
    };
    let age = file.written_at.map(|at| format!("{} ago", span(document::now().saturating_sub(at))));
    let size = file.size.map_or_else(|| "-".to_owned(), |size| format!("{size} B"));
    screen.item(mark, file.name.as_str(), &format!("{size:>9} {:>15}", age.unwrap_or_default()))?;
    match file.verdict {
        Verdict::Whole if aside => screen.paragraph(4, FAINT, "set aside; it opens now"),
        Verdict::SealUnchecked if aside => screen.paragraph(4, FAINT, "set aside; checksum right, seal not checked"),
        Verdict::Unreadable(reason) if aside => screen.paragraph(4, FAINT, &format!("set aside: {reason}")),
        Verdict::Whole | Verdict::SealUnchecked => Ok(()),
        verdict => screen.paragraph(4, mark.0, &sentence(&words::verdict(verdict))),
    }
}

fn summary(screen: &mut Screen, seen: &Examination, health: Health) -> std::io::Result<()> {
    let files = &seen.vault.files;
    let with = |health| files.iter().filter(|file| Health::of_file(file) == health).count();
    let aside = files.iter().filter(|file| matches!(file.kind, FileKind::SetAside(_))).count();
    let mut counts = format!("{} whole", with(Health::Fine).saturating_sub(aside));
    for (number, what) in
        [(with(Health::Wrong), "unreadable"), (with(Health::Closed), "not opened"), (aside, "set aside")]
    {
        if number > 0 {
            counts.push_str(&format!(", {number} {what}"));
        }
    }
    if seen.vault.foreign > 0 {
        counts
            .push_str(&format!("; {} of its own", count(seen.vault.foreign, "file that is not", "files that are not")));
    }
    let (style, said) = match health {
        Health::Fine => (GOOD, "Nothing is wrong"),
        Health::Closed => (ODD, "Nothing wrong was found, and not everything could be checked"),
        Health::Wrong => (BAD, "Something is wrong"),
    };
    screen.paragraph(0, style, &format!("{said}: {counts}."))?;
    match &seen.vault.opened {
        Outcome::Value(()) | Outcome::Empty => Ok(()),
        closed => screen.paragraph(0, ODD, &format!("The vault: {}", words::opened(closed, seen.vault.key_store))),
    }
}
