//! What it comes to, in numbers.

use std::io;

use anstyle::Style;
use mainstay_incidents::report::Report;

use crate::{
    screen::Screen,
    words::{BAD, FAINT, GOOD, NORMAL, STRONG},
};

/// The name of a client for people.
pub(crate) fn client_name(client: &str) -> &str {
    match client {
        "rust" => "with Mainstay",
        other => other,
    }
}

/// One row: what is counted, and each client's count with how good that is.
struct Row {
    label: &'static str,
    cells: Vec<(Style, String)>,
}

fn row(label: &'static str, reports: &[&Report], cell: impl Fn(&Report) -> (Style, String)) -> Row {
    Row { label, cells: reports.iter().map(|report| cell(report)).collect() }
}

/// None is good.
fn none(count: u64) -> (Style, String) {
    (if count == 0 { GOOD } else { BAD }, count.to_string())
}

fn yes(is: bool, good: bool) -> (Style, String) {
    (if is == good { GOOD } else { BAD }, if is { "yes" } else { "no" }.to_owned())
}

/// The clients side by side.
pub(crate) fn compare(screen: &mut Screen, reports: &[&Report]) -> io::Result<()> {
    let asked_of_as = |report: &Report| -> u64 {
        let api = ["sales", "me", "catalogue", "shift"];
        report.requests.iter().filter(|(name, _)| !api.contains(&name.as_str())).map(|(_, count)| count).sum()
    };
    let rows = [
        row("sign-in prompts", reports, |report| none(report.prompts)),
        row("people told to clear the app's data", reports, |report| yes(report.asks_to_clear_app_data, false)),
        row("credentials destroyed", reports, |report| none(report.credentials_destroyed)),
        row("app data as it was", reports, |report| yes(report.app_data_identical, true)),
        row("seconds without selling online", reports, |report| (NORMAL, report.seconds_not_selling.to_string())),
        row("seconds of selling lost", reports, |report| none(report.seconds_lost)),
        row("sales taken", reports, |report| (NORMAL, report.sales.taken.to_string())),
        row("of these not at the server", reports, |report| none(report.sales.taken - report.sales.delivered)),
        row("customers not served", reports, |report| none(report.sales.refused)),
        row("requests to sign-in and token endpoints", reports, |report| (NORMAL, asked_of_as(report).to_string())),
        row("requests to the POS API", reports, |report| {
            (NORMAL, (report.requests.values().sum::<u64>() - asked_of_as(report)).to_string())
        }),
        row("in the end", reports, |report| (NORMAL, report.state.to_string().replace('_', " "))),
    ];
    let label = 42;
    let cell = 16;
    let mut head = vec![(NORMAL, " ".repeat(label + 2))];
    head.extend(reports.iter().map(|report| (STRONG, format!("{:>cell$}", client_name(&report.client)))));
    screen.line(&head)?;
    for Row { label: text, cells } in rows {
        let mut line = vec![(NORMAL, format!("  {text:<label$}"))];
        line.extend(cells.into_iter().map(|(style, text)| (style, format!("{text:>cell$}"))));
        screen.line(&line)?;
    }
    Ok(())
}

/// One line per incident and client, for the whole catalogue.
pub(crate) struct Catalogue {
    name: usize,
}

impl Catalogue {
    /// Wide enough for the longest name.
    pub(crate) fn head(screen: &mut Screen, names: &[&str]) -> io::Result<Self> {
        let name = names.iter().map(|name| name.len()).max().unwrap_or(0);
        let titles = ["client", "prompts", "requests", "lost s", "destroyed", "data"];
        let [client, prompts, requests, lost, destroyed, data] = titles;
        let text =
            format!("    {:name$}  {client:<8}{prompts:>8}{requests:>9}{lost:>7}{destroyed:>10}{data:>6}", "incident");
        screen.line(&[(STRONG, text)])?;
        Ok(Self { name })
    }

    pub(crate) fn row(&self, screen: &mut Screen, report: &Report, counts: bool) -> io::Result<()> {
        let (style, mark) = match (report.ok, counts) {
            (true, _) => (GOOD, "✓"),
            (false, true) => (BAD, "✗"),
            (false, false) => (FAINT, "·"),
        };
        let name = self.name;
        let Report { incident, client, prompts, credentials_destroyed, seconds_lost, .. } = report;
        let requests: u64 = report.requests.values().sum();
        let data = if report.app_data_identical { "kept" } else { "lost" };
        let text = format!(
            "{incident:name$}  {client:<8}{prompts:>8}{requests:>9}{seconds_lost:>7}{credentials_destroyed:>10}{data:>6}"
        );
        screen.line(&[(style, format!("  {mark} ")), (if counts { NORMAL } else { FAINT }, text)])
    }
}
