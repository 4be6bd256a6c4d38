//! `docs/incidents.md`, generated from the catalogue: for people who want to know which incidents are played, where they
//! are known from, and what Mainstay is held to in each.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::{Table, Value};

use crate::error::Error;
use crate::workspace::Workspace;

#[cfg(test)]
mod tests;

const PAGE: &str = "docs/incidents.md";
const CATALOGUE: &str = "tests/incidents";

/// What the page says of a file. Everything else in it is checked where incidents are played.
#[derive(Debug, Deserialize)]
struct Incident {
    #[serde(skip)]
    name: String,
    title: String,
    year: u16,
    source: String,
    link: String,
    story: String,
    suffered: String,
    #[serde(default)]
    assumed: Option<String>,
    #[serde(default)]
    client: Option<String>,
    #[serde(default)]
    founding: bool,
    expect: Vec<Table>,
}

/// Writes the page.
pub(crate) fn write(workspace: &Workspace) -> Result<(), Error> {
    let path = workspace.root.join(PAGE);
    fs::write(&path, page(&read(&workspace.root)?)).map_err(|source| Error::File { path, source })
}

/// A violation if the page is missing or says something else than the files.
pub(crate) fn are_current(workspace: &Workspace) -> Result<Vec<String>, Error> {
    let committed = fs::read_to_string(workspace.root.join(PAGE)).unwrap_or_default();
    let current = committed == page(&read(&workspace.root)?);
    let complaint = format!("{PAGE} is not what {CATALOGUE} says: run `cargo xtask incidents`");
    Ok(if current { Vec::new() } else { vec![complaint] })
}

/// The founding ones first, then from the latest year to the first.
fn read(root: &Path) -> Result<Vec<Incident>, Error> {
    let folder = root.join(CATALOGUE);
    let unread = |source| Error::File { path: folder.clone(), source };
    let entries = fs::read_dir(&folder).map_err(unread)?.collect::<Result<Vec<_>, _>>().map_err(unread)?;
    let files = entries.into_iter().map(|entry| entry.path());
    let mut incidents = files.map(read_one).collect::<Result<Vec<_>, _>>()?;
    incidents.sort_by(|one, other| {
        let key = |it: &Incident| (!it.founding, std::cmp::Reverse(it.year), it.name.clone());
        key(one).cmp(&key(other))
    });
    Ok(incidents)
}

fn read_one(path: PathBuf) -> Result<Incident, Error> {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(Error::File { path, source }),
    };
    match toml::from_str::<Incident>(&text) {
        Ok(incident) => Ok(Incident { name, ..incident }),
        Err(error) => Err(Error::Toml { path, reason: error.to_string() }),
    }
}

fn page(incidents: &[Incident]) -> String {
    let founding = incidents.iter().filter(|incident| incident.founding).count();
    let mut page = format!(
        "# Incidents\n\n\
         Generated from [tests/incidents](../tests/incidents) by `cargo xtask incidents`; do not edit.\n\n\
         {} files: {founding} of the three incidents that Mainstay exists for, in their variants, and {} of others that were made\n\
         public. Each is played with real clients against a real server in virtual time; the numbers below are what the test\n\
         suite holds Mainstay to. In none of them is anybody told to clear an app's data, is a name shown that is not the user's\n\
         own, or is a credential lost that nothing had replaced. `cargo demo --incident NAME` shows one, `cargo demo --all` all of them;\n\
         [incident-format.md](incident-format.md) says how to write another.\n",
        incidents.len(),
        incidents.len() - founding,
    );
    table(&mut page, "The three", incidents.iter().filter(|incident| incident.founding));
    table(&mut page, "Others", incidents.iter().filter(|incident| !incident.founding));
    page += "\n## Details\n";
    for incident in incidents {
        details(&mut page, incident);
    }
    page
}

