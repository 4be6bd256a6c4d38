//! The director: plays an incident with a client.
//!
//! It owns the mock server, the client process and the time of both. Time stands still while anything moves: a task that
//! could run, a file, a foreign call, a request on its way. When all is quiet it jumps to the next thing that is due, be
//! it a step of the file or a timer of the client's, on both clocks at once. An incident of hours takes less than a
//! second, and two runs of it are the same.
//!
//! The director measures with its own eyes: requests and prompts at the server, the app's data on the disk, sales by
//! their idempotency keys. What only the client can know it asks the client for.

mod act;
mod agenda;
mod app_data;
mod check;
mod crash;
mod hear;
mod measure;
mod process;
mod prologue;
mod rest;
mod scene;
mod seen;
mod spans;
mod stage;

pub use process::ClientCommand;
pub use scene::{Happening, Scene};

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    path::PathBuf,
};

use mainstay_mock_server::MockServer;

use agenda::{Agenda, Due};
use app_data::Snapshot;
use process::Client;
use seen::{Ability, Ledger, Seen};
use stage::Stage;

use crate::{
    format::{Incident, Kill, Moment},
    protocol::{LineError, StateEvent, StateName},
    report::{Failure, Report},
    witness,
};

/// Why an incident could not be played to its end. Expectations that do not hold are no error: they are in the report.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The client cannot be started, died, or does not keep to the protocol.
    #[error("the client: {0}")]
    Client(String),
    /// The client refused an order without which nothing can be played.
    #[error("the client refused to {order}: {code}: {message}")]
    Refused {
        /// What it was asked to do.
        order: &'static str,
        /// The error's code.
        code: String,
        /// The error's sentence.
        message: String,
    },
    /// The client never came to rest.
    #[error("the client does not come to rest: {0}")]
    Restless(String),
    /// The mock server cannot be started, or refused a step.
    #[error("the server: {0}")]
    Server(String),
    /// A folder cannot be made or read.
    #[error("the device's folders: {0}")]
    Folder(#[from] std::io::Error),
    /// A line could not be sent.
    #[error(transparent)]
    Line(#[from] LineError),
}

/// What every client of the director starts with: the device was switched on an hour ago.
const SWITCHED_ON_MS: u64 = 3_600_000;

/// Where randomness comes from in every incident. Each process of a device draws other numbers, and the same ones in
/// every run.
const SEED: u64 = 20_250_217;

/// Plays `incident` with the client that `command` starts, as [`play`] does, and leaves the server running with what it has
/// seen. Its clock runs again.
///
/// # Errors
/// As for [`play`].
pub async fn play_and_keep_the_server(
    incident: &Incident,
    command: &ClientCommand,
    watch: &mut (dyn FnMut(Scene) + Send),
) -> Result<(Report, MockServer), PlayError> {
    let mut director = Director::open(incident, command, watch).await?;
    director.prologue().await?;
    let report = director.perform().await?;
    Ok((report, director.stage.leave_running()))
}

/// Plays `incident` with the client that `command` starts, and tells `watch` what happens while it happens.
///
/// # Errors
/// The incident could not be played to its end. What was expected and is not so stands in the report instead.
pub async fn play(
    incident: &Incident,
    command: &ClientCommand,
    watch: &mut (dyn FnMut(Scene) + Send),
) -> Result<Report, PlayError> {
    play_and_keep_the_server(incident, command, watch).await.map(|(report, _)| report)
}

/// One performance.
struct Director<'a> {
    incident: &'a Incident,
    command: &'a ClientCommand,
    watch: &'a mut (dyn FnMut(Scene) + Send),
    stage: Stage,
    folders: Folders,
    client: Option<Client>,
    client_name: String,
    agenda: Agenda,
    /// The virtual clock, and what it showed when the incident began.
    now_ms: u64,
    began_ms: Option<u64>,
    /// How far the device's calendar was set off.
    calendar_shift_ms: i64,
    network_is_on: bool,
    /// When the client's next timer is due.
    client_deadline_ms: Option<u64>,
    /// How many processes the client has had.
    processes: u64,
    /// How many requests of the client's present process were answered and told.
    answers: u64,
    /// Whether the client's state changed since it was last asked to explain itself.
    explain_state: bool,
    /// Orders that were not answered yet.
    open_orders: HashMap<u64, Order>,
    /// Kills that wait for their request, in order.
    crashes: VecDeque<Kill>,
    next_sale: u32,
    prices: BTreeMap<String, (u32, u64)>,
    account: Account,
    failures: Vec<Failure>,
}

/// What is counted.
struct Account {
    state: StateEvent,
    visited: BTreeSet<StateName>,
    ledger: Ledger,
    before: Option<Snapshot>,
    /// Prompts that the client told of, and sign-ins at the server that no prompt had asked for.
    prompts: u64,
    unasked_sign_ins: u64,
    prompt_is_open: bool,
    /// By client processes that are gone, and what the present one had counted before the incident began.
    past: Counts,
    base: Counts,
    foreign_bytes: u64,
    person: String,
    asked_to_clear: bool,
    kills: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    generations: u64,
    destroyed: u64,
}

