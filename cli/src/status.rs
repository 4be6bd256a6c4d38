//! `mainstay vault status`.

use std::{collections::BTreeMap, io};

use mainstay::{
    support::Examination,
    vault::{
        FileKind, InspectedAccount, InspectedFile, InspectedGeneration, InspectedToken, InspectedTokens, Outcome,
        Verdict,
    },
};
use serde_json::Value;

use crate::{
    args::Look,
    document::{self, Names},
    place,
    screen::{BAD, FAINT, GOOD, NORMAL, ODD, STRONG, Screen, printable, sentence},
    trouble::Trouble,
    verdict::Health,
    words::{self, count, span},
};

pub(crate) async fn show(screen: &mut Screen, look: &Look, json: bool) -> Result<Health, Trouble> {
    let seen = place::examine(look).await?;
    let health = Health::of(&seen);
    if json {
        screen.json(&Value::Object(document::status(&seen, &Names::Plain)))?;
        return Ok(health);
    }
    screen.paragraph(0, STRONG, &printable(&look.folder.display().to_string()))?;
    vault(screen, &seen)?;
    for account in &seen.vault.accounts {
        screen.blank()?;
        screen.paragraph(0, STRONG, &format!("account {}", account.key))?;
        session(screen, &seen, account)?;
    }
    set_aside(screen, &seen)?;
    screen.blank()?;
    summary(screen, &seen, health)?;
    Ok(health)
}

fn vault(screen: &mut Screen, seen: &Examination) -> io::Result<()> {
    let vault = &seen.vault;
    let style = match vault.opened {
        Outcome::Value(()) => GOOD,
        Outcome::Empty => NORMAL,
        Outcome::Locked(_) | Outcome::TooNew { .. } => ODD,
        Outcome::Unreadable(_) => BAD,
    };
    screen.entry("opens", style, &words::opened(&vault.opened, vault.key_store))?;
    screen.entry("key store", NORMAL, vault.key_store)?;
    screen.entry("machine", NORMAL, words::machine(vault.machine))?;
    if vault.resealing {
        screen.entry("sealed anew", NORMAL, "under way, or cut short: the next start finishes it")?;
    }
    let queue = |while_locked: bool| {
        let is_it = move |kind: &FileKind| match kind {
            FileKind::Revocation(_) => !while_locked,
            FileKind::Parked(_) => while_locked,
            _ => false,
        };
        vault.files.iter().filter(|file| is_it(&file.kind)).count()
    };
    let waiting = match (queue(false), queue(true)) {
        (0, 0) => "none waits".to_owned(),
        (queued, 0) => format!("{queued} waiting for a server"),
        (queued, parked) => format!("{queued} waiting for a server, {parked} more for the vault to open"),
    };
    screen.entry("revocations", NORMAL, &waiting)?;
    let bytes: usize = vault.files.iter().filter_map(|file| file.size).sum();
    let mut files = format!("{}, {bytes} bytes", vault.files.len());
    if vault.foreign > 0 {
        files.push_str(&format!("; and {} of its own", count(vault.foreign, "file that is not", "files that are not")));
    }
    screen.entry("files", NORMAL, &files)
}

fn session(screen: &mut Screen, seen: &Examination, account: &InspectedAccount) -> io::Result<()> {
    let memory = seen.memories.get(&account.key);
    let now = document::now();
    match (&account.outcome, memory) {
        (Outcome::Unreadable(_) | Outcome::TooNew { .. }, _) => {
            screen.entry("opens", BAD, &words::opened(&account.outcome, seen.vault.key_store))?;
        }
        (_, Some(memory)) => {
            let reason = memory.state.code().map(|code| format!(" ({})", code.as_str())).unwrap_or_default();
            let stored = span(document::ago(memory.now, memory.stored_at).saturating_mul(1000));
            let state = memory.state.name().replace('_', " ");
            screen.entry("state", STRONG, &format!("{state}{reason}, as stored {stored} ago"))?;
            screen.entry("", NORMAL, memory.situation.manager())?;
        }
        (Outcome::Value(()), None) => screen.entry("state", NORMAL, "not remembered; the credentials are there")?,
        (Outcome::Empty, None) if account.epoch.number() > 0 => screen.entry("state", NORMAL, "signed out")?,
        (Outcome::Empty, None) => screen.entry("state", NORMAL, "no credentials")?,
        (Outcome::Locked(_), None) => screen.entry("state", NORMAL, "sealed; it takes the key to tell")?,
    }
    if let Some(identity) = seen.identity(account) {
        screen.entry("identity", NORMAL, &words::identity(identity))?;
    }
    for (at, it) in account.generations.iter().enumerate() {
        let label = if at == 0 { "generation" } else { "kept" };
        screen.entry(label, NORMAL, &generation(it, seen, account, now))?;
    }
    if account.generations.len() > 1 {
        screen.entry("", ODD, "no server has accepted the newest yet; older ones are kept until one does")?;
    }
    if account.open_intent {
        screen.entry("refresh", ODD, "begun, and its end not seen: the next start tries the same token once more")?;
    }
    if account.device_key {
        screen.entry("device key", NORMAL, "sealed in the vault")?;
    }
    if let Some(memory) = memory.filter(|memory| memory.last_accepted.as_millis() > 0) {
        let accepted = span(document::ago(memory.now, memory.last_accepted).saturating_mul(1000));
        screen.entry("accepted", NORMAL, &format!("by a server, {accepted} ago"))?;
    }
    let sign_outs = account.epoch.number();
    if sign_outs > 0 { screen.entry("sign-outs", NORMAL, &sign_outs.to_string()) } else { Ok(()) }
}

