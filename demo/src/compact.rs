//! An incident in short: what happened, what the cashier saw, and the numbers of both tills.

use std::io;

use mainstay_incidents::{
    director::{Happening, Scene},
    format::Incident,
    report::Report,
};

use crate::{
    perform::Performance,
    screen::Screen,
    show::Clock,
    words::{self, BAD, CALM, FAINT, GOOD, NORMAL, STRONG},
};

/// Columns for what a line is about.
const LABEL: usize = 11;

/// At most so many sentences of the till's are told; where there were more, the last of them.
const SENTENCES: usize = 4;

pub(crate) async fn tell(
    screen: &mut Screen,
    incident: &Incident,
    mainstay: &Performance,
    naive: &Performance,
) -> io::Result<()> {
    let about = &incident.about;
    screen.blank()?;
    let client = about.client.as_ref().map(|client| format!(" · {client}")).unwrap_or_default();
    screen.line(&[(STRONG, format!("  {}", incident.name)), (FAINT, format!("  {}{client}", about.year))])?;
    screen.paragraph(2, NORMAL, &about.title)?;
    screen.labelled(LABEL, FAINT, "suffered", &[(FAINT, words::one_line(&about.suffered))])?;
    let seen = what_the_cashier_saw(&mainstay.scenes, &Clock::of(incident));
    let cashier = if seen.is_empty() { "noticed nothing".to_owned() } else { seen };
    screen.labelled(LABEL, CALM, "cashier", &[(CALM, cashier)])?;
    let style = if mainstay.report.ok { GOOD } else { BAD };
    screen.labelled(LABEL, style, "Mainstay", &[(NORMAL, numbers(&mainstay.report))])?;
    screen.labelled(LABEL, BAD, "naive", &[(FAINT, numbers(&naive.report))])?;
    screen.pause(about.suffered.chars().count(), |_| "  read on …".to_owned()).await
}

/// The till's sentences with their times, as they changed.
fn what_the_cashier_saw(scenes: &[Scene], clock: &Clock) -> String {
    let mut said: Vec<(u64, &str)> = Vec::new();
    let mut last = "All is well.";
    for Scene { at_ms, what } in scenes {
        if let Happening::State(state) = what
            && !state.cashier.is_empty()
            && state.cashier != last
        {
            last = &state.cashier;
            said.push((*at_ms, last));
        }
    }
    let told = said.len().saturating_sub(SENTENCES);
    let earlier = if told > 0 { format!("({told} more before) ") } else { String::new() };
    let sentences: Vec<String> =
        said.iter().skip(told).map(|(at_ms, text)| format!("{} “{text}”", clock.minute(*at_ms))).collect();
    earlier + &sentences.join(" ")
}

fn numbers(report: &Report) -> String {
    let several = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let requests: u64 = report.requests.values().sum();
    let not_sold = report.sales.refused + report.sales.taken - report.sales.delivered;
    let mut parts = vec![
        several(report.prompts, "prompt", "prompts"),
        several(requests, "request", "requests"),
        format!("{} lost", several(report.credentials_destroyed, "sign-in", "sign-ins")),
        format!("{} of other people", several(report.foreign_bytes, "byte", "bytes")),
    ];
    if report.sales.taken + report.sales.refused > 0 {
        parts.push(format!("{} lost", several(not_sold, "sale", "sales")));
        parts.push(format!("{} not selling online", words::span(report.seconds_not_selling.saturating_mul(1000))));
    }
    if report.asks_to_clear_app_data {
        parts.push("people told to clear the app's data".to_owned());
    }
    parts.join(" · ")
}
