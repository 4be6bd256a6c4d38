//! `mainstay doctor`.

use std::sync::Arc;

use mainstay::{
    host::Transport,
    native,
    support::doctor::{Area, Diagnosis, Finding, Offered, Outlook, Recovery, diagnose},
};
use serde_json::{Value, json};

use crate::{
    document,
    screen::{BAD, FAINT, GOOD, NORMAL, ODD, STRONG, Screen, printable},
    trouble::Trouble,
    verdict::Health,
    words::span,
};

pub(crate) async fn show(screen: &mut Screen, issuer: &str, json: bool) -> Result<Health, Trouble> {
    let transport = native::Reqwest::new(tokio::runtime::Handle::current())?;
    let transport: Arc<dyn Transport> = Arc::new(transport);
    let seen = diagnose(&transport, &native::OsClock::new(tokio::runtime::Handle::current()), issuer).await?;
    let health = if seen.is_broken() { Health::Wrong } else { Health::Fine };
    if json {
        screen.json(&whole(&seen))?;
        return Ok(health);
    }
    screen.paragraph(0, STRONG, &printable(seen.issuer.as_str()))?;
    let (style, said) = clock(&seen);
    screen.paragraph(2, style, &said)?;
    for area in Area::ALL {
        screen.blank()?;
        screen.paragraph(0, STRONG, area.describe())?;
        for found in seen.findings.iter().filter(|finding| finding.area == area) {
            finding(screen, found)?;
        }
    }
    screen.blank()?;
    screen.paragraph(0, STRONG, "what becomes of a device when")?;
    for bad_day in &seen.outlooks {
        outlook(screen, bad_day)?;
    }
    screen.blank()?;
    screen.paragraph(0, STRONG, "a profile to paste (docs/profile.md)")?;
    for line in seen.profile.lines() {
        screen.verbatim(line)?;
    }
    Ok(health)
}

fn finding(screen: &mut Screen, found: &Finding) -> std::io::Result<()> {
    let (mark, end) = match found.offered {
        Offered::Yes => ((GOOD, "✓"), ""),
        Offered::No => ((FAINT, "–"), "not offered"),
        Offered::Broken => ((BAD, "✗"), "named, and does not work"),
    };
    screen.item(mark, found.feature, end)?;
    screen.paragraph(4, NORMAL, found.meaning)
}

fn outlook(screen: &mut Screen, bad_day: &Outlook) -> std::io::Result<()> {
    let mark = match bad_day.recovery {
        Recovery::ByItself => (GOOD, "✓"),
        Recovery::Waits => (GOOD, "·"),
        Recovery::OneSignIn | Recovery::Window => (ODD, "!"),
    };
    screen.item(mark, bad_day.incident, bad_day.recovery.describe())?;
    screen.paragraph(4, NORMAL, bad_day.why)
}

fn clock(seen: &Diagnosis) -> (anstyle::Style, String) {
    let Some(ahead) = seen.clock_ahead_ms else {
        return (ODD, "It does not tell the time: a device whose clock is off cannot know.".to_owned());
    };
    let off = span(ahead.unsigned_abs());
    match (seen.clocks_agree(), ahead > 0) {
        (true, _) => (GOOD, "Its clock and this device's agree.".to_owned()),
        (false, true) => {
            (ODD, format!("Its clock is {off} ahead of this device's. Sessions bear that; somebody should look."))
        }
        (false, false) => {
            (ODD, format!("Its clock is {off} behind this device's. Sessions bear that; somebody should look."))
        }
    }
}

fn whole(seen: &Diagnosis) -> Value {
    let offered = |offered| match offered {
        Offered::Yes => "yes",
        Offered::No => "no",
        Offered::Broken => "broken",
    };
    let finding =
        |found: &Finding| json!({ "code": found.code, "offered": offered(found.offered), "meaning": found.meaning });
    let outlook =
        |bad_day: &Outlook| json!({ "code": bad_day.code, "recovery": bad_day.recovery.code(), "why": bad_day.why });
    json!({
        "format": document::FORMAT,
        "issuer": seen.issuer.as_str(),
        "clock_ahead_ms": seen.clock_ahead_ms,
        "findings": seen.findings.iter().map(finding).collect::<Vec<_>>(),
        "outlooks": seen.outlooks.iter().map(outlook).collect::<Vec<_>>(),
        "profile": seen.profile,
    })
}
