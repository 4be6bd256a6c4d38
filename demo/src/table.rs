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
        row("times killed", reports, |report| (NORMAL, report.kills.to_string())),
        row("refresh tokens taken for stolen", reports, |report| none(report.reuse_detections)),
        row("sales taken", reports, |report| (NORMAL, report.sales.taken.to_string())),
        row("of these not at the server", reports, |report| none(report.sales.taken - report.sales.delivered)),
        row("customers not served", reports, |report| none(report.sales.refused)),
        row("requests to sign-in and token endpoints", reports, |report| (NORMAL, asked_of_as(report).to_string())),
        row("requests to the POS API", reports, |report| {
            (NORMAL, (report.requests.values().sum::<u64>() - asked_of_as(report)).to_string())
        }),
        row("in the end", reports, |report| (NORMAL, report.state.to_string().replace('_', " "))),
    ];
    // Where nobody was killed and nothing taken for stolen, nothing is to be said of it.
    let idle = ["times killed", "refresh tokens taken for stolen"];
    let is_idle = |row: &Row| idle.contains(&row.label) && row.cells.iter().all(|(_, text)| text == "0");
    let label = 42;
    let cell = 16;
    let mut head = vec![(NORMAL, " ".repeat(label + 2))];
    head.extend(reports.iter().map(|report| (STRONG, format!("{:>cell$}", client_name(&report.client)))));
    screen.line(&head)?;
    for Row { label: text, cells } in rows.into_iter().filter(|row| !is_idle(row)) {
        let mut line = vec![(NORMAL, format!("  {text:<label$}"))];
        line.extend(cells.into_iter().map(|(style, text)| (style, format!("{text:>cell$}"))));
        screen.line(&line)?;
    }
    Ok(())
}

/// One line per incident for the whole catalogue: ours, and the naive client's in the same cell.
#[derive(Default)]
pub(crate) struct Summary {
    rows: Vec<(String, bool, [Pair; COLUMNS.len()])>,
}

/// Ours, and the naive client's.
type Pair = [u64; 2];

const COLUMNS: [&str; 4] = ["prompts", "lost", "foreign", "not sold"];

/// Columns for a name. A longer one is cut.
const NAME: usize = 38;
const CELL: usize = 9;

impl Summary {
    pub(crate) fn add(&mut self, mainstay: &Report, naive: &Report) {
        let pair = |count: fn(&Report) -> u64| [count(mainstay), count(naive)];
        let cells = [
            pair(|report| report.prompts),
            pair(|report| report.credentials_destroyed),
            pair(|report| report.foreign_bytes),
            pair(|report| report.sales.refused + report.sales.taken - report.sales.delivered),
        ];
        self.rows.push((mainstay.incident.clone(), mainstay.ok, cells));
    }

    pub(crate) fn print(&self, screen: &mut Screen) -> io::Result<()> {
        let legend = "Each cell: with Mainstay / the naive till. prompts: sign-ins that people were asked for; lost: sets of \
                      credentials destroyed; foreign: bytes of another person's name on the screen; not sold: sales that \
                      were refused or never reached the server.";
        screen.paragraph(2, FAINT, legend)?;
        screen.blank()?;
        let mut head = vec![(NORMAL, format!("    {:NAME$}", ""))];
        head.extend(COLUMNS.map(|name| (STRONG, format!("{name:>CELL$}"))));
        screen.line(&head)?;
        for (name, ok, cells) in &self.rows {
            let (style, mark) = if *ok { (GOOD, "✓") } else { (BAD, "✗") };
            let mut line = vec![(style, format!("  {mark} ")), (NORMAL, cut(name))];
            line.extend(cells.iter().flat_map(cell));
            screen.line(&line)?;
        }
        let sums: [Pair; COLUMNS.len()] = std::array::from_fn(|column| {
            let cells = self.rows.iter().filter_map(|(.., cells)| cells.get(column));
            cells.fold([0, 0], |[ours, naive], [one, other]| [ours + one, naive + other])
        });
        let mut line = vec![(STRONG, format!("    {:NAME$}", "all together"))];
        line.extend(sums.iter().flat_map(cell));
        screen.line(&line)?;
        screen.blank()?;
        let [[prompts, naive_prompts], [_, lost], [_, foreign], [_, sales]] = sums;
        let text = format!(
            "In {} incidents people were asked to sign in {prompts} times, where nobody but they could help. The naive till \
             asked {naive_prompts} times, threw {lost} sets of credentials away, lost {sales} sales, and showed {foreign} \
             bytes of other people's names.",
            self.rows.len()
        );
        screen.paragraph(2, NORMAL, &text)
    }
}

fn cell([ours, naive]: &Pair) -> [(Style, String); 2] {
    let naive = format!("/{naive}");
    let width = CELL.saturating_sub(naive.len());
    let style = if *ours == 0 { GOOD } else { NORMAL };
    [(style, format!("{ours:>width$}")), (FAINT, naive)]
}

fn cut(name: &str) -> String {
    match name.chars().count() > NAME {
        true => name.chars().take(NAME - 1).chain(['…']).collect(),
        false => format!("{name:NAME$}"),
    }
}
