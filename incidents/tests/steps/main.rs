//! Every step that the format knows, played: small incidents that belong in no catalogue.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests")]

mod example;
mod kills;
mod shown;

use mainstay_incidents::{
    director::{ClientCommand, Happening, Scene, play},
    format::Incident,
    protocol::StateName,
    report::Report,
};

const HEAD: &str = r#"
title = "Something small"
year = 2026
source = "This test"
story = "It is made up."
suffered = "Nobody did."
"#;

async fn run_with(client: &str, body: &str) -> (Report, Vec<Scene>) {
    let incident = Incident::parse("small", &format!("{HEAD}{body}")).unwrap_or_else(|error| panic!("{error}"));
    let mut scenes = Vec::new();
    let report = play(&incident, &ClientCommand::new(client), &mut |scene| scenes.push(scene)).await.unwrap();
    (report, scenes)
}

async fn run(body: &str) -> (Report, Vec<Scene>) {
    run_with(env!("CARGO_BIN_EXE_mainstay-incident-client"), body).await
}

async fn run_naive(body: &str) -> (Report, Vec<Scene>) {
    run_with(env!("CARGO_BIN_EXE_mainstay-naive-client"), body).await
}

async fn all_is_so(body: &str) -> (Report, Vec<Scene>) {
    let (report, scenes) = run(body).await;
    assert!(report.ok, "{:#?}\n{scenes:#?}", report.failures);
    (report, scenes)
}

#[tokio::test]
async fn a_good_day_is_a_good_day() {
    let (report, _) = all_is_so(
        r#"
        [given]
        lasts = "1h"
        app = { sells_every = "5m", sale_cents = 450 }
        [[expect]]
        state = "signed_in"
        reason = "none"
        never = ["recovering"]
        requests = { authorize = 0, sales = 12 }
        seconds_not_selling = 0
        sales_delivered_once = true
        app_data_identical = true
        session_survives_restart = true
        "#,
    )
    .await;
    assert_eq!((report.sales.taken, report.sales.delivered, report.sales.refused), (12, 12, 0));
}

#[tokio::test]
async fn what_was_queued_before_is_delivered_when_the_network_returns() {
    let (report, _) = all_is_so(
        r#"
        [given]
        lasts = "10m"
        app = { queued_sales = 3, sale_cents = 450 }
        [[expect]]
        state = "signed_in"
        sales_delivered_once = true
        seconds_lost = 0
        "#,
    )
    .await;
    assert_eq!(report.sales.delivered, 3);
}

#[tokio::test]
async fn a_till_without_network_sells_offline_and_delivers_later() {
    all_is_so(
        r#"
        [given]
        lasts = "30m"
        [[steps]]
        at = "1m"
        who = "device"
        what = "network"
        state = "off"
        [[steps]]
        at = "2m"
        who = "app"
        what = "sell"
        count = 3
        [[steps]]
        at = "12m"
        who = "device"
        what = "network"
        state = "on"
        [[expect]]
        at = "5m"
        never = ["signed_out", "sign_in_required", "holding"]
        sales_delivered_once = false
        [[expect]]
        state = "signed_in"
        prompts = 0
        seconds_not_selling = { min = 600, max = 700 }
        seconds_lost = 0
        sales_delivered_once = true
        "#,
    )
    .await;
}

