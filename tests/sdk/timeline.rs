//! The timeline as it leaves the device: bounded, without secrets, in a frozen shape, and still there after a kill.

use std::time::Duration;

use mainstay::{
    Session, State,
    driver::{TIMELINE_VERSION, TimelineExport},
};
use mainstay_mock_server::{Endpoint, Fault};

use crate::till::{A_WHILE, Till, is_signed_in};

/// A shape that is never changed, with everything in it that can be.
const FROZEN: &str = include_str!("../fixtures/timeline/v1.json");

/// A rejected token, and an authorization server that is down: an episode that lasts.
async fn in_an_episode() -> (Till, Session) {
    let (till, session) = Till::signed_in().await;
    till.pass(A_WHILE).await;
    till.control().set_fault(Fault::status(503).at(Endpoint::Refresh)).unwrap();
    till.control().change_secret(false);
    till.call(&session).await.unwrap_err();
    till.settle().await;
    (till, session)
}

/// 1. An episode begins, and the session holds. 2. The process is killed in the middle of it. 3. The next one knows the whole
/// episode: what was seen, what was decided, when, and what comes next. 4. It ends, and has one beginning and one end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_episode_s_timeline_survives_a_kill_in_the_middle() {
    let (mut till, session) = in_an_episode().await;
    let before = session.export_timeline();
    assert_eq!((before.episodes.len(), before.episodes[0].until_ms), (1, None));

    let session = till.restart().await.unwrap();
    let after = session.export_timeline();
    assert_eq!(after.episodes, before.episodes);
    assert_eq!(after.lines[..before.lines.len()], before.lines[..], "not a line was lost");
    assert_eq!((&after.now.explanation, &after.now.code), (&before.now.explanation, &before.now.code));

    till.control().clear_faults();
    till.pass(Duration::from_secs(3600)).await;
    assert!(is_signed_in(&session));
    let ended = session.export_timeline();
    assert_eq!(ended.episodes.len(), 1);
    assert!(ended.episodes[0].until_ms.is_some());
    let of_episode = |line: &&mainstay::driver::LineExport| line.episode == Some(0);
    let lines: Vec<_> = ended.lines.iter().filter(of_episode).collect();
    assert_eq!(lines.first().unwrap().code, "evidence.invalid_token");
    assert_eq!(lines.last().unwrap().code, "verdict.recovered");
    let holds: Vec<_> = lines.iter().filter(|line| line.code == "cause.server_trouble").collect();
    assert!(!holds.is_empty() && holds.iter().all(|line| line.until_ms.is_some()), "why it waits, and until when");
}

/// Days of trouble: the first lines say why, the last say how things are, and in between something is left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn days_of_trouble_fit_into_an_export_that_begins_with_the_reason() {
    let (till, session) = in_an_episode().await;
    till.pass(Duration::from_secs(4 * 24 * 3600)).await;
    assert!(matches!(session.state().state, State::Holding { .. } | State::SignInRequired { .. }));
    let export = session.export_timeline();
    assert_eq!(export.lines.len(), 200);
    assert!(export.left_out > 0);
    assert!(export.to_json().len() < 64 * 1024, "{}", export.to_json().len());
    let first = export.lines.iter().position(|line| line.episode == Some(0)).unwrap();
    assert_eq!(export.lines[first].code, "evidence.invalid_token");
    assert_eq!(export.lines[first].at_ms, export.episodes[0].since_ms);
}

/// Everything that a scanner for leaks would look for, and everything that says who or where this is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_has_no_secret_and_nobody_s_name_in_it() {
    let (till, session) = Till::signed_in().await;
    let token = session.access_token().await.unwrap();
    till.pass(A_WHILE).await;
    // A server that answers with whatever it was shown, and with names.
    let echo = serde_json::json!({ "error": "invalid_grant", "error_description": format!("ada {}", token.expose()) });
    till.control().set_fault(Fault::json(400, echo.to_string()).at(Endpoint::Refresh)).unwrap();
    till.control().change_secret(false);
    till.call(&session).await.unwrap_err();
    let identity = session.identity().unwrap();
    let export = session.export_timeline();
    let shown = [export.to_json(), export.to_text(), format!("{export:?}")];
    let mut secrets: Vec<&str> = token.expose().split('.').collect();
    let host = till.server.url().host_str().unwrap().to_owned();
    secrets.extend([identity.subject.as_deref().unwrap(), &identity.issuer, &host, "Bearer", "ada"]);
    for text in &shown {
        assert!(found(text, &secrets).is_none(), "{:?} in {text}", found(text, &secrets));
    }
    // The negative control: the same search finds what a careless line would show.
    let careless = format!("{} {token:?} for {}", shown[0], identity.subject.as_deref().unwrap());
    assert!(found(&careless, &secrets).is_some());
}

fn found<'a>(text: &str, secrets: &[&'a str]) -> Option<&'a str> {
    let words = || text.split(|letter: char| !letter.is_alphanumeric() && !"-_".contains(letter));
    let is_there =
        |secret: &&&str| if secret.len() > 8 { text.contains(**secret) } else { words().any(|word| word == **secret) };
    secrets.iter().find(is_there).copied()
}

/// Each member by its path, with `[]` for every element of a list.
fn members(value: &serde_json::Value, path: &str, found: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(object) => {
            object.iter().for_each(|(name, value)| members(value, &format!("{path}.{name}"), found));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|value| members(value, &format!("{path}[]"), found)),
        _ => {
            found.insert(path.to_owned());
        }
    }
}

fn members_of(text: &str) -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    members(&serde_json::from_str(text).unwrap(), "", &mut found);
    found
}

/// Version 1 is read for ever, and written with these members and no others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shape_of_version_1_is_frozen() {
    let frozen: TimelineExport = serde_json::from_str(FROZEN).unwrap();
    assert_eq!((frozen.format.as_str(), frozen.version), ("mainstay-timeline", TIMELINE_VERSION));
    assert_eq!(frozen.to_json(), FROZEN.trim_end());

    let (till, session) = in_an_episode().await;
    till.control().clear_faults();
    till.pass(Duration::from_secs(3600)).await;
    till.control().set_fault(Fault::status(503).at(Endpoint::Refresh)).unwrap();
    till.control().change_secret(false);
    till.call(&session).await.unwrap_err();
    till.settle().await;
    assert_eq!(members_of(&session.export_timeline().to_json()), members_of(FROZEN));

    let page = include_str!("../../docs/timeline.md");
    for member in members_of(FROZEN) {
        let name = member.rsplit('.').next().unwrap();
        assert!(
            page.contains(&format!("`{name}`")) || page.contains(&format!(".{name}`")),
            "docs/timeline.md has no {member}"
        );
    }
}

#[test]
fn the_text_tells_the_story_with_the_time_between_its_lines() {
    let frozen: TimelineExport = serde_json::from_str(FROZEN).unwrap();
    let text = frozen.to_text();
    assert!(text.contains("(3 lines are left out)"), "{text}");
    assert!(text.contains("Episode 1."), "{text}");
    assert!(text.contains("+0 s          evidence  The resource server answered 401 `invalid_token`"), "{text}");
    assert!(text.contains("Waiting a random time, so that not all devices come at once. (for 9 s)"), "{text}");
    assert!(text.ends_with("Next: next.retry in 20 s.\n"), "{text}");
}