/// An order that is being carried out.
#[derive(Clone, Debug)]
enum Order {
    Named(&'static str),
    Call(String),
}

/// The device's disk.
struct Folders {
    vault: PathBuf,
    app_data: PathBuf,
    device: tempfile::TempDir,
}

impl<'a> Director<'a> {
    async fn open(
        incident: &'a Incident,
        command: &'a ClientCommand,
        watch: &'a mut (dyn FnMut(Scene) + Send),
    ) -> Result<Self, PlayError> {
        let device = tempfile::tempdir()?;
        let folders = Folders { vault: device.path().join("vault"), app_data: device.path().join("app"), device };
        std::fs::create_dir(&folders.vault)?;
        app_data::seed(&folders.app_data)?;
        let starting = StateEvent {
            state: StateName::Starting,
            reason: None,
            online: false,
            retry_at_ms: None,
            cashier: String::new(),
        };
        Ok(Self {
            stage: Stage::open(&incident.given).await?,
            incident,
            command,
            watch,
            folders,
            client: None,
            client_name: String::new(),
            agenda: Agenda::default(),
            now_ms: SWITCHED_ON_MS,
            began_ms: None,
            calendar_shift_ms: 0,
            network_is_on: true,
            client_deadline_ms: None,
            processes: 0,
            answers: 0,
            explain_state: false,
            open_orders: HashMap::new(),
            crashes: VecDeque::new(),
            next_sale: 1,
            prices: BTreeMap::new(),
            account: Account {
                state: starting,
                visited: BTreeSet::new(),
                ledger: Ledger::new(SWITCHED_ON_MS, Ability::None),
                before: None,
                prompts: 0,
                unasked_sign_ins: 0,
                prompt_is_open: false,
                past: Counts::default(),
                base: Counts::default(),
                foreign_bytes: 0,
                person: incident.given.people.first().cloned().unwrap_or_default(),
                asked_to_clear: false,
                kills: 0,
            },
            failures: Vec::new(),
        })
    }

    /// Plays from the first moment to the last.
    async fn perform(&mut self) -> Result<Report, PlayError> {
        self.write_agenda();
        self.tell(Happening::Begins { person: self.account.person.clone() });
        let mut stops = 0_u32;
        loop {
            self.come_to_rest().await?;
            while let Some(due) = self.agenda.take_due(self.now_ms) {
                if due == Due::End {
                    return self.end().await;
                }
                self.act(due).await?;
                self.come_to_rest().await?;
            }
            stops += 1;
            if stops > MOST_STOPS {
                return Err(PlayError::Restless(format!("time stopped {MOST_STOPS} times")));
            }
            self.advance().await?;
        }
    }

    /// Lets everything of this moment happen, a kill in the middle of it included.
    async fn come_to_rest(&mut self) -> Result<(), PlayError> {
        self.settle().await?;
        while self.crash().await? {
            self.settle().await?;
        }
        self.explain().await
    }

    fn write_agenda(&mut self) {
        let given = &self.incident.given;
        let begin = self.now_ms;
        let after = |delay: crate::format::Delay| begin.saturating_add(millis(delay.0));
        for (place, step) in self.incident.steps.iter().enumerate() {
            self.agenda.add(after(step.at), Due::Step(place));
        }
        for (place, expect) in self.incident.expect.iter().enumerate() {
            if let Moment::At(at) = expect.at {
                self.agenda.add(after(at), Due::Expectation(place));
            }
        }
        if given.app.queued_sales > 0 {
            self.agenda.add(begin, Due::NetworkReturns);
        }
        if let Some(every) = given.app.sells_every {
            self.agenda.add(after(every), Due::Sale);
        }
        self.agenda.add(after(given.lasts), Due::End);
    }

    async fn end(&mut self) -> Result<Report, PlayError> {
        let mut seen = self.measure().await?;
        seen.session_survives_restart = self.survives_restart().await?;
        let incident = self.incident;
        for expect in incident.expect.iter().filter(|expect| expect.at == Moment::End) {
            self.compare(expect, &seen);
        }
        if let Some(client) = self.client.take() {
            client.kill().await;
        }
        self.tell(Happening::Ends);
        let performance = format!("{}-{}", self.incident.name, self.client_name);
        witness::of_performance(&performance, self.stage.control(), self.folders.device.path())?;
        Ok(self.report(seen))
    }

    /// Whether a new process finds the session as the old one left it: what was kept is on the disk. The audience has
    /// seen everything by then.
    async fn survives_restart(&mut self) -> Result<bool, PlayError> {
        let (began_ms, before) = (self.began_ms.take(), self.account.state.state);
        self.kill_client().await?;
        self.start_client().await?;
        self.settle().await?;
        self.began_ms = began_ms;
        Ok(self.account.state.state == before)
    }

    fn report(&self, seen: Seen) -> Report {
        Report {
            incident: self.incident.name.clone(),
            client: self.client_name.clone(),
            ok: self.failures.is_empty(),
            state: seen.state.state,
            reason: seen.state.reason,
            prompts: seen.prompts,
            requests: seen.requests,
            generations: seen.generations,
            credentials_destroyed: seen.credentials_destroyed,
            foreign_bytes: seen.foreign_bytes,
            app_data_identical: seen.app_data_identical,
            asks_to_clear_app_data: seen.asked_to_clear_app_data,
            session_survives_restart: seen.session_survives_restart,
            seconds_not_selling: seen.seconds_not_selling,
            seconds_lost: seen.seconds_lost,
            kills: seen.kills,
            reuse_detections: seen.reuse_detections,
            sales: seen.sales,
            failures: self.failures.clone(),
        }
    }

    /// Before the incident begins nobody is watching.
    fn tell(&mut self, what: Happening) {
        if let Some(began_ms) = self.began_ms {
            (self.watch)(Scene { at_ms: self.now_ms - began_ms, what });
        }
    }

    /// A moment of the virtual clock as the audience counts it.
    fn since_begin(&self, at_ms: u64) -> u64 {
        at_ms.saturating_sub(self.began_ms.unwrap_or(self.now_ms))
    }
}

/// A client whose timers make time stop more often than this in one incident is in a loop.
const MOST_STOPS: u32 = 200_000;

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
