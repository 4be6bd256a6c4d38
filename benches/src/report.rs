//! A table of measurements, in Markdown.

/// One line of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub what: &'static str,
    /// The floor beside it.
    pub floor: String,
    /// Ours.
    pub ours: String,
    /// What is judged: a ratio, a count, a rate.
    pub result: String,
    /// What it should be; nothing for a row that is there to be compared with.
    pub goal: &'static str,
    /// Whether it is.
    pub met: Option<bool>,
}

/// The rows as a table.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let head = "| measured | floor | ours | result | goal | |\n|---|---|---|---|---|---|\n".to_owned();
    rows.iter().fold(head, |table, row| {
        let Row { what, floor, ours, result, goal, met } = row;
        let met = met.map_or("", |met| if met { "met" } else { "not met" });
        table + &format!("| {what} | {floor} | {ours} | {result} | {goal} | {met} |\n")
    })
}
