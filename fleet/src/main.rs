//! `mainstay-fleet`: plays incidents with many simulated devices, and prints what the server saw.

mod machine;

use std::{
    io::{IsTerminal as _, Write as _},
    num::NonZeroUsize,
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mainstay_fleet::{BYTES_PER_DEVICE, CORE_BYTES_PER_DEVICE, Incident, Kind, PictureError, Report, Setup, grouped};

/// With more devices than this, only [`FOR_VERY_MANY`] are played unless others are named.
const DEVICES_FOR_EVERYTHING: u32 = 100_000;
/// What can be played with a million devices in a few minutes.
const FOR_VERY_MANY: &[&str] = &["keys-changed", "sessions-lost", "rush-hour", "outage", "morning"];

/// Plays incidents with many devices that run Mainstay's decision core, and with others for comparison.
#[derive(Debug, Parser)]
#[command(name = "mainstay-fleet", bin_name = "cargo xtask fleet")]
struct Args {
    /// How many devices.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    devices: u32,
    /// Token requests per second that the server can answer. By default a 400th of the devices, and at least 100.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    capacity: Option<u32>,
    /// The seed of all dice.
    #[arg(long, default_value_t = 20_250_217)]
    seed: u64,
    /// How many runs at a time. By default as many as the machine has cores. The results are the same.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Only this incident; may be repeated.
    #[arg(long = "incident", value_name = "NAME")]
    incidents: Vec<String>,
    /// Draw each incident into this folder, as NAME.svg and NAME.png.
    #[arg(long, value_name = "FOLDER", default_value = "target/fleet")]
    pictures: PathBuf,
    /// Name the incidents, and run none.
    #[arg(long)]
    list: bool,
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("no incident is called `{name}`; there are {known}")]
    UnknownIncident { name: String, known: String },
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error("cannot write to the terminal: {0}")]
    Terminal(#[from] std::io::Error),
}

fn main() -> ExitCode {
    match play(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play(args: &Args) -> Result<(), Error> {
    let incidents = chosen(args)?;
    let mut out = std::io::stdout().lock();
    if args.list {
        for incident in incidents {
            writeln!(out, "{:<22} {}", incident.name, incident.title)?;
        }
        return Ok(());
    }
    let setup = Setup {
        devices: args.devices,
        capacity: args.capacity.unwrap_or((args.devices / 400).max(100)),
        seed: args.seed,
    };
    let started = Instant::now();
    let runs: Vec<_> =
        incidents.iter().flat_map(|incident| incident.kinds().into_iter().map(move |kind| (incident, kind))).collect();
    let reports = with_progress(&runs, setup, args.threads.unwrap_or_else(machine::cores));
    write!(out, "{}", head(setup))?;
    for incident in &incidents {
        let of_incident = runs.iter().zip(&reports).filter(|((one, _), _)| one.name == incident.name);
        let of_incident: Vec<_> = of_incident.map(|(_, report)| report).collect();
        writeln!(out, "\n{}", mainstay_fleet::table(incident, &of_incident).trim_end())?;
        if let Some(picture) = mainstay_fleet::picture(incident, &of_incident) {
            picture.write(&args.pictures, incident.name)?;
        }
    }
    if args.incidents.is_empty() && incidents.len() < mainstay_fleet::incidents().len() {
        writeln!(
            out,
            "\nSo many devices play only these incidents; `--incident NAME` plays another, `--list` names them."
        )?;
    }
    writeln!(out, "\npictures: {}", args.pictures.display())?;
    write!(out, "{}", foot(started.elapsed()))?;
    Ok(())
}

/// What was asked for; else everything, or of very many devices what differs with their number.
fn chosen(args: &Args) -> Result<Vec<Incident>, Error> {
    let (names, all) = (&args.incidents, mainstay_fleet::incidents());
    if let Some(name) = names.iter().find(|name| all.iter().all(|incident| incident.name != name.as_str())) {
        let known = all.iter().map(|incident| incident.name).collect::<Vec<_>>().join(", ");
        return Err(Error::UnknownIncident { name: name.clone(), known });
    }
    let everything = args.list || args.devices <= DEVICES_FOR_EVERYTHING;
    let wanted = |incident: &Incident| match names.is_empty() {
        true => everything || FOR_VERY_MANY.contains(&incident.name),
        false => names.iter().any(|name| name == incident.name),
    };
    Ok(all.into_iter().filter(wanted).collect())
}

/// A bar on the terminal, and nothing where there is none.
fn with_progress(runs: &[(&Incident, Kind)], setup: Setup, threads: NonZeroUsize) -> Vec<Report> {
    let target =
        if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let total = u64::try_from(runs.len()).unwrap_or(u64::MAX) * 1000;
    let bar = ProgressBar::with_draw_target(Some(total), target);
    let style = ProgressStyle::with_template("  {wide_bar} {percent:>3} %  {elapsed} of about {duration}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    let done: Vec<_> = runs.iter().map(|_| AtomicU64::new(0)).collect();
    let reports = mainstay_fleet::run_all(runs, setup, threads, &|index, thousandths| {
        let Some(so_far) = done.get(index) else { return };
        let before = so_far.swap(thousandths, Ordering::Relaxed);
        if thousandths > before {
            bar.inc(thousandths - before);
        }
    });
    bar.finish_and_clear();
    reports
}

fn head(setup: Setup) -> String {
    format!(
        "{} devices, one token endpoint of capacity C = {} requests per second.\n\
         T is the least time in which it can serve them all: N/C = {} s, or twice that\n\
         where every device needs two requests. Seed {}.\n",
        grouped(u64::from(setup.devices)),
        grouped(u64::from(setup.capacity)),
        setup.least_time().as_secs(),
        setup.seed
    )
}

fn foot(took: Duration) -> String {
    let peak = machine::peak_memory().map_or("unknown".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
    format!(
        "the core's memory of one device: {CORE_BYTES_PER_DEVICE} bytes, {BYTES_PER_DEVICE} with the simulation's own\n\
         peak memory: {peak}, wall time: {:.1} s\n",
        took.as_secs_f64()
    )
}
