//! The app is killed, and started again.

use super::*;

#[tokio::test]
async fn a_killed_app_finds_its_session_and_its_sales() {
    let (_, scenes) = all_is_so(
        r#"
        [given]
        lasts = "30m"
        [[steps]]
        at = "1m"
        who = "server"
        what = "fault"
        name = "status"
        status = 503
        scope = "api"
        [[steps]]
        at = "2m"
        who = "app"
        what = "sell"
        [[steps]]
        at = "3m"
        who = "device"
        what = "kill"
        [[steps]]
        at = "4m"
        who = "server"
        what = "clear_faults"
        name = "status"
        [[steps]]
        at = "5m"
        who = "device"
        what = "restart"
        [[expect]]
        state = "signed_in"
        prompts = 0
        requests.authorize = 0
        seconds_lost = 120
        sales_delivered_once = true
        app_data_identical = true
        "#,
    )
    .await;
    assert!(scenes.iter().any(|scene| matches!(&scene.what, Happening::Shown(name) if name == "Ada")));
}

#[tokio::test]
async fn a_prompt_that_was_there_before_the_restart_is_the_same_prompt() {
    let (_, scenes) = all_is_so(
        r#"
        [given]
        lasts = "1h"
        server = { refresh_tokens = "signed" }
        [[steps]]
        at = "1m"
        who = "server"
        what = "change_secret"
        keep_old = false
        [[steps]]
        at = "2m"
        who = "app"
        what = "sell"
        [[steps]]
        at = "10m"
        who = "device"
        what = "restart"
        [[expect]]
        state = "sign_in_required"
        prompts = 1
        "#,
    )
    .await;
    let told = |code: &str| {
        let is_it = |scene: &&Scene| matches!(&scene.what, Happening::Note(note) if note.code == code);
        scenes.iter().filter(is_it).count()
    };
    assert_eq!(told("rung.person"), 1, "what the first process told is not told again");
}

#[tokio::test]
async fn an_app_that_is_started_without_a_network_has_none() {
    let (report, _) = all_is_so(
        r#"
        [given]
        lasts = "1h"
        app = { sells_every = "1m" }
        [[steps]]
        at = "5m30s"
        who = "device"
        what = "network"
        state = "off"
        [[steps]]
        at = "20m"
        who = "device"
        what = "restart"
        [[expect]]
        at = "30m"
        requests.any = 5
        [[expect]]
        prompts = 0
        "#,
    )
    .await;
    assert_eq!(report.requests["sales"], 5);
}

/// 1. The app sells, and the server has the sale. 2. The app is killed before it hears so. 3. It starts again, and delivers the
/// sale once more: the server has it once. The same with a refresh.
#[tokio::test]
async fn an_app_that_is_killed_in_the_middle_of_a_request_is_killed_there_and_nowhere_else() {
    for (during, moment, told) in [
        ("sales", "before_the_answer", false),
        ("sales", "after_the_answer", true),
        ("refresh", "before_the_answer", false),
    ] {
        let (report, scenes) = all_is_so(&format!(
            r#"
            [given]
            lasts = "30m"
            [given.server]
            rotation = "grace"
            [given.app]
            sells_every = "2m"
            [[steps]]
            at = "1m"
            who = "device"
            what = "kill"
            during = "{during}"
            moment = "{moment}"
            starts_again_after = "5s"
            [[expect]]
            state = "signed_in"
            kills = 1
            prompts = 0
            reuse_detections = 0
            seconds_lost = 5
            sales_delivered_once = true
            "#
        ))
        .await;
        let at = scenes.iter().position(|scene| matches!(scene.what, Happening::Killed { .. })).unwrap();
        let heard = scenes[..at]
            .iter()
            .any(|scene| matches!(&scene.what, Happening::Request { endpoint, .. } if endpoint == during));
        assert_eq!(heard, told, "{during} {moment}");
        let started = scenes.iter().find(|scene| scene.what == Happening::StartedAgain).unwrap();
        assert_eq!(started.at_ms - scenes[at].at_ms, 5000);
        assert_eq!(report.kills, 1);
    }
}

/// The negative control: without the request there is no kill, and a file that expects one says so.
#[tokio::test]
async fn a_kill_in_the_middle_of_something_that_never_happens_never_happens() {
    let (report, _) = run(r#"
        [given]
        lasts = "10m"
        [[steps]]
        at = "1m"
        who = "device"
        what = "kill"
        during = "revoke"
        [[expect]]
        kills = 1
        "#)
    .await;
    assert_eq!((report.ok, report.kills), (false, 0));
}