fn table<'a>(page: &mut String, heading: &str, incidents: impl Iterator<Item = &'a Incident>) {
    *page += &format!("\n## {heading}\n\n");
    *page += "| incident | year | source | what people suffered | with Mainstay: sign-in prompts | with Mainstay: not selling online |\n";
    *page += "|---|---|---|---|---|---|\n";
    for incident in incidents {
        let Incident { name, year, source, link, suffered, .. } = incident;
        let (prompts, pause) = (prompts(incident), pause(incident));
        let (source, suffered) = (cell(source), cell(suffered));
        *page += &format!("| [{name}](#{name}) | {year} | [{source}]({link}) | {suffered} | {prompts} | {pause} |\n");
    }
}

fn details(page: &mut String, incident: &Incident) {
    let Incident { name, title, year, source, link, story, suffered, assumed, client, .. } = incident;
    *page += &format!("\n### {name}\n\n**{}**\n\n{}\n\n", one_line(title), one_line(story));
    let mut line = |label: &str, text: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "- {label}: {text}");
    };
    line("What people suffered", &one_line(suffered));
    if let Some(client) = client {
        line("Client", &one_line(client));
    }
    if let Some(assumed) = assumed {
        line("Assumed", &one_line(assumed));
    }
    line("Source", &format!("[{}]({link}) ({year})", one_line(source)));
    line("File", &format!("[{name}.toml](../{CATALOGUE}/{name}.toml)"));
    line("In the end", &in_the_end(incident));
}

/// What is expected when it is over.
fn end(incident: &Incident) -> Option<&Table> {
    incident.expect.iter().find(|expect| expect.get("at").is_none_or(|at| at.as_str() == Some("end")))
}

fn in_the_end(incident: &Incident) -> String {
    let Some(end) = end(incident) else { return "nothing is expected".to_owned() };
    let mut parts = Vec::new();
    if let Some(state) = end.get("state") {
        parts.push(words(state));
    }
    if let Some(never) = end.get("never") {
        parts.push(format!("never {}", words(never)));
    }
    let requests = end.get("requests").and_then(Value::as_table);
    for (endpoint, count) in requests.into_iter().flatten() {
        parts.push(format!("requests to {}: {}", endpoint.replace('_', " "), bounds(count, |count| count.to_string())));
    }
    if end.get("sales_delivered_once").and_then(Value::as_bool) == Some(true) {
        parts.push("every sale delivered once".to_owned());
    }
    parts.join("; ")
}

fn prompts(incident: &Incident) -> String {
    let prompts = end(incident).and_then(|end| end.get("prompts"));
    prompts.map_or_else(|| "–".to_owned(), |count| bounds(count, |count| count.to_string()))
}

fn pause(incident: &Incident) -> String {
    let seconds = end(incident).and_then(|end| end.get("seconds_not_selling"));
    seconds.map_or_else(|| "–".to_owned(), |seconds| bounds(seconds, length))
}

/// A number, or limits, in words.
fn bounds(value: &Value, say: impl Fn(i64) -> String) -> String {
    let limit = |key: &str| value.get(key).and_then(Value::as_integer);
    match (value.as_integer(), limit("min").filter(|min| *min > 0), limit("max")) {
        (Some(exact), ..) => say(exact),
        (None, Some(min), Some(max)) if min == max => say(min),
        (None, Some(min), Some(max)) => format!("{} to {}", say(min), say(max)),
        (None, None, Some(max)) => format!("at most {}", say(max)),
        (None, Some(min), None) => format!("at least {}", say(min)),
        (None, None, None) => "any".to_owned(),
    }
}

/// Seconds as people say them.
fn length(seconds: i64) -> String {
    match seconds {
        0 => "0".to_owned(),
        1..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", (seconds + 59) / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A word of the format, or several.
fn words(value: &Value) -> String {
    let say = |value: &Value| value.as_str().unwrap_or_default().replace('_', " ");
    match value {
        Value::Array(several) => several.iter().map(say).collect::<Vec<_>>().join(", "),
        one => say(one),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|")
}
