//! The catalogue, played by each client.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};

use mainstay_incidents::{
    director::{ClientCommand, Happening, Scene, play},
    format::{Bounds, Incident},
    report::Report,
};

fn catalogue() -> Vec<Incident> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/incidents");
    let mut files: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| Incident::read(file).unwrap_or_else(|error| panic!("{error}"))).collect()
}

fn incident(name: &str) -> Incident {
    catalogue().into_iter().find(|incident| incident.name == name).unwrap()
}

fn naive() -> ClientCommand {
    ClientCommand::new(env!("CARGO_BIN_EXE_mainstay-naive-client"))
}

async fn run(incident: &Incident, client: &ClientCommand) -> (Report, Vec<Scene>) {
    let mut scenes = Vec::new();
    let report = play(incident, client, &mut |scene| scenes.push(scene)).await.unwrap();
    (report, scenes)
}

#[tokio::test]
async fn the_naive_client_is_hurt_by_every_incident() {
    for incident in catalogue() {
        let (report, scenes) = run(&incident, &naive()).await;
        assert!(!report.ok, "{}", incident.name);
        assert!(report.credentials_destroyed > 0, "{}", incident.name);
        assert!(report.asks_to_clear_app_data, "{}", incident.name);
        let told = scenes.iter().filter(|scene| matches!(scene.what, Happening::Failed(_))).count();
        assert_eq!(told, report.failures.len());
    }
}

#[tokio::test]
async fn what_the_naive_client_loses_is_measured_where_it_is_lost() {
    let (report, _) = run(&incident("mews-secret-changed"), &naive()).await;
    assert_eq!((report.prompts, report.requests["authorize"]), (1, 1));
    assert!(!report.app_data_identical);
    assert_eq!(report.seconds_lost, 180, "the person takes three minutes to clear the app's data and sign in");
    assert_eq!(report.sales.refused, 3);
    assert_eq!(report.sales.taken - report.sales.delivered, 1, "the sale of the moment was in the cleared data");
}

#[tokio::test]
async fn an_expectation_that_is_wrong_fails_with_expected_and_seen() {
    let mut incident = incident("mews-secret-changed");
    incident.expect.retain(|expect| expect.at == mainstay_incidents::format::Moment::End);
    let line = incident.expect[0].line;
    incident.expect[0] =
        mainstay_incidents::format::Expect { prompts: Some(Bounds { min: 2, max: 3 }), line, ..Default::default() };
    let (report, _) = run(&incident, &naive()).await;
    let failure = &report.failures[0];
    assert!(!report.ok && report.failures.len() == 1);
    assert_eq!((failure.what.as_str(), failure.expected.as_str(), failure.seen.as_str()), ("prompts", "2 to 3", "1"));
    assert_eq!((failure.at.as_str(), failure.line), ("the end", line));
}

#[tokio::test]
async fn two_runs_of_an_incident_are_the_same() {
    for incident in catalogue() {
        let (first, second) = (run(&incident, &naive()).await.0, run(&incident, &naive()).await.0);
        assert_eq!(first, second);
    }
}