#[tokio::test]
async fn clearing_the_apps_data_is_what_it_is() {
    let (report, _) = run(r#"
        [given]
        lasts = "10m"
        [[steps]]
        at = "1m"
        who = "device"
        what = "clear_app_data"
        [[expect]]
        state = "signed_out"
        credentials_destroyed = 1
        app_data_identical = false
        "#)
    .await;
    assert!(report.ok, "{:#?}", report.failures);
}

#[tokio::test]
async fn a_person_signs_out_and_in_again() {
    let (_, scenes) = all_is_so(
        r#"
        [given]
        lasts = "10m"
        [[steps]]
        at = "1m"
        who = "person"
        what = "sign_out"
        [[steps]]
        at = "2m"
        who = "app"
        what = "sell"
        [[steps]]
        at = "3m"
        who = "person"
        what = "sign_in"
        person = "grace"
        [[expect]]
        at = "2m30s"
        state = "signed_out"
        reason = "out.user"
        [[expect]]
        state = "signed_in"
        prompts = 0
        requests.authorize = 1
        foreign_bytes = 0
        seconds_lost = 120
        "#,
    )
    .await;
    assert!(scenes.iter().any(|scene| matches!(&scene.what, Happening::Shown(name) if name == "Grace")));
}

#[tokio::test]
async fn time_passes_while_the_server_holds_a_request_back() {
    let (report, scenes) = all_is_so(
        r#"
        [given]
        lasts = "10m"
        [[steps]]
        at = "1m"
        who = "server"
        what = "fault"
        name = "hold"
        scope = "sales"
        [[steps]]
        at = "2m"
        who = "app"
        what = "sell"
        [[steps]]
        at = "2m10s"
        who = "server"
        what = "release"
        [[expect]]
        at = "2m5s"
        sales_delivered_once = false
        [[expect]]
        state = "signed_in"
        seconds_not_selling = 10
        sales_delivered_once = true
        "#,
    )
    .await;
    assert_eq!(report.requests["sales"], 1);
    let delivered = scenes.iter().find(|scene| matches!(scene.what, Happening::Sale { after_ms: 10_000, .. }));
    assert_eq!(delivered.unwrap().at_ms, 130_000);
}

#[tokio::test]
async fn a_slow_answer_comes_when_the_servers_clock_says_so() {
    let (_, scenes) = all_is_so(
        r#"
        [given]
        lasts = "10m"
        [[steps]]
        at = "1m"
        who = "server"
        what = "fault"
        name = "slow"
        millis = 2500
        scope = "sales"
        times = 1
        [[steps]]
        at = "2m"
        who = "app"
        what = "sell"
        [[expect]]
        seconds_not_selling = 3
        sales_delivered_once = true
        "#,
    )
    .await;
    assert!(scenes.iter().any(|scene| matches!(scene.what, Happening::Sale { after_ms: 2500, .. })));
}

#[tokio::test]
async fn clocks_that_are_set_off_are_only_a_warning() {
    all_is_so(
        r#"
        [given]
        lasts = "2h"
        app = { sells_every = "5m" }
        [[steps]]
        at = "1m"
        who = "device"
        what = "clock"
        shift = "1d"
        [[steps]]
        at = "30m"
        who = "device"
        what = "restart"
        [[steps]]
        at = "1h"
        who = "device"
        what = "clock"
        shift = "2d"
        back = true
        [[expect]]
        state = "signed_in"
        prompts = 0
        never = ["signed_out", "sign_in_required", "holding", "recovering"]
        seconds_lost = 0
        sales_delivered_once = true
        "#,
    )
    .await;
}

#[tokio::test]
async fn the_apps_own_calls_come_back_with_their_answers() {
    let (_, scenes) = all_is_so(
        r#"
        [given]
        lasts = "10m"
        [[steps]]
        at = "1m"
        who = "app"
        what = "call"
        path = "/api/catalogue"
        count = 20
        [[steps]]
        at = "2m"
        who = "server"
        what = "fault"
        name = "status"
        status = 403
        scope = "api"
        [[steps]]
        at = "3m"
        who = "app"
        what = "call"
        path = "/api/me"
        [[expect]]
        state = "signed_in"
        requests = { catalogue = 20, me = 1 }
        "#,
    )
    .await;
    let called = |wanted: u16| {
        let is_it =
            |scene: &&Scene| matches!(scene.what, Happening::Called { result: Ok(status), .. } if status == wanted);
        scenes.iter().filter(is_it).count()
    };
    assert_eq!((called(200), called(403)), (20, 1));
}

#[tokio::test]
async fn a_person_who_taps_and_dismisses_harms_nothing() {
    all_is_so(
        r#"
        [given]
        lasts = "1h"
        [given.server]
        access_tokens_live = "2h"
        refresh_tokens = "signed"
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
        at = "5m"
        who = "person"
        what = "dismiss"
        [[steps]]
        at = "6m"
        who = "person"
        what = "tap_retry"
        [[steps]]
        at = "30m"
        who = "server"
        what = "accept_old_secret"
        [[steps]]
        at = "31m"
        who = "person"
        what = "tap_retry"
        [[expect]]
        at = "20m"
        state = "sign_in_required"
        prompts = 1
        [[expect]]
        at = "32m"
        state = "signed_in"
        [[expect]]
        prompts = 1
        requests.authorize = 0
        credentials_destroyed = 0
        sales_delivered_once = true
        "#,
    )
    .await;
}

#[tokio::test]
async fn wiped_sessions_and_revoked_ones_are_two_things() {
    let (wiped, _) = run(r#"
        [given]
        lasts = "30m"
        device_key = true
        server = { access_tokens_live = "5m" }
        app = { sells_every = "1m" }
        [[steps]]
        at = "1m"
        who = "server"
        what = "wipe_sessions"
        [[expect]]
        state = "signed_in"
        prompts = 0
        requests.jwt_bearer = { min = 1 }
        "#)
    .await;
    assert!(wiped.ok, "{:#?}", wiped.failures);
    let (revoked, _) = run(r#"
        [given]
        lasts = "30m"
        device_key = true
        app = { sells_every = "1m" }
        [[steps]]
        at = "1m"
        who = "server"
        what = "revoke_sessions"
        person = "ada"
        device_keys = true
        [[expect]]
        state = "sign_in_required"
        prompts = 1
        seconds_lost = 0
        "#)
    .await;
    assert!(revoked.ok, "{:#?}", revoked.failures);
}

#[tokio::test]
async fn a_client_that_is_none_is_an_error_with_its_last_words() {
    let incident =
        Incident::parse("small", &format!("{HEAD}[given]\nlasts = \"1m\"\n[[expect]]\nprompts = 0\n")).unwrap();
    let mut watch = |_| {};
    let missing = play(&incident, &ClientCommand::new("no-such-program"), &mut watch).await.unwrap_err();
    assert!(missing.to_string().contains("no-such-program cannot be started"), "{missing}");
    let talker = ClientCommand::new("sh").arg("-c").arg("read line; echo hello; echo goodbye >&2; read line");
    let talker = play(&incident, &talker, &mut watch).await.unwrap_err();
    assert!(talker.to_string().contains("not understood"), "{talker}");
    let quitter = ClientCommand::new("sh").arg("-c").arg("read line; echo goodbye >&2; exit 3");
    let quitter = play(&incident, &quitter, &mut watch).await.unwrap_err();
    assert!(quitter.to_string().contains("closed its output"), "{quitter}");
}

#[tokio::test]
async fn states_are_told_in_the_order_in_which_they_were_entered() {
    let (_, scenes) = run(r#"
        [given]
        lasts = "30m"
        app = { sells_every = "1m" }
        [[steps]]
        at = "1m30s"
        who = "server"
        what = "change_secret"
        keep_old = false
        [[expect]]
        prompts = 0
        "#)
    .await;
    let states: Vec<StateName> = scenes
        .iter()
        .filter_map(|scene| match &scene.what {
            Happening::State(state) => Some(state.state),
            _ => None,
        })
        .collect();
    assert_eq!(states, [StateName::Recovering, StateName::SignedIn]);
}

#[tokio::test]
async fn without_a_who_am_i_the_probe_is_userinfo() {
    let (report, _) = all_is_so(
        r#"
        [given]
        lasts = "10m"
        profile = { knows_who_am_i = false }
        [[steps]]
        at = "1m"
        who = "server"
        what = "change_secret"
        keep_old = false
        [[steps]]
        at = "2m"
        who = "app"
        what = "sell"
        [[expect]]
        state = "signed_in"
        requests.userinfo = { min = 1, max = 3 }
        "#,
    )
    .await;
    assert_eq!(report.requests.get("me"), None);
}
