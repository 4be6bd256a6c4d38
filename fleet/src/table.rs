//! The table for a terminal of 80 columns.

use std::fmt::Write as _;

use crate::{Incident, Report};

/// One incident with every client that it was run with.
#[must_use]
pub fn table(incident: &Incident, reports: &[&Report]) -> String {
    let mut table = format!("{}\n  {}\n", incident.name, incident.title);
    let _ = writeln!(
        table,
        "  {:<18} {:>14} {:>19} {:>14} {:>8}\n  {:<18} {:>14} {:>19} {:>14} {:>8}",
        "", "highest 10 s", "99 % back after", "requests", "people", "", "of load", "", "per device", "asked"
    );
    for report in reports {
        let _ = writeln!(
            table,
            "  {:<18} {:>13.2}C {:>19} {:>14.2} {:>8}",
            report.kind.name(),
            report.peak(),
            back(report),
            report.requests_per_device(),
            report.prompts
        );
    }
    if let Some(ours) = reports.first().filter(|_| incident.has_goals()) {
        let broken = ours.broken_goals();
        let verdict = if broken.is_empty() { "all four met".to_owned() } else { broken.join("; ") };
        let _ = writeln!(table, "  goals: {verdict}");
    }
    table
}

fn back(report: &Report) -> String {
    match (report.back_after(), report.back_after_least_times()) {
        (Some(after), Some(times)) if report.concerns_all => {
            format!("{} s = {times:.2} T", after.as_secs())
        }
        (Some(after), _) => format!("{} s         ", after.as_secs()),
        (None, _) => "not in time         ".to_owned(),
    }
}