fn generation(it: &InspectedGeneration, seen: &Examination, account: &InspectedAccount, now: u64) -> String {
    let age = it.written_at.map(|at| format!(", stored {} ago", span(now.saturating_sub(at)))).unwrap_or_default();
    let is_newest = account.generations.first().is_some_and(|newest| newest.generation == it.generation);
    let content = it.content.as_ref().filter(|_| is_newest);
    let content = content.map(|content| content_of(content, seen, account)).unwrap_or_default();
    format!("{}{age}{content}", it.generation.number())
}

fn content_of(content: &InspectedTokens, seen: &Examination, account: &InspectedAccount) -> String {
    let refresh = if content.refresh_token { "refresh token" } else { "no refresh token" };
    let tokens: Vec<_> = content.access_tokens.iter().map(|token| access_token(token, seen, account)).collect();
    let tokens = if tokens.is_empty() { vec!["no access token".to_owned()] } else { tokens };
    format!(": {refresh}, {}", tokens.join(", "))
}

fn access_token(token: &InspectedToken, seen: &Examination, account: &InspectedAccount) -> String {
    let audience = token.audience.as_deref().map(|it| format!(" for {}", printable(it))).unwrap_or_default();
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let life = match seen.memories.get(&account.key) {
        Some(memory) if memory.now < token.expires_at => {
            format!("{} left", span(millis(token.expires_at.since(memory.now))))
        }
        Some(memory) => format!("expired {} ago", span(millis(memory.now.since(token.expires_at)))),
        None => format!("made for {}", span(millis(token.expires_at.since(token.received_at)))),
    };
    format!("access token{audience} ({life})")
}

/// What was set aside, each moment's files together, as they come back together.
fn set_aside(screen: &mut Screen, seen: &Examination) -> io::Result<()> {
    let mut moments: BTreeMap<_, Vec<&InspectedFile>> = BTreeMap::new();
    for file in &seen.vault.files {
        if let FileKind::SetAside(aside) = &file.kind {
            moments.entry((aside.at, aside.reason.word())).or_default().push(file);
        }
    }
    for ((at, _), files) in &moments {
        screen.blank()?;
        screen.paragraph(0, STRONG, &format!("set aside {}", words::date(*at)))?;
        for file in files {
            screen.item((ODD, "–"), file.name.as_str(), "")?;
        }
        let Some(FileKind::SetAside(aside)) = files.first().map(|file| &file.kind) else { continue };
        let all = |verdict| files.iter().all(|file| file.verdict == verdict);
        let now = if all(Verdict::Whole) {
            " Everything opens now: `mainstay vault restore` puts it back."
        } else if all(Verdict::Void) {
            " The session was signed out since."
        } else {
            ""
        };
        screen.paragraph(4, FAINT, &format!("{}.{now}", sentence(&aside.reason.to_string())))?;
    }
    Ok(())
}

fn summary(screen: &mut Screen, seen: &Examination, health: Health) -> io::Result<()> {
    let broken = seen.vault.files.iter().filter(|file| Health::of_file(file) == Health::Wrong).count();
    match health {
        Health::Fine => screen.paragraph(0, GOOD, "Nothing is wrong."),
        Health::Closed => screen.paragraph(0, ODD, "Nothing wrong was found; not everything could be opened."),
        Health::Wrong if broken > 0 => {
            let files = count(broken, "file cannot", "files cannot");
            screen.paragraph(
                0,
                BAD,
                &format!("Something is wrong: {files} be read. `mainstay vault verify` says which."),
            )
        }
        Health::Wrong => screen.paragraph(0, BAD, "Something is wrong."),
    }
}
