//! The catalogue, played by each client.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use mainstay_incidents::{
    director::{ClientCommand, Happening, Scene, play},
    format::{Bounds, Expect, Incident, Moment},
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

fn rust() -> ClientCommand {
    ClientCommand::new(env!("CARGO_BIN_EXE_mainstay-incident-client"))
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
async fn every_incident_goes_as_it_should_with_mainstay() {
    for incident in catalogue() {
        let begin = Instant::now();
        let (report, _) = run(&incident, &rust()).await;
        println!("{:32} {:?}", incident.name, begin.elapsed());
        assert!(report.ok, "{}: {:#?}", incident.name, report.failures);
    }
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
async fn each_expectation_that_is_wrong_fails_with_expected_and_seen() {
    let exactly = |number| Some(Bounds { min: number, max: number });
    let wrong = Expect {
        state: Some(mainstay_incidents::format::OneOrMore(vec![mainstay_incidents::protocol::StateName::Holding])),
        prompts: exactly(2),
        requests: [("refresh".to_owned(), Bounds { min: 2, max: 3 })].into(),
        generations: exactly(7),
        credentials_destroyed: exactly(1),
        app_data_identical: Some(false),
        asks_to_clear_app_data: Some(true),
        foreign_bytes: exactly(1),
        seconds_not_selling: exactly(0),
        seconds_lost: exactly(1),
        sales_delivered_once: Some(false),
        line: 40,
        ..Expect::default()
    };
    let mut incident = incident("mews-secret-changed");
    incident.expect = vec![wrong];
    let (report, _) = run(&incident, &rust()).await;
    assert!(!report.ok);
    let failed: Vec<&str> = report.failures.iter().map(|failure| failure.what.as_str()).collect();
    let all = [
        "state",
        "prompts",
        "requests.refresh",
        "generations",
        "credentials_destroyed",
        "app_data_identical",
        "asks_to_clear_app_data",
        "foreign_bytes",
        "seconds_not_selling",
        "seconds_lost",
        "sales_delivered_once",
    ];
    assert_eq!(failed, all);
    let refresh = &report.failures[2];
    assert_eq!((refresh.expected.as_str(), refresh.seen.as_str()), ("2 to 3", "1"));
    assert_eq!((refresh.at.as_str(), refresh.line), ("the end", 40));
}

#[tokio::test]
async fn expectations_on_the_way_are_looked_at_when_their_moment_has_settled() {
    let mut incident = incident("mews-secret-changed");
    let at = |minutes: u64| Moment::At(mainstay_incidents::format::Delay(std::time::Duration::from_secs(60 * minutes)));
    let none = Some(Bounds { min: 0, max: 0 });
    let refreshed = Bounds { min: 1, max: 1 };
    incident.expect = vec![
        Expect { at: at(10), requests: [("refresh".to_owned(), refreshed)].into(), ..Expect::default() },
        Expect { at: at(12), requests: [("refresh".to_owned(), refreshed)].into(), prompts: none, ..Expect::default() },
    ];
    let (report, _) = run(&incident, &rust()).await;
    let failed: Vec<&str> = report.failures.iter().map(|failure| failure.at.as_str()).collect();
    assert_eq!(failed, ["10m"]);
}

#[tokio::test]
async fn two_runs_are_the_same_scene_by_scene() {
    for incident in catalogue() {
        for client in [rust(), naive()] {
            let (first, second) = (run(&incident, &client).await, run(&incident, &client).await);
            for (one, other) in first.1.iter().zip(&second.1) {
                assert_eq!(one, other, "{}", incident.name);
            }
            assert_eq!(first.0, second.0);
        }
    }
}
