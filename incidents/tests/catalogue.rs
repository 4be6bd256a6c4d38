//! The catalogue, played by each client.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Instant,
};

use mainstay_incidents::{
    director::{ClientCommand, Happening, Scene, play},
    format::{About, Bounds, Expect, Incident, Moment},
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

/// Each incident is played twice by each client, two incidents at a time: the suite has two cores.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_incident_goes_as_it_should_and_two_runs_are_the_same_scene_by_scene() {
    let begin = Instant::now();
    let incidents = Arc::new(Mutex::new(catalogue()));
    let players = [Arc::clone(&incidents), incidents].map(|incidents| {
        tokio::spawn(async move {
            let mut complaints = Vec::new();
            while let Some(incident) = take(&incidents) {
                complaints.extend(complaints_about(&incident).await);
            }
            complaints
        })
    });
    let mut complaints = Vec::new();
    for player in players {
        complaints.extend(player.await.unwrap());
    }
    println!("the whole catalogue, twice with two clients: {:?}", begin.elapsed());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

fn take(incidents: &Mutex<Vec<Incident>>) -> Option<Incident> {
    incidents.lock().unwrap().pop()
}

async fn complaints_about(incident: &Incident) -> Vec<String> {
    let begin = Instant::now();
    let (ours, again) = (run(incident, &rust()).await, run(incident, &rust()).await);
    println!("{:44} {:?}", incident.name, begin.elapsed() / 2);
    let (naive, naive_again) = (run(incident, &naive()).await, run(incident, &naive()).await);
    let mut complaints: Vec<String> =
        [(&ours, &again), (&naive, &naive_again)].map(|(one, other)| difference(one, other)).into();
    complaints.retain(|complaint| !complaint.is_empty());
    if !ours.0.ok {
        complaints.push(format!("{:#?}", ours.0.failures));
    }
    let told = naive.1.iter().filter(|scene| matches!(scene.what, Happening::Failed(_))).count();
    assert_eq!(told, naive.0.failures.len());
    if is_hurt_more(&naive.0, &ours.0) == UNHARMED.contains(&incident.name.as_str()) {
        complaints.push(format!("the naive client: {:#?}", naive.0));
    }
    complaints.into_iter().map(|complaint| format!("{}: {complaint}", incident.name)).collect()
}

fn is_hurt_more(naive: &Report, ours: &Report) -> bool {
    naive.prompts > ours.prompts
        || naive.credentials_destroyed > ours.credentials_destroyed
        || naive.foreign_bytes > ours.foreign_bytes
        || naive.sales.delivered < ours.sales.delivered
        || naive.asks_to_clear_app_data
}

/// Where two runs that should be the same part; empty if they do not.
fn difference(one: &(Report, Vec<Scene>), other: &(Report, Vec<Scene>)) -> String {
    match one.1.iter().zip(&other.1).find(|(one, other)| one != other) {
        Some((one, other)) => format!("two runs differ: {one:?}\n{other:?}"),
        None if one.0 != other.0 => format!("two reports differ: {:?}\n{:?}", one.0, other.0),
        None => String::new(),
    }
}

/// What hurts nobody, not even the naive client: there was no answer that it could have believed.
const UNHARMED: [&str; 7] = [
    "mews-till-was-off",
    "openai-connection-pool",
    "retry-after-of-a-day",
    "square-dns",
    "teams-certificate",
    "usno-year-2000-device",
    "wyze-cache-library",
];

#[test]
fn the_catalogue_names_for_each_incident_a_source_that_can_be_read_and_what_people_suffered() {
    let catalogue = catalogue();
    assert!(catalogue.len() >= 30);
    for incident in &catalogue {
        let About { source, link, year, suffered, story, .. } = &incident.about;
        assert!(!source.is_empty() && !suffered.is_empty() && story.len() > 100, "{}", incident.name);
        assert!(link.as_ref().is_some_and(|link| link.starts_with("http")), "{}", incident.name);
        assert!((2005..2030).contains(year), "{}", incident.name);
    }
    for founding in ["mews", "cachetur", "uniflow"] {
        let variants =
            catalogue.iter().filter(|incident| incident.about.founding && incident.name.starts_with(founding));
        assert!(variants.count() >= 5, "{founding}");
    }
}

#[test]
fn no_expectation_of_the_catalogue_leaves_out_what_must_never_happen() {
    for incident in catalogue() {
        let end = incident.expect.iter().find(|expect| expect.at == Moment::End).expect("every incident ends");
        let none = |bounds: Option<Bounds>| bounds.is_some_and(|bounds| bounds.max == 0);
        assert!(none(end.foreign_bytes) && end.asks_to_clear_app_data == Some(false), "{}", incident.name);
        assert!(end.prompts.is_some() && end.app_data_identical == Some(true), "{}", incident.name);
        assert!(!end.requests.is_empty() && end.session_survives_restart == Some(true), "{}", incident.name);
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
        kills: exactly(1),
        reuse_detections: exactly(1),
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
        "kills",
        "reuse_detections",
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

/// What makes the difference in a storm of kills: a token that is used before it is on the disk is lost.
#[tokio::test]
async fn a_storm_of_kills_costs_the_naive_client_its_session_and_mainstay_nothing() {
    let incident = incident("crash-storm");
    let (with_mainstay, scenes) = run(&incident, &rust()).await;
    assert!(with_mainstay.ok, "{:#?}", with_mainstay.failures);
    let killed = scenes.iter().filter(|scene| matches!(scene.what, Happening::Killed { .. })).count();
    let started = scenes.iter().filter(|scene| matches!(scene.what, Happening::StartedAgain)).count();
    assert_eq!((killed, started, with_mainstay.kills), (20, 20, 20));
    let (naive, _) = run(&incident, &naive()).await;
    assert!(naive.reuse_detections > 0 && naive.prompts > 0 && naive.kills > 0, "{naive:#?}");
}
