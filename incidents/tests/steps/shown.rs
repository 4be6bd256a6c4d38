//! What a person sees: answers, and whose name is in them.

use super::*;

#[tokio::test]
async fn another_persons_name_on_the_screen_is_counted() {
    let (report, scenes) = run_naive(
        r#"
        [given]
        lasts = "10m"
        person = { answers_after = "1m" }
        [[steps]]
        at = "1m"
        who = "server"
        what = "fault"
        name = "foreign_identity"
        person = "grace"
        scope = "me"
        [[steps]]
        at = "2m"
        who = "device"
        what = "restart"
        [[expect]]
        foreign_bytes = 0
        "#,
    )
    .await;
    assert!(scenes.iter().any(|scene| matches!(&scene.what, Happening::Shown(name) if name == "Grace")));
    assert_eq!(report.foreign_bytes, 5, "five letters");
    assert!(!report.ok);
}

#[tokio::test]
async fn nobody_elses_name_is_shown_with_mainstay() {
    let (report, _) = run(r#"
        [given]
        lasts = "10m"
        [[steps]]
        at = "1m"
        who = "server"
        what = "fault"
        name = "foreign_identity"
        person = "grace"
        scope = "me"
        [[steps]]
        at = "2m"
        who = "server"
        what = "change_secret"
        keep_old = false
        [[steps]]
        at = "3m"
        who = "app"
        what = "sell"
        [[expect]]
        foreign_bytes = 0
        visited = ["quarantined"]
        "#)
    .await;
    assert!(report.ok, "{:#?}", report.failures);
}

#[tokio::test]
async fn what_a_call_brings_is_shown_and_somebody_elses_is_not() {
    const MIXED_UP: &str = r#"
        [given]
        lasts = "10m"
        profile = { knows_the_echo = true }
        [[steps]]
        at = "1m"
        who = "app"
        what = "call"
        path = "/api/me"
        show = true
        [[steps]]
        at = "2m"
        who = "server"
        what = "fault"
        name = "foreign_identity"
        person = "grace"
        scope = "api"
        [[steps]]
        at = "3m"
        who = "app"
        what = "call"
        path = "/api/me"
        show = true
        [[expect]]
        state = "quarantined"
        reason = "foreign.identity_echo"
        foreign_bytes = 0
        "#;
    let shows = |scenes: &[Scene], name: &str| {
        scenes.iter().any(|scene| matches!(&scene.what, Happening::Shown(text) if text.contains(name)))
    };
    let (_, scenes) = all_is_so(MIXED_UP).await;
    assert!(shows(&scenes, "Ada") && !shows(&scenes, "Grace"));
    let (report, scenes) = run_naive(MIXED_UP).await;
    assert!(shows(&scenes, "Grace"));
    assert_eq!(report.foreign_bytes, 5);
}
