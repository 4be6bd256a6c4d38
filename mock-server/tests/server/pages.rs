//! The pages: what a person sees.

use http::Method;
use mainstay_mock_server::NOBODY_YET;

use crate::{
    start,
    support::{Answer, parameter},
};

fn ticket(page: &Answer) -> String {
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    html.split("name=\"ticket\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_person_signs_in_with_name_and_pin() {
    let (server, till) = start().await;
    server.control().show_sign_in_page();
    let page = till.authorize(&[("state", "s"), ("login_hint", "grace")]).await;
    assert_eq!(page.status, 200);
    let ticket = ticket(&page);
    let fields = |pin| [("ticket", ticket.as_str()), ("person", "grace"), ("pin", pin)];

    let wrong = till.form("/authorize/sign-in", &fields("0000")).await;
    assert_eq!(wrong.status, 403);
    assert!(String::from_utf8_lossy(&wrong.body).contains("not the right PIN"));
    let right = till.form("/authorize/sign-in", &fields("1234")).await;
    assert_eq!((right.status.as_u16(), parameter(right.header("location"), "state").as_str()), (302, "s"));
    let tokens = till.exchange(&parameter(right.header("location"), "code")).await;
    assert_eq!(till.get("/api/me", &tokens.text("access_token")).await.text("sub"), "grace");
    assert_eq!(till.form("/authorize/sign-in", &fields("1234")).await.status, 400);

    till.authorize(&[]).await;
    let prompts = server.control().observations().prompts;
    assert_eq!((prompts["grace"], prompts[NOBODY_YET]), (1, 1));
}

#[tokio::test]
async fn a_client_cannot_write_on_the_page() {
    let (server, till) = start().await;
    server.control().show_sign_in_page();
    let page = till.authorize(&[("client_id", "<script>\"x\"</script>"), ("login_hint", "\"><img>")]).await;
    let html = String::from_utf8_lossy(&page.body).into_owned();
    assert!(!html.contains("<script") && !html.contains("<img"));
    assert!(html.contains("&lt;script&gt;&quot;x&quot;"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
}

#[tokio::test]
async fn the_page_is_served_without_a_token_and_knows_none() {
    let (server, till) = start().await;
    let page = till.send(Method::GET, "/", &[], "").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(!String::from_utf8_lossy(&page.body).contains(server.control_token()));
}

#[test]
fn the_page_shows_every_kind_of_fault() {
    let script = include_str!("../../src/page/script.js");
    let kinds = [
        "reject_all",
        "status",
        "html",
        "drop_after_commit",
        "slow",
        "hold",
        "cached",
        "foreign_identity",
        "redirect",
        "brown_out",
        "shared_cache",
        "portal",
        "wrong_retry_after",
        "cut_short",
        "body",
    ];
    for kind in kinds {
        assert!(script.contains(&format!("kind: \"{kind}\"")), "{kind}");
    }
}
