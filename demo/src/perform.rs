//! Having incidents played, by this program itself as the client.

use std::{path::PathBuf, process::ExitCode};

use clap::ValueEnum;
use mainstay_incidents::{
    client,
    director::{ClientCommand, PlayError, Scene, play_and_keep_the_server},
    format::Incident,
    report::Report,
};
use mainstay_mock_server::MockServer;

use crate::args::Which;

/// What was seen of one client in one incident.
pub(crate) struct Performance {
    pub(crate) scenes: Vec<Scene>,
    pub(crate) report: Report,
    pub(crate) server: MockServer,
}

/// Plays the incident with a client.
pub(crate) async fn perform(incident: &Incident, which: Which) -> Result<Performance, PlayError> {
    let mut scenes = Vec::new();
    let mut watch = |scene| scenes.push(scene);
    let (report, server) = play_and_keep_the_server(incident, &command(which)?, &mut watch).await?;
    Ok(Performance { scenes, report, server })
}

/// The director starts this very program again, as the client: so `cargo demo` is all there is to build.
fn command(which: Which) -> Result<ClientCommand, PlayError> {
    let program: PathBuf = std::env::current_exe()?;
    let name = which.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    Ok(ClientCommand::new(program).arg("client").arg(name))
}

/// Is a client until the director is done with it.
pub(crate) fn be_client(which: Which) -> ExitCode {
    let done = match which {
        Which::Rust => client::run_rust(),
        Which::Naive => client::run_naive(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("client: {error}");
            ExitCode::FAILURE
        }
    }
}
