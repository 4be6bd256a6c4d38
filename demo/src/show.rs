//! The show.

use std::io::{self, Write};

use anstyle::Style;
use mainstay_incidents::{director::PlayError, format::Incident, report::Report};

use crate::{
    args::{Play, Which},
    beats::{Beat, Lane},
    catalogue::{Catalogue, NotFound, is_told_in_full},
    compact,
    perform::{Performance, perform},
    screen::{Screen, Words, columns},
    serve, story, table,
    words::{self, BAD, FAINT, GOOD, NORMAL, STRONG},
};

/// Why there was no show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShowError {
    #[error(transparent)]
    NotFound(#[from] NotFound),
    #[error(transparent)]
    Play(#[from] PlayError),
    #[error("the screen: {0}")]
    Screen(#[from] io::Error),
}

/// From this width on the two tills stand beside each other.
const SIDE_BY_SIDE: usize = 132;

/// Columns before the text of a beat: time and who it is about.
const MARGIN: usize = 20;

/// Does what the command line says; whether everything that was expected of Mainstay is so.
pub(crate) async fn show(play: &Play) -> Result<bool, ShowError> {
    let mut screen = Screen::new(play.fast);
    let catalogue = Catalogue::new(play.catalogue.clone());
    if play.list {
        return list(&mut screen, &catalogue.all()?).map(|()| true);
    }
    let incidents = if play.all { catalogue.all()? } else { vec![catalogue.find(play.incident.as_deref())?] };
    if play.json {
        return print_json(&incidents).await;
    }
    if play.all {
        return show_all(&mut screen, &incidents).await;
    }
    let mut all_ok = true;
    for incident in &incidents {
        let (mainstay, _) = show_one(&mut screen, incident).await?;
        all_ok &= mainstay.report.ok;
        if play.serve {
            screen.blank()?;
            serve::serve(&mut screen, &mainstay.server).await?;
        }
    }
    Ok(all_ok)
}

fn list(screen: &mut Screen, incidents: &[Incident]) -> Result<(), ShowError> {
    let width = incidents.iter().map(|incident| incident.name.len()).max().unwrap_or(0);
    for Incident { name, about, .. } in incidents {
        screen.line(&[
            (STRONG, format!("{name:width$}")),
            (FAINT, format!("  {}  ", about.year)),
            (NORMAL, about.title.clone()),
        ])?;
    }
    Ok(())
}

async fn print_json(incidents: &[Incident]) -> Result<bool, ShowError> {
    let mut all_ok = true;
    for incident in incidents {
        for which in [Which::Rust, Which::Naive] {
            let report = perform(incident, which).await?.report;
            all_ok &= report.ok || which == Which::Naive;
            let line = serde_json::to_string(&report).map_err(io::Error::from)?;
            writeln!(io::stdout(), "{line}")?;
        }
    }
    Ok(all_ok)
}

/// Three in full, the others in short, and what it all comes to.
async fn show_all(screen: &mut Screen, incidents: &[Incident]) -> Result<bool, ShowError> {
    let mut summary = table::Summary::default();
    let mut failed: Vec<Report> = Vec::new();
    for (number, incident) in incidents.iter().enumerate() {
        let (mainstay, naive) = if is_told_in_full(incident) {
            show_one(screen, incident).await?
        } else {
            screen.draw_progress(format!("  {} of {}: {}", number + 1, incidents.len(), incident.name))?;
            let played = tokio::try_join!(perform(incident, Which::Rust), perform(incident, Which::Naive))?;
            compact::tell(screen, incident, &played.0, &played.1).await?;
            played
        };
        summary.add(&mainstay.report, &naive.report);
        if !mainstay.report.ok {
            failed.push(mainstay.report);
        }
    }
    heading(screen, &format!("what the {} incidents come to", incidents.len()), STRONG)?;
    summary.print(screen)?;
    screen.blank()?;
    for report in &failed {
        say_failures(screen, report)?;
    }
    let (style, text) = match failed.len() {
        0 => (GOOD, format!("All {} incidents went as they should.", incidents.len())),
        count => (BAD, format!("{count} of {} incidents did not go as they should.", incidents.len())),
    };
    screen.line(&[(style, format!("  {text}"))])?;
    Ok(failed.is_empty())
}

/// One incident as a story.
async fn show_one(screen: &mut Screen, incident: &Incident) -> Result<(Performance, Performance), ShowError> {
    title(screen, incident)?;
    screen.draw_progress("  starting a server, two tills, and a morning of business …".to_owned())?;
    let (mainstay, naive) = tokio::try_join!(perform(incident, Which::Rust), perform(incident, Which::Naive))?;
    screen.pause(about_length(incident), |_| "  read on …".to_owned()).await?;
    screen.blank()?;
    legend(screen)?;
    let told = [story::tell(&mainstay.scenes, Which::Rust), story::tell(&naive.scenes, Which::Naive)];
    let clock = Clock::of(incident);
    if screen.width() >= SIDE_BY_SIDE {
        side_by_side(screen, &clock, &told).await?;
    } else {
        let [first, second] = &told;
        act(screen, &clock, "with Mainstay", GOOD, first).await?;
        act(screen, &clock, "the same till, naive: it believes every 401", BAD, second).await?;
    }
    heading(screen, "what it comes to", STRONG)?;
    table::compare(screen, &[&mainstay.report, &naive.report])?;
    screen.blank()?;
    conclusion(screen, &mainstay.report)?;
    Ok((mainstay, naive))
}

fn title(screen: &mut Screen, incident: &Incident) -> io::Result<()> {
    let about = &incident.about;
    screen.blank()?;
    screen.line(&[(STRONG, format!("  {}", incident.name)), (FAINT, format!("  {}", about.year))])?;
    screen.paragraph(2, NORMAL, &about.title)?;
    screen.blank()?;
    screen.paragraph(2, FAINT, &about.story)?;
    screen.paragraph(2, FAINT, &format!("What people suffered: {}", about.suffered))?;
    if let Some(assumed) = &about.assumed {
        screen.paragraph(2, FAINT, &format!("Assumed: {assumed}"))?;
    }
    screen.paragraph(2, FAINT, &format!("Source: {}.", about.source.trim_end_matches('.')))
}

fn about_length(incident: &Incident) -> usize {
    incident.about.story.chars().count()
}

fn heading(screen: &mut Screen, text: &str, style: Style) -> io::Result<()> {
    let rule = "─".repeat(screen.width().saturating_sub(text.chars().count() + 8));
    screen.blank()?;
    screen.line(&[(FAINT, "  ── ".to_owned()), (style, text.to_owned()), (FAINT, format!(" {rule}"))])?;
    screen.blank()
}

/// What the shop's clock shows.
pub(crate) struct Clock {
    starts_at_ms: u64,
    lasts_ms: u64,
}

impl Clock {
    pub(crate) fn of(incident: &Incident) -> Self {
        let lasts_ms = u64::try_from(incident.given.lasts.0.as_millis()).unwrap_or(u64::MAX);
        Self { starts_at_ms: incident.given.starts_at.unix_millis(), lasts_ms }
    }

    pub(crate) fn time(&self, at_ms: u64) -> String {
        let seconds = (self.starts_at_ms + at_ms) / 1000 % 86_400;
        format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }

    /// The time without seconds.
    pub(crate) fn minute(&self, at_ms: u64) -> String {
        self.time(at_ms).chars().take(5).collect()
    }

    /// Where the story is, so many thousandths of the way between two beats.
    fn progress(&self, from_ms: u64, to_ms: u64, thousandths: u128) -> String {
        const STEPS: u64 = 24;
        let passed = u128::from(to_ms.saturating_sub(from_ms)) * thousandths.min(1000) / 1000;
        let at_ms = from_ms + u64::try_from(passed).unwrap_or(0);
        let filled = at_ms * STEPS / self.lasts_ms.max(1);
        let bar: String = (0..STEPS).map(|step| if step < filled { '━' } else { '┄' }).collect();
        format!("  {}  {bar}  Ctrl-C ends, --fast does not wait", self.time(at_ms))
    }
}

/// What the labels mean.
fn legend(screen: &mut Screen) -> io::Result<()> {
    let text = "till: what the cashier sees and does · sdk: what Mainstay sees, does and decides · http: requests, and \
                what the server answers";
    screen.paragraph(2, FAINT, text)
}

async fn act(screen: &mut Screen, clock: &Clock, name: &str, style: Style, beats: &[Beat]) -> io::Result<()> {
    heading(screen, name, style)?;
    let mut shown = String::new();
    for (place, beat) in beats.iter().enumerate() {
        let time = clock.time(beat.at_ms);
        let lines = beat.lines(screen.width().saturating_sub(MARGIN + 2));
        for (number, line) in lines.into_iter().enumerate() {
            let mut row = margin(&time, &shown, beat.lane, number);
            row.extend(line);
            screen.line(&row)?;
        }
        shown = time;
        let next = beats.get(place + 1).map_or(clock.lasts_ms, |next| next.at_ms);
        screen.pause(beat.length(), |done| clock.progress(beat.at_ms, next, done)).await?;
    }
    Ok(())
}

/// The time, where it is new, and whom the beat is about, on the beat's first line.
fn margin(time: &str, shown: &str, lane: Lane, line: usize) -> Vec<(Style, String)> {
    let time = if time == shown || line > 0 { "" } else { time };
    let label = if line == 0 { lane.label() } else { "" };
    vec![(FAINT, format!("  {time:<8}  ")), (words::of_lane(lane), format!("{label:<6}")), (NORMAL, "  ".to_owned())]
}

/// Both tills, in the order of time; what is the same for both stands once, across.
async fn side_by_side(screen: &mut Screen, clock: &Clock, told: &[Vec<Beat>; 2]) -> io::Result<()> {
    let half = (screen.width() - 12) / 2;
    screen.blank()?;
    let head = format!("{:<half$}", "with Mainstay");
    screen.line(&[
        (NORMAL, " ".repeat(12)),
        (GOOD, head),
        (BAD, "the same till, naive: it believes every 401".to_owned()),
    ])?;
    screen.blank()?;
    let [left, right] = told;
    let mut places = [0, 0];
    let mut shown = String::new();
    loop {
        let next = [left.get(places[0]), right.get(places[1])];
        let Some(now) = next.iter().flatten().map(|beat| beat.at_ms).min() else { return Ok(()) };
        let due = next.map(|beat| beat.filter(|beat| beat.at_ms == now));
        let time = clock.time(now);
        let length = due.iter().flatten().map(|beat| beat.length()).max().unwrap_or(0);
        // What is the same for both waits until both have come to it.
        let (row, taken) = match due {
            [Some(one), Some(other)] if one.lane.is_common() && other.lane.is_common() => {
                (Row::Across(one), [true, true])
            }
            [Some(one), None] | [None, Some(one)] if one.lane.is_common() => {
                (Row::Across(one), due.map(|beat| beat.is_some()))
            }
            [one, other] => {
                let own = |beat: Option<&'_ Beat>| beat.is_some_and(|beat| !beat.lane.is_common());
                let taken = [own(one), own(other)];
                let [one, other] = [one.filter(|_| taken[0]), other.filter(|_| taken[1])];
                (Row::Halves(one, other), taken)
            }
        };
        row.print(screen, half, if time == shown { "" } else { &time })?;
        shown = time;
        for (place, taken) in places.iter_mut().zip(taken) {
            *place += usize::from(taken);
        }
        let upcoming = [left.get(places[0]), right.get(places[1])].into_iter().flatten().map(|beat| beat.at_ms).min();
        let upcoming = upcoming.unwrap_or(clock.lasts_ms);
        screen.pause(length, |done| clock.progress(now, upcoming, done)).await?;
    }
}

enum Row<'a> {
    Across(&'a Beat),
    Halves(Option<&'a Beat>, Option<&'a Beat>),
}

impl Row<'_> {
    fn print(&self, screen: &mut Screen, half: usize, time: &str) -> io::Result<()> {
        let (left, right) = match self {
            Self::Across(beat) => (lines(beat, screen.width() - 14), Vec::new()),
            Self::Halves(one, other) => {
                let half_lines = |beat: &Option<&Beat>| beat.map(|beat| lines(beat, half - 2)).unwrap_or_default();
                (half_lines(one), half_lines(other))
            }
        };
        for number in 0..left.len().max(right.len()) {
            let time = if number == 0 { time } else { "" };
            let mut row = vec![(FAINT, format!("  {time:<8}  "))];
            let one: &Words = left.get(number).map_or(&[], Vec::as_slice);
            row.extend_from_slice(one);
            if let Some(other) = right.get(number) {
                row.push((NORMAL, " ".repeat(half.saturating_sub(columns(one)))));
                row.extend_from_slice(other);
            }
            screen.line(&row)?;
        }
        Ok(())
    }
}

/// A beat with its label, in a column.
fn lines(beat: &Beat, width: usize) -> Vec<Vec<(Style, String)>> {
    let mut lines = beat.lines(width.saturating_sub(8));
    for (number, line) in lines.iter_mut().enumerate() {
        let label = if number == 0 { beat.lane.label() } else { "" };
        line.insert(0, (words::of_lane(beat.lane), format!("{label:<6}  ")));
    }
    lines
}

fn conclusion(screen: &mut Screen, report: &Report) -> io::Result<()> {
    if !report.ok {
        return say_failures(screen, report);
    }
    let sold = report.seconds_lost == 0 && report.sales.refused == 0;
    let needed = match report.prompts {
        0 => "Nobody had to do anything".to_owned(),
        1 => "One person was asked once, in place".to_owned(),
        count => format!("People were asked {count} times"),
    };
    let selling = if sold { "the till never stopped selling" } else { "the till stopped selling for a while" };
    let kept =
        if report.app_data_identical && report.credentials_destroyed == 0 { ", and nothing was lost" } else { "" };
    screen.paragraph(2, GOOD, &format!("{needed}: {selling}{kept}."))?;
    screen.paragraph(2, FAINT, &format!("Everything that {} expects of Mainstay is so.", report.incident))
}

fn say_failures(screen: &mut Screen, report: &Report) -> io::Result<()> {
    for failure in &report.failures {
        let place = format!("  ✗ {}, line {}, at {}: ", report.incident, failure.line, failure.at);
        let what = format!("{}: expected {}, seen {}", failure.what, failure.expected, failure.seen);
        screen.line(&[(BAD, place), (NORMAL, what)])?;
    }
    Ok(())
}
