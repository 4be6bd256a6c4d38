//! The catalogue, played.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};

use mainstay_incidents::{
    director::{ClientCommand, Scene, play},
    format::Incident,
    report::Report,
};

fn catalogue() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/incidents")
}

fn naive() -> ClientCommand {
    ClientCommand::new(env!("CARGO_BIN_EXE_mainstay-naive-client"), [] as [&str; 0])
}

async fn run(name: &str, client: &ClientCommand) -> (Report, Vec<Scene>) {
    let incident = Incident::read(&catalogue().join(name).with_extension("toml")).unwrap();
    let mut scenes = Vec::new();
    let report = play(&incident, client, &mut |scene| scenes.push(scene)).await.unwrap();
    (report, scenes)
}

#[tokio::test]
async fn the_naive_client_is_hurt_by_the_main_incident() {
    let begin = std::time::Instant::now();
    let (report, scenes) = run("mews-secret-changed", &naive()).await;
    for scene in &scenes {
        println!("{:>8} {:?}", scene.at_ms, scene.what);
    }
    println!("{}  {:?}", serde_json::to_string(&report).unwrap(), begin.elapsed());
    assert!(!report.ok);
}
